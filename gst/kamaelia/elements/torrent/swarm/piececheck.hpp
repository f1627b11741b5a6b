// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether the bytes in a torrent's files are those of the torrent, piece by piece.
//
// What was noted of an earlier run is a claim: meanwhile files may have been deleted, cut or
// written over, and of what a killed libtorrent kept beside the files it knows nothing any
// more.
#pragma once

#include "elements/torrent/swarm/torrentsession.hpp"

#include <libtorrent/fwd.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace kam::torrent {

// For how many files there are no hashes of pieces: a magnet's version 2 gets them late.
std::size_t files_without_hashes(const lt::torrent_info &info);

// A value that any thread may use.
class PieceCheck {
 public:
  enum class Verdict {
    right,
    wrong,
    unknown  // a part of it is not in its file, or the hash is not known
  };

  // Of files in that folder.
  PieceCheck(std::shared_ptr<const lt::torrent_info> info, std::string folder);

  // Of the pieces that are claimed those that the files are long enough for, and that look_at()
  // has a hash for.
  std::vector<bool> possible(std::vector<bool> claimed) const;

  // Reads the piece and hashes it.
  Verdict look_at(std::uint32_t piece) const;

 private:
  bool knows_hash(std::uint32_t piece) const;

  std::shared_ptr<const lt::torrent_info> info_;
  std::string folder_;
};

}  // namespace kam::torrent
