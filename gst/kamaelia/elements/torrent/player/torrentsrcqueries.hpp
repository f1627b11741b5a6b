// SPDX-License-Identifier: LGPL-2.1-or-later
// What torrentsrc answers to queries.
#pragma once

#include "elements/torrent/player/playedtorrent.hpp"

#include <gst/gst.h>

namespace kam {

// If it can seek, it can be pulled from too: before anything is known, who pulls from a magnet
// waits for its size.
void answer_scheduling(GstQuery *query, bool can_seek);
// What has come of the file, as ranges. False if that is not asked in bytes or percent.
bool answer_buffering(GstQuery *query, const torrent::TorrentLease &lease, guint64 size);

// The address of the file that is played, as magnet:PATH?xt=…: who has to find out what it is
// begins with what has such an ending, and need not look at other places of it. False if there
// is no file yet, or it is a part of a series. `location` is the element's.
bool answer_uri(GstQuery *query, const PlayedTorrent &torrent, const std::string &location);

}  // namespace kam
