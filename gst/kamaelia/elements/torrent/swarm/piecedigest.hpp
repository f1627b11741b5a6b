// SPDX-License-Identifier: LGPL-2.1-or-later
// What a torrent says of a piece: the hash of its bytes, in either version.
#pragma once

#include "core/bytes.hpp"
#include "core/torrent/piece_size.hpp"

#include <libtorrent/hasher.hpp>

#include <array>
#include <vector>

namespace kam::torrent {

using Sha1 = std::array<char, 20>;
using Sha256 = std::array<char, 32>;

// Takes the bytes of a piece as they come.
class PieceDigest {
 public:
  static constexpr std::size_t leaf_size = 16U << 10U;  // BEP 52

  void add(Bytes bytes, Format format);
  bool is_empty() const { return is_empty_; }

  Sha1 v1() const;
  // The root of the tree over as many leaves as there are, or `width`, a power of two.
  Sha256 v2(std::size_t width) const;

 private:
  void add_leaves(Bytes bytes);

  bool is_empty_ = true;
  lt::hasher sha1_;
  lt::hasher256 sha256_;
  std::size_t leaf_bytes_ = 0;
  std::vector<Sha256> leaves_;
};

}  // namespace kam::torrent
