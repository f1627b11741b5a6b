// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace kam::fuzz {

// What a target promises about every input.
inline void require(bool held)
{
  if (!held)
    std::abort();
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
