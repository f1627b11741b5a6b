// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames that come as a stream of bytes, in pieces of any size.
#pragma once

#include "core/framing/frame.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace kam::framing {

struct Frame {
  std::string tag;
  std::optional<std::uint64_t> sequence;
  std::size_t header_size = 0;
  Bytes data;            // in the input, or in `collected`
  ByteVector collected;  // if the frame came in more than one input
  bool in_input = false;
};

// Frames have no sync between them: after a header that is none, the rest of the input is
// skipped and the next input is taken to begin with a frame.
class StreamDeframer {
 public:
  struct Limits {
    std::size_t max_frame_size = std::size_t{4} << 20U;  // of the data in a frame
  };

  explicit StreamDeframer(Limits limits) : limits_{limits} {}
  // From the next header on.
  void set_limits(Limits limits) { limits_ = limits; }

  // Takes the next bytes; they must stay until poll() has returned nothing.
  void feed(Bytes input);
  std::optional<std::variant<Frame, FrameFault>> poll();

  // Between two feeds, whether a frame has begun.
  bool is_open() const { return open_.has_value() || !partial_header_.empty(); }

  // The stream ends, or goes on somewhere else: what is open is short.
  std::optional<FrameFault> end();

  // Bytes that were neither in a frame nor are waiting for the rest of one.
  std::uint64_t bytes_skipped() const { return bytes_skipped_; }

 private:
  std::optional<std::variant<Frame, FrameFault>> read_header();
  std::optional<Frame> read_data();
  FrameFault lose_track(FrameFault fault, std::size_t earlier);

  Limits limits_;
  Bytes input_;
  bool lost_ = false;
  ByteVector partial_header_;
  std::optional<Frame> open_;  // its header has been read
  std::size_t data_size_ = 0;
  std::uint64_t bytes_skipped_ = 0;
};

}  // namespace kam::framing
