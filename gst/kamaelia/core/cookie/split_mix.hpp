// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>

namespace kam::cookie {

// SplitMix64 (Steele, Lea and Flood, 2014). All its state is a number that may be any, so
// every seed is as good as every other, and what a seed gives is the same everywhere.
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_{seed} {}

  std::uint64_t next()
  {
    state_ += 0x9e3779b97f4a7c15U;
    auto z = state_;
    z = (z ^ z >> 30U) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27U) * 0x94d049bb133111ebU;
    return z ^ z >> 31U;
  }

  // From 0 to limit - 1, each as often as every other; `limit` is at least 1.
  std::uint64_t below(std::uint64_t limit)
  {
    // What is left of 2^64 when it is cut into pieces of `limit` would favour small numbers.
    const auto left_over = (0 - limit) % limit;
    auto number = next();
    while (number < left_over)
      number = next();
    return number % limit;
  }

 private:
  std::uint64_t state_;
};

}  // namespace kam::cookie
