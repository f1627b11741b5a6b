// SPDX-License-Identifier: LGPL-2.1-or-later
// Frames as Kamaelia's Framer writes them (Kamaelia.Protocol.Framing.SimpleFrame):
//
//   <tag> SP <decimal length> LF <length bytes of data>
//
// The tag is a sequence number (1, 2, 3, … as Simple Reliable Multicast counts) or a word.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

namespace kam::framing {

// Longest tag that is read or written, in bytes.
inline constexpr std::size_t max_tag_size = 64;
// A header that has no line end within this many bytes is not one.
inline constexpr std::size_t max_header_size = 128;

struct FrameHeader {
  std::string_view tag;                   // in the bytes that were parsed
  std::optional<std::uint64_t> sequence;  // the tag's value, if it is a number
  std::uint64_t data_size = 0;            // as declared: nothing says that it is there
  std::size_t header_size = 0;            // up to and with the line end
};

enum class FrameFault {
  bad_header,   // not two fields and a line end
  bad_tag,      // not printable ASCII, too long, or begins like a number and is none
  bad_length,   // the length is not a number, or larger than anyone allows
  short_frame,  // the data ends before the declared length
};

struct NeedMore {};

// Reads the header at the start of `bytes`. Strict about what the fields say, liberal about
// the blanks around them, as Kamaelia's DeFramer is.
std::variant<FrameHeader, FrameFault, NeedMore> parse_frame_header(Bytes bytes);

// Whether a frame can carry `tag`: 1 to 64 printable ASCII characters, no blank among them.
bool is_valid_tag(std::string_view tag);

// The header of a frame, ready to go before its data.
class FrameHeaderText {
 public:
  FrameHeaderText(std::string_view tag, std::uint64_t data_size);
  FrameHeaderText(std::uint64_t sequence, std::uint64_t data_size);

  Bytes bytes() const { return std::as_bytes(std::span{text_}.first(size_)); }

 private:
  void append_length(std::uint64_t data_size);

  std::array<char, max_header_size> text_{};
  std::size_t size_ = 0;
};

}  // namespace kam::framing
