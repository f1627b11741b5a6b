// SPDX-License-Identifier: LGPL-2.1-or-later
// From the hashes of a file to its .torrent: Kamaelia's TorrentMaker. Nothing of libtorrent is
// seen here.
#pragma once

#include "core/bytes.hpp"
#include "core/torrent/piece_size.hpp"
#include "elements/torrent/maker/piecehasher.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace kam::torrent {

// What a torrent says besides the hashes.
struct Description {
  Format format = Format::v1;
  std::string file_name;  // what clients save the file as; not empty
  std::string title;
  std::string comment;
  std::string created_by;
  std::int64_t creation_date = 0;  // seconds since 1970; 0 for none
  bool is_private = false;
  std::string source;
  std::vector<std::string> trackers;  // tried in this order
  std::vector<std::string> web_seeds;
};

struct MadeTorrent {
  ByteVector metainfo;
  std::string info_hash;     // in hex; empty if the format has no version 1
  std::string info_hash_v2;  // in hex; empty if it has no version 2
  std::string magnet;

  // The one that people name.
  const std::string &any_info_hash() const
  {
    return info_hash.empty() ? info_hash_v2 : info_hash;
  }
};

// Or why libtorrent refuses it. There has to be at least one byte.
std::variant<MadeTorrent, std::string> make_torrent(const PieceHashes &hashes,
                                                    const Description &description);

// Whether it is the address of a tracker (http, https, udp), of a web seed (http, https).
bool is_tracker_url(const std::string &url);
bool is_web_seed_url(const std::string &url);

}  // namespace kam::torrent
