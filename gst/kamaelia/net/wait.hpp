// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "net/waker.hpp"

#include <cstdint>
#include <optional>
#include <span>

namespace kam::net {

// Nanoseconds of the monotonic clock, which all times here belong to.
std::uint64_t now_ns();

// A descriptor to wait for, and what came of it.
struct Watch {
  int fd = -1;
  bool for_reading = true;
  bool for_writing = false;
  // Out. An error or a hang-up counts as both: the next call on the descriptor tells.
  bool is_readable = false;
  bool is_writable = false;
};

enum class WaitResult { ready, woken, timed_out, failed };

// Watches at once; more are not looked at.
inline constexpr std::size_t max_watches = 7;

// Sleeps until a descriptor is ready, the waker wakes (it takes precedence, and is left woken)
// or the deadline comes; without a deadline, for as long as it takes.
WaitResult wait(std::span<Watch> watches, const Waker &waker,
                std::optional<std::uint64_t> deadline_ns);
// The same with another descriptor that becomes readable, and stays so, in place of the waker.
WaitResult wait(std::span<Watch> watches, int waking_fd,
                std::optional<std::uint64_t> deadline_ns);

}  // namespace kam::net
