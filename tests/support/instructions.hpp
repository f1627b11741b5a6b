// SPDX-License-Identifier: LGPL-2.1-or-later
// What a piece of code costs, whatever else the machine does.
#pragma once

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace kam::test {

// User instructions of `work`; where the kernel does not count them, nanoseconds of this
// thread, the least of three runs. Only good for ratios.
template <class Work>
double cost_of(Work work)
{
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_HARDWARE;
  attributes.size = sizeof attributes;
  attributes.config = PERF_COUNT_HW_INSTRUCTIONS;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  const auto counter =
      static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0UL));
  const auto counted = [counter] {
    std::uint64_t value = 0;
    return read(counter, &value, sizeof value) == sizeof value ? value : 0;
  };
  if (counter >= 0) {
    const auto before = counted();
    work();
    const auto spent = counted() - before;
    close(counter);
    if (spent > 0)
      return static_cast<double>(spent);
  }
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  };
  double least = 0;
  for (int run = 0; run < 3; ++run) {
    const auto before = now();
    work();
    const auto spent = now() - before;
    least = run == 0 ? spent : std::min(least, spent);
  }
  return least;
}

}  // namespace kam::test
