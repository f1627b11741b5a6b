// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/waker.hpp"

#include <sys/eventfd.h>

#include <cstdint>

namespace kam::net {

Waker::Waker() : event_{FileDescriptor::own(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))} {}

void Waker::wake()
{
  if (is_woken_.exchange(true, std::memory_order_acq_rel))
    return;
  const std::uint64_t one = 1;
  // Cannot fail: a counter at its maximum, the only reason, is woken already.
  [[maybe_unused]] const auto written = write(event_.get(), &one, sizeof one);
}

// In this order: a wake() in between finds it woken still, and its reason is seen by whoever
// clears. The other way round its event would be read here, and none written ever after. An
// event that is written only after this has read wakes once for nothing.
void Waker::clear()
{
  std::uint64_t count = 0;
  [[maybe_unused]] const auto taken = read(event_.get(), &count, sizeof count);
  is_woken_.exchange(false, std::memory_order_acq_rel);
}

}  // namespace kam::net
