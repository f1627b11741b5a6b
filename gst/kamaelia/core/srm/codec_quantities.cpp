// SPDX-License-Identifier: LGPL-2.1-or-later
// Round trip times, group sizes, rates and losses in a few bits (RFC 5740, section 4.2 and
// libnorm).
#include "core/srm/codec_wire.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace kam::srm {

using namespace wire;

namespace {

constexpr unsigned linear_rtts = 31;

std::array<std::uint64_t, 256> make_rtts()
{
  std::array<std::uint64_t, 256> rtts{};
  constexpr double longest = 1000e9;
  constexpr double steps_per_e_fold = 13;
  for (unsigned i = 0; i < rtts.size(); ++i)
    rtts[i] = i < linear_rtts ? (i + 1) * ns_per_us
                              : static_cast<std::uint64_t>(std::llround(
                                    longest / std::exp((255.0 - i) / steps_per_e_fold)));
  return rtts;
}

const std::array<std::uint64_t, 256> &rtts()
{
  static const auto table = make_rtts();
  return table;
}

constexpr unsigned group_exponents = 8;
constexpr unsigned half_decade = 0x08;  // the mantissa is 5, not 1

}  // namespace

// RFC 5740 rounds what is below 33 µs down, and has 32 µs where libnorm has 32.87.
std::uint8_t quantise_rtt(std::uint64_t nanoseconds)
{
  const auto &table = rtts();
  const auto *found = std::lower_bound(table.begin(), table.end() - 1, nanoseconds);
  return static_cast<std::uint8_t>(found - table.begin());
}

std::uint64_t unquantise_rtt(std::uint8_t quantised)
{
  return rtts()[quantised];
}

std::uint8_t quantise_group_size(std::uint64_t receivers)
{
  for (unsigned exponent = 0; exponent < group_exponents; ++exponent)
    for (const auto quantised : {exponent, exponent | half_decade})
      if (unquantise_group_size(static_cast<std::uint8_t>(quantised)) >= receivers)
        return static_cast<std::uint8_t>(quantised);
  return half_decade | (group_exponents - 1);
}

std::uint64_t unquantise_group_size(std::uint8_t quantised)
{
  std::uint64_t size = (quantised & half_decade) != 0 ? 50 : 10;
  for (auto exponent = quantised % group_exponents; exponent > 0; --exponent)
    size *= 10;
  return size;
}

std::uint16_t quantise_rate(double bytes_per_second)
{
  constexpr double scale = 4096.0 / 10;
  constexpr double most_mantissa = 4095;
  constexpr unsigned most_exponent = 15;
  auto exponent = bytes_per_second >= 1
                      ? static_cast<unsigned>(std::min(std::log10(bytes_per_second), 15.0))
                      : 0U;
  auto mantissa =
      std::round(scale * std::max(bytes_per_second, 0.0) / std::pow(10.0, exponent));
  if (mantissa > most_mantissa && exponent < most_exponent) {
    ++exponent;
    mantissa /= 10;
  }
  const auto bits = static_cast<unsigned>(std::min(mantissa, most_mantissa));
  return static_cast<std::uint16_t>(bits << 4U | exponent);
}

double unquantise_rate(std::uint16_t quantised)
{
  return (quantised >> 4U) * (10.0 / 4096) * std::pow(10.0, quantised & 0x0fU);
}

std::uint16_t quantise_loss(double share)
{
  return static_cast<std::uint16_t>(std::lround(std::clamp(share, 0.0, 1.0) * 65535));
}

double unquantise_loss(std::uint16_t quantised)
{
  return quantised / 65535.0;
}

}  // namespace kam::srm
