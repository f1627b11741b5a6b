// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>

namespace kam::torrent {

// What lies in one piece, of what was fed.
struct PieceRun {
  Bytes bytes;
  std::uint64_t piece = 0;
  bool ends_piece = false;
};

// Cuts a stream of bytes, in parts of any size, where its pieces end.
class PieceCutter {
 public:
  explicit PieceCutter(std::uint32_t piece_size) : piece_size_{piece_size} {}

  // Takes the next bytes; they must stay until poll() has returned nothing.
  void feed(Bytes bytes) { input_ = bytes; }
  std::optional<PieceRun> poll();

  std::uint64_t total_bytes() const { return piece_ * piece_size_ + filled_; }
  // With the last one, that is not full.
  std::uint64_t pieces() const { return piece_ + (filled_ > 0 ? 1 : 0); }
  bool is_at_piece_end() const { return filled_ == 0; }

 private:
  std::uint32_t piece_size_;
  std::uint64_t piece_ = 0;
  std::uint32_t filled_ = 0;
  Bytes input_;
};

}  // namespace kam::torrent
