// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/chunked_body.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace kam::http {
namespace {

std::optional<unsigned> hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f')
    return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F')
    return static_cast<unsigned>(c - 'A') + 10;
  return std::nullopt;
}

}  // namespace

std::size_t ChunkedBody::decode(MutableBytes bytes)
{
  std::size_t data = 0;
  std::size_t at = 0;
  while (at < bytes.size() && !finished() && !broken()) {
    if (state_ == State::data) {
      const auto size =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      if (data != at)
        std::memmove(bytes.data() + data, bytes.data() + at, size);
      data += size;
      at += size;
      left_ -= size;
      if (left_ == 0)
        state_ = State::data_end;
    } else if (!step(static_cast<char>(bytes[at++]))) {
      state_ = State::broken;
    }
  }
  used_ = at;
  return data;
}

// One byte outside the data. False if it cannot be there.
bool ChunkedBody::step(char c)
{
  if (++overhead_ > max_overhead)
    return false;
  if (line_end_ == LineEnd::crlf && (c == '\n') != is_after_cr_)
    return false;
  is_after_cr_ = c == '\r';
  switch (state_) {
  case State::size: return step_size(c);
  case State::extension:
    if (c == '\n')
      end_size_line();
    return true;
  case State::data_end:
    if (c == '\n') {
      state_ = State::size;
      has_digit_ = false;
      left_ = 0;
      overhead_ = 0;
    }
    return c == '\n' || c == '\r';
  case State::trailer_start:
    if (c == '\n')
      state_ = State::finished;
    else if (c != '\r')
      state_ = State::trailer;
    return true;
  case State::trailer:
    if (c == '\n')
      state_ = State::trailer_start;
    return true;
  case State::data:
  case State::finished:
  case State::broken: break;
  }
  return false;
}

bool ChunkedBody::step_size(char c)
{
  if (const auto digit = hex_digit(c)) {
    constexpr auto largest = UINT64_MAX >> 4U;
    has_digit_ = true;
    if (left_ > largest)
      return false;
    left_ = left_ << 4U | *digit;
    return true;
  }
  if (!has_digit_)
    return false;
  if (c == '\n') {
    end_size_line();
    return true;
  }
  if (c != ';' && c != '\r' && c != ' ' && c != '\t')
    return false;
  state_ = State::extension;
  return true;
}

void ChunkedBody::end_size_line()
{
  state_ = left_ == 0 ? State::trailer_start : State::data;
  overhead_ = 0;
}

}  // namespace kam::http
