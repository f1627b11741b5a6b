// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <vector>

namespace kam::fuzz {

// What a target promises about every input.
inline void require(bool held)
{
  if (!held)
    std::abort();
}

// Stands for everything that came out of a parser, as keeping and comparing that would cost
// more than the parsing.
class Digest {
 public:
  void add(std::string_view text) { add(std::hash<std::string_view>{}(text)); }
  void add(Bytes bytes) { add(as_text(bytes)); }
  void add(std::uint64_t value) { value_ = (value_ ^ value) * 0x9e3779b97f4a7c15U + 1; }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

// How large the pieces are that a target cuts `size` bytes into: small for a small input, and
// never so many that a run is about the cuts alone (the unit tests go byte by byte).
inline std::size_t piece_size(std::uint8_t choice, std::size_t size)
{
  constexpr std::size_t most_pieces = 16;
  return std::max<std::size_t>(1U + choice, size / most_pieces);
}

// `input` in pieces of `size` bytes.
inline std::vector<Bytes> pieces(Bytes input, std::size_t size)
{
  std::vector<Bytes> result;
  size = std::max<std::size_t>(size, 1);
  while (!input.empty()) {
    result.push_back(input.first(std::min(size, input.size())));
    input = input.subspan(result.back().size());
  }
  return result;
}

}  // namespace kam::fuzz
