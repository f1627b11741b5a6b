// SPDX-License-Identifier: LGPL-2.1-or-later
// The addresses that torrentsrc plays: magnet:, torrent:, torrent+http:, torrent+https:.
#pragma once

#include <gst/gst.h>

namespace kam {

// For an element with the property "location". libtorrent reads magnets, never GstUri, which
// keeps one of several trackers.
void add_torrent_uri_handler(GType type);

}  // namespace kam
