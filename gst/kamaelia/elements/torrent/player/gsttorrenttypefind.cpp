// SPDX-License-Identifier: LGPL-2.1-or-later
// Knows a .torrent file when it sees one.
#include "core/torrent/metainfo_guess.hpp"
#include "elements/torrent/elements.hpp"
#include "glue/refs.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace {

using namespace kam;
using torrent::MetainfoGuess;

// As far as lists of trackers may be before what decides.
constexpr std::array<guint, 3> looks{256, 4096, 65536};

MetainfoGuess look(GstTypeFind *find, guint size)
{
  const auto *data = gst_type_find_peek(find, 0, size);
  if (!data)
    return MetainfoGuess::no;
  return torrent::guess_metainfo(std::as_bytes(std::span{data, size}));
}

// The length is only known of files, and what is asked for beyond the end is not given.
guint whole_length(GstTypeFind *find)
{
  const auto length = gst_type_find_get_length(find);
  return length > 0 ? static_cast<guint>(std::min<guint64>(length, looks.back())) : 0;
}

void find_torrent(GstTypeFind *find, gpointer)
{
  const auto length = whole_length(find);
  auto guess = MetainfoGuess::undecided;
  for (const auto size : looks) {
    if (guess != MetainfoGuess::undecided || (length > 0 && size >= length))
      break;
    guess = look(find, size);
  }
  if (guess == MetainfoGuess::undecided && length > 0)
    guess = look(find, length);
  if (guess == MetainfoGuess::yes)
    gst_type_find_suggest_empty_simple(find, GST_TYPE_FIND_LIKELY, "application/x-bittorrent");
}

glue::Ref<GstCaps> torrent_caps()
{
  return glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("application/x-bittorrent"));
}

}  // namespace

GST_TYPE_FIND_REGISTER_DEFINE(torrenttypefind, "application/x-bittorrent", GST_RANK_SECONDARY,
                              find_torrent, "torrent", torrent_caps().get(), nullptr, nullptr)
