// SPDX-License-Identifier: LGPL-2.1-or-later
// What torrentsrc answers to queries.
#pragma once

#include "elements/torrent/torrentsession.hpp"

#include <gst/gst.h>

namespace kam {

// If it can seek, it can be pulled from too: before anything is known, who pulls from a magnet
// waits for its size.
void answer_scheduling(GstQuery *query, bool can_seek);
// What has come of the file, as ranges. False if that is not asked in bytes or percent.
bool answer_buffering(GstQuery *query, const torrent::TorrentLease &lease, guint64 size);

}  // namespace kam
