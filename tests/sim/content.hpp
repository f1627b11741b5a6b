// SPDX-License-Identifier: LGPL-2.1-or-later
// What is sent, and whether what was delivered is that.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace kam::sim {

// Endless bytes of which any 15 tell where they stand, so that a receiver that joins late or
// has lost something can be checked without knowing what it missed.
class Content {
 public:
  explicit Content(std::uint64_t key) : key_{key} {}

  void write(std::uint64_t offset, MutableBytes out) const;
  bool is_at(std::uint64_t offset, Bytes bytes) const;
  // The first place from `from` on where `bytes` stand, not beyond `end`.
  std::optional<std::uint64_t> find(Bytes bytes, std::uint64_t from, std::uint64_t end) const;

  static constexpr std::size_t telling_size = 15;

 private:
  std::uint64_t word(std::uint64_t index) const;

  std::uint64_t key_;
};

// Follows one object at one receiver: all of it is a part of what was sent, in order, and what
// is left out was announced.
class Track {
 public:
  explicit Track(std::uint64_t key) : content_{key} {}

  // Each returns what is wrong, if anything. `sent` is how many bytes have been sent so far.
  std::optional<std::string> take(Bytes bytes, std::uint64_t sent);
  std::optional<std::string> lose(std::uint64_t sent);
  // The end, and whether nothing is missing is claimed.
  std::optional<std::string> end(bool complete, std::uint64_t sent);

  std::uint64_t delivered() const { return delivered_; }
  std::uint64_t losses() const { return losses_; }
  // Where the first byte stood; nothing if there was none.
  std::optional<std::uint64_t> first() const { return first_; }

 private:
  std::optional<std::string> locate(std::uint64_t sent);

  Content content_;
  std::optional<std::uint64_t> at_;  // where the next byte stands, if that is known
  std::uint64_t floor_ = 0;          // no byte can stand before this
  ByteVector unplaced_;              // too few to tell
  std::optional<std::uint64_t> first_;
  std::uint64_t delivered_ = 0;
  std::uint64_t losses_ = 0;
};

}  // namespace kam::sim
