// SPDX-License-Identifier: LGPL-2.1-or-later
// What of a torrent is on the disk, written down piece by piece so that it outlives the
// process.
//
//   "KAMTORR1"  is_closed:1  boot:36  info_hash:64  path_length:2  path  piece_count:4  seal:8
//   and for each piece 4 bytes: zero, or the piece's mark
//
// Numbers are little-endian. The seal is a hash of what is before it, is_closed left out; a
// mark is a hash of the seal and the piece's number. So a piece counts as there only if exactly
// this was written, whatever became of the rest. No secret is in it: it guards against
// accidents and not against who can write the file, for they can write the data too.
//
// is_closed is 1 when the torrent was put away in order. If it is 0, what was written may have
// been lost only if the machine went down: then the boot is another one.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kam::torrent {

struct JournalHead {
  std::string boot;       // names this run of the machine; at most 36 bytes
  std::string info_hash;  // in hex; at most 64 bytes
  std::string save_path;  // at most 4096 bytes
  std::uint32_t piece_count = 0;
};

class Journal {
 public:
  static constexpr std::uint32_t most_pieces = 0x200000;
  static constexpr std::size_t longest_path = 4096;

  explicit Journal(const JournalHead &head);

  // The whole file, with no piece in it.
  ByteVector blank() const;

  // Where in the file a piece's mark goes, and what it is.
  std::size_t mark_offset(std::uint32_t piece) const
  {
    return head_.size() + piece * std::size_t{4};
  }
  std::array<std::byte, 4> mark_bytes(std::uint32_t piece) const;
  static constexpr std::size_t closed_offset = 8;

  // The pieces that a file written by a journal with this head says are there; nothing if it
  // was written by another one, or if it does not tell: the machine went down meanwhile.
  std::optional<std::vector<bool>> read(Bytes file) const;

 private:
  ByteVector head_;
  std::uint64_t seal_ = 0;
  std::uint32_t piece_count_ = 0;
};

}  // namespace kam::torrent
