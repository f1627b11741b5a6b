// SPDX-License-Identifier: LGPL-2.1-or-later
// What libtorrent says, in our words.
#pragma once

#include "elements/torrent/swarm/torrentsession.hpp"

#include <libtorrent/error_code.hpp>
#include <libtorrent/operations.hpp>
#include <libtorrent/torrent_status.hpp>

#include <string>

namespace kam::torrent {

// Why the file at `path` cannot be used.
Failure failure_of(const lt::error_code &ec, lt::operation_t op, const std::string &path);
TorrentStatus status_of(const lt::torrent_status &from);

}  // namespace kam::torrent
