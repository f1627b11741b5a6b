// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/wait.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <ctime>

namespace kam::net {

namespace {

constexpr std::uint64_t second = 1'000'000'000;

timespec remaining(std::uint64_t deadline_ns)
{
  const auto now = now_ns();
  const auto left = deadline_ns > now ? deadline_ns - now : 0;
  return {static_cast<time_t>(left / second), static_cast<long>(left % second)};
}

short events_of(const Watch &watch)
{
  return static_cast<short>((watch.for_reading ? POLLIN : 0) |
                            (watch.for_writing ? POLLOUT : 0));
}

}  // namespace

std::uint64_t now_ns()
{
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * second +
         static_cast<std::uint64_t>(time.tv_nsec);
}

WaitResult wait(std::span<Watch> watches, const Waker &waker,
                std::optional<std::uint64_t> deadline_ns)
{
  return wait(watches, waker.fd(), deadline_ns);
}

WaitResult wait(std::span<Watch> watches, int waking_fd,
                std::optional<std::uint64_t> deadline_ns)
{
  assert(watches.size() <= max_watches);
  watches = watches.first(std::min(watches.size(), max_watches));
  std::array<pollfd, max_watches + 1> polled{};
  polled[0] = {waking_fd, POLLIN, 0};
  for (std::size_t i = 0; i < watches.size(); ++i)
    polled[i + 1] = {watches[i].fd, events_of(watches[i]), 0};
  int ready = 0;
  do {
    const auto left = remaining(deadline_ns.value_or(0));
    ready = ppoll(polled.data(), watches.size() + 1, deadline_ns ? &left : nullptr, nullptr);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0)
    return WaitResult::failed;
  for (std::size_t i = 0; i < watches.size(); ++i) {
    const auto happened = polled[i + 1].revents;
    watches[i].is_readable = (happened & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) != 0;
    watches[i].is_writable = (happened & (POLLOUT | POLLERR | POLLHUP | POLLNVAL)) != 0;
  }
  if (polled[0].revents != 0)
    return WaitResult::woken;
  return ready > 0 ? WaitResult::ready : WaitResult::timed_out;
}

}  // namespace kam::net
