// SPDX-License-Identifier: LGPL-2.1-or-later
// Shoutcast's titles between the audio, as icy-metaint announces them:
//
//   <metaint bytes of audio> <n: 1 byte> <16 n bytes of metadata>   and again
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <variant>

namespace kam::icy {

inline constexpr std::size_t largest_block = std::size_t{255} * 16;

// Takes the metadata out of a stream of bytes, where they stand.
class Demuxer {
 public:
  struct Audio {
    Bytes bytes;  // in the input
  };
  struct Block {
    Bytes bytes;  // 16 to 4080; valid until the next call
  };
  using Event = std::variant<Audio, Block>;

  // `metaint` 0 means that there is nothing but audio.
  explicit Demuxer(std::uint64_t metaint) : metaint_{metaint}, until_block_{metaint} {}

  // Takes the next bytes; they must stay until poll() has returned nothing. Empty blocks, the
  // most common ones, are closed up, so that audio comes out in as few pieces as there are
  // blocks that say something.
  void feed(MutableBytes input) { input_ = input; }
  std::optional<Event> poll();

  // True if the next `size` bytes are nothing but audio; then they count as fed and polled.
  bool pass_audio(std::size_t size);

  // Blocks of any size that were passed, empty ones too.
  std::uint64_t blocks() const { return blocks_; }

 private:
  bool read_block();

  std::uint64_t metaint_;
  std::uint64_t until_block_;  // bytes of audio
  MutableBytes input_;
  bool in_block_ = false;  // its length byte has been read
  std::size_t block_size_ = 0;
  ByteVector block_;
  std::uint64_t blocks_ = 0;
};

}  // namespace kam::icy
