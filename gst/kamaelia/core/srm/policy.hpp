// SPDX-License-Identifier: LGPL-2.1-or-later
// Words that the sender, the receiver and who uses them share.
#pragma once

#include <cstdint>

namespace kam::srm {

inline constexpr std::uint64_t microsecond = 1'000;  // in the unit of all times here, ns
inline constexpr std::uint64_t millisecond = 1'000'000;
inline constexpr std::uint64_t second = 1'000'000'000;

// Longer round trips are not believed.
inline constexpr auto longest_round_trip = 15 * second;

enum class Policy : std::uint8_t { latency, bulk };
enum class ObjectKind : std::uint8_t { stream, data, file };

}  // namespace kam::srm
