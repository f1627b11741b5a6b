// SPDX-License-Identifier: LGPL-2.1-or-later
// libtorrent's posix disk I/O, but for two things. It opens a file, seeks and closes it again
// for every 16 KiB: here the file that is downloaded stays open between its blocks. And it
// reads for peers what an earlier run has noted: here such a piece is hashed first, because a
// peer that gets a wrong one takes us for one that lies, and never asks us again.
#pragma once

#include "elements/torrent/swarm/torrentstate.hpp"

#include <libtorrent/io_context.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/sha1_hash.hpp>

#include <map>
#include <memory>

namespace kam::torrent {

// By what libtorrent's disk I/O knows torrents: its info-hash, of 20 bytes.
using StatesByHash = std::map<lt::sha1_hash, std::weak_ptr<TorrentState>>;

// `states` are looked at when a torrent has got its metadata.
lt::disk_io_constructor_type disk_io(std::shared_ptr<glue::Guarded<StatesByHash>> states);

}  // namespace kam::torrent
