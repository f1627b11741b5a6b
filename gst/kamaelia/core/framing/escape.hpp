// SPDX-License-Identifier: LGPL-2.1-or-later
// Escaping that keeps a sync sequence out of the data between two of them.
//
// `%` becomes `%25` and every byte that occurs in the sync becomes `%` and its two
// lower-case hexadecimal digits (Kamaelia.Data.Escape, in one pass). Undoing it touches only
// those sequences; any other `%` is data.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace kam::framing {

// A sequence that chunks begin with, and what follows from it.
class Sync {
 public:
  static constexpr std::size_t max_size = 256;

  // Twenty-four times `X`, as Kamaelia has it.
  static Sync standard();
  // Nothing if `bytes` cannot be one: empty, too long, or made only of `%`, `0`–`9` and
  // `a`–`f`, which escaped data is full of.
  static std::optional<Sync> from(Bytes bytes);

  Bytes bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  // Whether `byte` must not stand in escaped data as it is.
  bool is_special(std::byte byte) const { return special_[std::to_integer<unsigned>(byte)]; }
  // The special byte other than `%`, where there is only one.
  std::optional<std::byte> only_special() const { return only_special_; }

  friend bool operator==(const Sync &a, const Sync &b) { return a.bytes_ == b.bytes_; }

 private:
  explicit Sync(Bytes bytes);

  ByteVector bytes_;
  std::array<bool, 256> special_{};
  std::optional<std::byte> only_special_;
};

// How many bytes of `data` have to be escaped; each grows by two.
std::size_t count_special(const Sync &sync, Bytes data);

// Writes `data` escaped to `out`, which has room for data.size() + 2 * count_special() bytes
// and for `escape_slack` more that are scratch. Returns the number of bytes written.
inline constexpr std::size_t escape_slack = 16;
std::size_t escape(const Sync &sync, Bytes data, MutableBytes out);

// Undoes escape() for data that comes in pieces.
class Unescaper {
 public:
  // Keeps a reference to `sync`.
  explicit Unescaper(const Sync &sync) : sync_{&sync} {}

  // Writes what `piece` stands for to `out`, which has room for piece.size() + 2 bytes;
  // an escape that the piece cuts waits for the next one. Returns the number written.
  std::size_t decode(Bytes piece, MutableBytes out);
  // The bytes of an escape that never became one: data after all. At most two.
  Bytes finish();
  void reset() { pending_size_ = 0; }

 private:
  const Sync *sync_;
  std::array<std::byte, 2> pending_{};
  std::size_t pending_size_ = 0;
};

}  // namespace kam::framing
