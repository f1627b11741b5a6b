// SPDX-License-Identifier: LGPL-2.1-or-later
// Packets and times for the state machines of core/srm. A step is
//
//   choice:8  wait:8  length:16 little-endian  packet
//
// What a fuzzer changes in the packets hits headers more than data, and time goes from
// microseconds to minutes.
#pragma once

#include "core/bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace kam::fuzz {

struct Step {
  std::uint8_t choice = 0;
  std::uint64_t wait = 0;  // ns
  Bytes packet;            // empty: only time passes
};

class Script {
 public:
  explicit Script(Bytes input) : rest_{input} {}

  std::optional<Step> next()
  {
    constexpr std::size_t heading = 4;
    // More steps show nothing new and take long.
    constexpr int most_steps = 300;
    if (rest_.size() < heading || ++steps_ > most_steps)
      return std::nullopt;
    Step step;
    step.choice = byte(0);
    // The upper bits are a power of two, from 1 µs to half a minute.
    step.wait = byte(1) == 0 ? 0 : (std::uint64_t{1000} << (byte(1) / 10U)) + byte(1);
    const auto length =
        std::min<std::size_t>(byte(2) | std::size_t{byte(3)} << 8U, rest_.size() - heading);
    step.packet = rest_.subspan(heading, length);
    rest_ = rest_.subspan(heading + length);
    return step;
  }

 private:
  std::uint8_t byte(std::size_t at) const { return std::to_integer<std::uint8_t>(rest_[at]); }

  Bytes rest_;
  int steps_ = 0;
};

}  // namespace kam::fuzz
