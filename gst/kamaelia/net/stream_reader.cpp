// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/stream_reader.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace kam::net {
namespace {

constexpr std::size_t large_read = std::size_t{64} << 10U;
// Each time that a sender wakes somebody costs it as much as to send a megabyte. The kernel
// takes less where half the largest receive buffer (tcp_rmem) is less.
constexpr std::size_t gathered_bytes = std::size_t{8} << 20U;
constexpr std::uint64_t burst_interval_ns = 10'000'000;

}  // namespace

StreamReader::Result StreamReader::read(MutableBytes bytes,
                                        std::optional<std::uint64_t> silence_ns)
{
  for (;;) {
    if (!may_have_more_)
      if (const auto end = sleep(silence_ns))
        return *end;
    const auto got = recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got >= 0) {
      const auto size = static_cast<std::size_t>(got);
      may_have_more_ = size == bytes.size();
      is_faster_ |= may_have_more_ && size >= large_read;
      found_nothing_ = false;
      gathered_ns_ = 0;
      eager_reads_left_ -= eager_reads_left_ > 0 ? 1 : 0;
      return size;
    }
    if (errno == EAGAIN) {
      may_have_more_ = false;
      found_nothing_ = true;
    } else if (errno != EINTR) {
      return last_error("the connection is lost");
    }
  }
}

// Nothing if there may be something to read.
std::optional<StreamReader::Result> StreamReader::sleep(std::optional<std::uint64_t> silence_ns)
{
  may_have_more_ = true;
  if (!found_nothing_ && is_faster_)
    return gather(burst_interval_ns);
  if (!found_nothing_ && interval_ns_ > 0 && eager_reads_left_ == 0)
    return gather(interval_ns_);
  set_low_water(1);
  std::optional<std::uint64_t> deadline;
  if (silence_ns)
    deadline = now_ns() + *silence_ns - std::min(gathered_ns_, *silence_ns);
  switch (sleep_until(deadline)) {
  case WaitResult::ready: return std::nullopt;
  case WaitResult::woken: return Interruption::interrupted;
  case WaitResult::timed_out: return Interruption::silent;
  default: return last_error("cannot wait for the connection");
  }
}

// Sleeps until there is much to read, or for so long.
std::optional<StreamReader::Result> StreamReader::gather(std::uint64_t longest_ns)
{
  set_low_water(gathered_bytes);
  switch (sleep_until(now_ns() + longest_ns)) {
  case WaitResult::ready: return std::nullopt;
  case WaitResult::woken: return Interruption::interrupted;
  case WaitResult::timed_out:
    is_faster_ = false;
    gathered_ns_ = longest_ns;
    return std::nullopt;
  default: return last_error("cannot wait for the connection");
  }
}

WaitResult StreamReader::sleep_until(std::optional<std::uint64_t> deadline_ns)
{
  ++sleeps_;
  std::array watches{Watch{socket_}};
  return wait(watches, interrupt_fd_, deadline_ns);
}

// How much there must be for a sleep to end. Where that cannot be set each segment ends one.
void StreamReader::set_low_water(std::size_t bytes)
{
  if (bytes == low_water_)
    return;
  const auto value = static_cast<int>(bytes);
  setsockopt(socket_, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value);
  low_water_ = bytes;
}

}  // namespace kam::net
