// SPDX-License-Identifier: LGPL-2.1-or-later
// The sync sequence as chunker and dechunker are given it: as text or as bytes, and in caps.
#pragma once

#include "core/framing/escape.hpp"
#include "glue/bytes.hpp"
#include "glue/properties.hpp"

#include <gst/gst.h>

#include <optional>
#include <string>

namespace kam {

inline constexpr auto default_sync_text = "XXXXXXXXXXXXXXXXXXXXXXXX";

inline Bytes bytes_of(GBytes *bytes)
{
  gsize size = 0;
  const auto *data = static_cast<const std::byte *>(g_bytes_get_data(bytes, &size));
  return {data, size};
}

// Values has `std::string sync` and `glue::Ref<GBytes> sync_bytes`; the bytes win.
template <class Values>
framing::Sync sync_of(const Values &values)
{
  const auto bytes =
      values.sync_bytes ? bytes_of(values.sync_bytes.get()) : as_bytes(values.sync);
  return framing::Sync::from(bytes).value_or(framing::Sync::standard());
}

inline bool is_usable_sync(const std::string &text)
{
  return framing::Sync::from(as_bytes(text)).has_value();
}

inline bool is_usable_sync_bytes(const glue::Ref<GBytes> &bytes)
{
  return !bytes || framing::Sync::from(bytes_of(bytes.get())).has_value();
}

// Adds the two properties to a table.
template <class Table, class Values>
Table &add_sync_properties(Table &table, std::string Values::*sync,
                           glue::Ref<GBytes> Values::*sync_bytes)
{
  using glue::Mutable;
  return table
      .add_checked("sync", sync,
                   "Sequence that begins each chunk: 1 to 256 bytes, not made only of %, 0-9 "
                   "and a-f; a receiver that gets caps with a sync uses that one",
                   Mutable::in_playing, is_usable_sync)
      .add_checked(
          "sync-bytes", sync_bytes,
          "The same for sequences that are no text; if set, it is used instead of sync",
          Mutable::in_playing, is_usable_sync_bytes);
}

// The value of the field "sync" in application/x-kamaelia-chunk caps.
inline glue::BufferPtr sync_buffer(const framing::Sync &sync)
{
  return glue::BufferPtr{gst_buffer_new_memdup(sync.bytes().data(), sync.size())};
}

inline std::optional<framing::Sync> sync_in_caps(const GstCaps *caps)
{
  const auto *structure = gst_caps_get_structure(caps, 0);
  const auto *value = gst_structure_get_value(structure, "sync");
  if (!value || !GST_VALUE_HOLDS_BUFFER(value))
    return std::nullopt;
  const glue::ReadMap map{gst_value_get_buffer(value)};
  return framing::Sync::from(map.bytes());
}

}  // namespace kam
