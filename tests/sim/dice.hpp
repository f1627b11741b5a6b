// SPDX-License-Identifier: LGPL-2.1-or-later
// Randomness that is the same on every machine, which the standard's distributions are not.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kam::sim {

// A bijection of 64 bits that leaves no pattern (SplitMix64's last step), and its inverse.
constexpr std::uint64_t mix(std::uint64_t value)
{
  value = (value ^ value >> 30U) * 0xbf58476d1ce4e5b9U;
  value = (value ^ value >> 27U) * 0x94d049bb133111ebU;
  return value ^ value >> 31U;
}

constexpr std::uint64_t unmix(std::uint64_t value)
{
  value = (value ^ value >> 31U ^ value >> 62U) * 0x319642b2d24d8ec3U;
  value = (value ^ value >> 27U ^ value >> 54U) * 0x96de1b173f119089U;
  return value ^ value >> 30U ^ value >> 60U;
}

static_assert(unmix(mix(0x0123456789abcdefU)) == 0x0123456789abcdefU);

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_{mix(seed + 1)} {}

  std::uint64_t next() { return mix(state_ += 0x9e3779b97f4a7c15U); }
  // From 0 to limit - 1; 0 if there is no such number.
  std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
  std::uint64_t between(std::uint64_t first, std::uint64_t last)
  {
    return first + below(last - first + 1);
  }
  bool chance(double probability)
  {
    return probability > 0 && static_cast<double>(next() >> 11U) * 0x1p-53 < probability;
  }
  template <class T, std::size_t size>
  T one_of(const T (&choices)[size])
  {
    return choices[below(size)];
  }

 private:
  std::uint64_t state_;
};

}  // namespace kam::sim
