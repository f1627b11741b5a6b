// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets, handed from the threads that set it to the one that streams.
#pragma once

#include <atomic>
#include <mutex>
#include <utility>

namespace kam::glue {

// Properties may be written while data flows. Writers change the master under its lock;
// the streaming thread works on a copy that it renews only when there was a change, so that
// a packet costs one atomic load.
template <class Values>
class Settings {
 public:
  template <class Change>
  void write(Change change)
  {
    const std::lock_guard lock{mutex_};
    change(master_);
    generation_.fetch_add(1, std::memory_order_release);
  }

  template <class Look>
  auto read(Look look) const
  {
    const std::lock_guard lock{mutex_};
    return look(std::as_const(master_));
  }

  // A copy for threads other than the streaming one.
  Values snapshot() const
  {
    return read([](const Values &values) { return values; });
  }

  // Only for the streaming thread. Valid until the next call.
  const Values &current()
  {
    const auto generation = generation_.load(std::memory_order_acquire);
    if (generation != copied_generation_) {
      const std::lock_guard lock{mutex_};
      copy_ = master_;
      copied_generation_ = generation_.load(std::memory_order_relaxed);
    }
    return copy_;
  }

  // Whether anything was set since it was last asked. Only for the streaming thread.
  bool changed()
  {
    (void)current();
    return std::exchange(seen_generation_, copied_generation_) != copied_generation_;
  }

 private:
  mutable std::mutex mutex_;
  Values master_;
  std::atomic<unsigned> generation_ = 1;
  Values copy_;
  unsigned copied_generation_ = 0;
  unsigned seen_generation_ = 0;
};

}  // namespace kam::glue
