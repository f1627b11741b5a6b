// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "glue/guarded.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

namespace kam {

// Calls back at times of the element's clock, from a thread that exists from the first wish
// on. A later wish than the one it sleeps for does not disturb it: it wakes too early and is
// told anew.
class StreamTimer {
 public:
  explicit StreamTimer(std::function<void()> elapsed) : elapsed_{std::move(elapsed)} {}
  ~StreamTimer() { join(); }
  StreamTimer(const StreamTimer &) = delete;
  StreamTimer &operator=(const StreamTimer &) = delete;

  // The clock that the times belong to; without one nothing elapses. Any thread.
  void set_clock(GstClock *clock);
  // Under the stream lock: the time to call back. False if there is no thread for it.
  bool wake_at(GstClockTime time);
  // First thing in the callback, under the stream lock: whether anything is still wished for.
  // The next wake_at() counts, whatever its time.
  bool expired() { return std::exchange(armed_, GST_CLOCK_TIME_NONE) != GST_CLOCK_TIME_NONE; }
  // Under the stream lock: there are no wishes any more. The thread sleeps on.
  void stop();
  // Ends the thread. Not under the stream lock, which it may be waiting for.
  void join();

 private:
  struct State {
    bool quit = false;
    GstClockTime target = GST_CLOCK_TIME_NONE;
    glue::Ref<GstClock> clock;
    std::shared_ptr<void> wait;  // the GstClockID of the wait under way

    void interrupt()
    {
      if (wait)
        gst_clock_id_unschedule(wait.get());
    }
  };

  void run();

  std::function<void()> elapsed_;
  glue::Guarded<State> state_;
  std::condition_variable changed_;
  std::thread thread_;
  GstClockTime armed_ = GST_CLOCK_TIME_NONE;
};

}  // namespace kam
