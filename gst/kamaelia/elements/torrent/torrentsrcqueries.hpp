// SPDX-License-Identifier: LGPL-2.1-or-later
// What torrentsrc answers to who asks about it: queries and its URI.
#pragma once

#include "elements/torrent/torrentsrcvalues.hpp"

namespace kam {

// A new string, or null if the location is no URI.
char *uri_of(const TorrentSrcValues &values);
// Whether it can be played; if not, why.
bool check_uri(const char *uri, GError **error);

// Both ways, before anything is known: who pulls from a magnet waits for its size.
void answer_scheduling(GstQuery *query);
// What has come of the file, as ranges. False if that is not asked in bytes or percent.
bool answer_buffering(GstQuery *query, const torrent::TorrentLease &lease, guint64 size);

// How many bytes of the file follow in the piece that has the one at `offset`.
guint64 bytes_to_piece_end(const torrent::Contents &contents, const torrent::File &file,
                           guint64 offset);

// 0 is never.
torrent::TorrentLease::Clock::time_point deadline_in(guint64 nanoseconds);

}  // namespace kam
