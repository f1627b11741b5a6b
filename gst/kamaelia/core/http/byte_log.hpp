// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <memory>

namespace kam::http {

// The latest bytes of a stream, found by how many came before them. They do not move while they
// are there, and take memory in blocks.
class ByteLog {
 public:
  static constexpr std::size_t block_size = std::size_t{64} << 10U;

  void append(Bytes bytes);
  // Of the first byte that is there, and of the one that will come next.
  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return end_; }
  // The bytes from `offset` on, which is there, or the end; as many as stand in one piece.
  Bytes at(std::uint64_t offset) const;
  // Bytes before `offset` are not needed any more; some of them may stay.
  void forget_before(std::uint64_t offset);

 private:
  using Block = std::array<std::byte, block_size>;

  std::deque<std::unique_ptr<Block>> blocks_;
  std::unique_ptr<Block> spare_;
  std::uint64_t begin_ = 0;  // always where a block begins
  std::uint64_t end_ = 0;
};

}  // namespace kam::http
