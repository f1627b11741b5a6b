// SPDX-License-Identifier: LGPL-2.1-or-later
// Between the byte types of the cores and GstBuffer.
#pragma once

#include "core/bytes.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <utility>

namespace kam::glue {

// A buffer around bytes that a core hands over; nothing is copied.
inline BufferPtr wrap(ByteVector bytes)
{
  if (bytes.empty())
    return BufferPtr{gst_buffer_new()};
  auto *box = new ByteVector{std::move(bytes)};
  const auto size = box->size();
  return BufferPtr{gst_buffer_new_wrapped_full(
      GstMemoryFlags(0), box->data(), size, 0, size, box,
      [](gpointer owned) { delete static_cast<ByteVector *>(owned); })};
}

// The part of `buffer` that `part` is in `whole`, the buffer's mapped bytes, without its
// metadata. Memory is shared unless the part is so small that copying costs less.
inline BufferPtr region(GstBuffer *buffer, Bytes whole, Bytes part)
{
  constexpr std::size_t largest_copied = 2048;
  if (part.empty())
    return BufferPtr{gst_buffer_new()};
  const auto offset = static_cast<gsize>(part.data() - whole.data());
  if (part.size() <= largest_copied)
    return BufferPtr{gst_buffer_new_memdup(part.data(), part.size())};
  return BufferPtr{gst_buffer_copy_region(buffer, GST_BUFFER_COPY_MEMORY, offset, part.size())};
}

}  // namespace kam::glue
