// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/cookie/split_mix.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kam::cookie {

enum class Order {
  random,      // any, each time anew
  shuffle,     // each once, in a random order, and again in another
  sequential,  // one after the other, and again from the first
};

// Says which of `count` things comes next; the same for the same seed.
class Chooser {
 public:
  // With `sequential`, `first` is where it begins; `count` is at least 1.
  Chooser(Order order, std::size_t count, std::uint64_t seed, std::uint64_t first = 0);

  std::size_t next();

 private:
  void shuffle();

  Order order_;
  std::size_t count_;
  SplitMix64 random_;
  std::size_t position_ = 0;
  std::vector<std::uint32_t> shuffled_;
};

}  // namespace kam::cookie
