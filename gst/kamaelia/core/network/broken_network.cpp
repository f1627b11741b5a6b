// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/network/broken_network.hpp"

#include <cmath>

namespace kam::network {

Chance Chance::from_probability(double probability)
{
  // As fine as a double near 1 is.
  constexpr auto of = std::uint64_t{1} << 53U;
  return {static_cast<std::uint64_t>(std::llround(probability * static_cast<double>(of))), of};
}

// The standard's distributions differ between libraries. The draws below the threshold are
// too many for each number to be equally likely.
std::uint64_t SeededDraws::operator()(std::uint64_t limit)
{
  const auto threshold = (0 - limit) % limit;
  auto value = random_();
  while (value < threshold)
    value = random_();
  return value % limit;
}

}  // namespace kam::network
