// SPDX-License-Identifier: LGPL-2.1-or-later
// libtorrent asks each peer for what it sends in a second (request_queue_time cannot be less),
// and for as much as the peer says it can remember. What is sought comes behind as much of that
// as the peer has in its buffers, and Transmission 3.00 refuses the last one. Here libtorrent's
// requests go through a core/torrent/request_window.
#pragma once

#include <libtorrent/add_torrent_params.hpp>

namespace kam::torrent {

// Peers are asked for no more than it takes to keep them busy.
void ask_little(lt::add_torrent_params &params);

}  // namespace kam::torrent
