// SPDX-License-Identifier: LGPL-2.1-or-later
// What of TorrentSpec is libtorrent's; for those few files that speak with it.
#pragma once

#include "elements/torrent/swarm/torrentsession.hpp"

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/torrent_info.hpp>

namespace kam::torrent {

struct TorrentSpec::Parsed {
  lt::add_torrent_params params;
  std::string info_hash;
  std::vector<std::int32_t> selected;
  std::string file_path;
  std::shared_ptr<const Contents> contents;
  std::shared_ptr<const ByteVector> metainfo;
};

std::shared_ptr<const Contents> contents_of(const lt::torrent_info &info);
std::string hex_of(const lt::info_hash_t &hashes);
// Bytes of a .torrent file, of metadata that peers have told.
ByteVector metainfo_of(const lt::torrent_info &info);
std::optional<lt::tcp::endpoint> endpoint_in(const std::string &text);

}  // namespace kam::torrent
