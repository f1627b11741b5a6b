// SPDX-License-Identifier: LGPL-2.1-or-later
// A body in chunks (RFC 9112, section 7.1), decoded where it stands:
//
//   <size in hex>[;<extension>] CRLF  <data> CRLF   any number of times
//   0[;<extension>] CRLF  *( <trailer> CRLF )  CRLF
//
// Lines may end in a bare LF where it is a client that reads: alone on its connection, it
// cannot be made to see another response than somebody else. A server can.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>

namespace kam::http {

class ChunkedBody {
 public:
  enum class LineEnd { any, crlf };

  explicit ChunkedBody(LineEnd line_end = LineEnd::any) : line_end_{line_end} {}

  // Moves the data in `bytes` to their beginning and returns how much it is. Once finished()
  // or broken(), the rest is ignored.
  std::size_t decode(MutableBytes bytes);
  // How much of the last input belongs to the body, as it came.
  std::size_t used() const { return used_; }

  // Whether the last chunk was there; a body that ends before it is not whole.
  bool finished() const { return state_ == State::finished; }
  // Whether these are no chunks.
  bool broken() const { return state_ == State::broken; }

 private:
  enum class State {
    size,
    extension,
    data,
    data_end,
    trailer_start,
    trailer,
    finished,
    broken
  };
  bool step(char c);
  bool step_size(char c);
  void end_size_line();

  static constexpr std::size_t max_overhead = 16384;  // of one chunk's line, or the trailers

  LineEnd line_end_;
  State state_ = State::size;
  std::size_t used_ = 0;
  bool is_after_cr_ = false;
  std::uint64_t left_ = 0;  // of the chunk's data; while its size is read, that
  bool has_digit_ = false;
  std::size_t overhead_ = 0;
};

}  // namespace kam::http
