// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/framing/streamtimer.hpp"

#include <system_error>

namespace kam {

void StreamTimer::set_clock(GstClock *clock)
{
  auto state = state_.lock();
  state->clock = glue::Ref<GstClock>::share(clock);
  state->interrupt();
  changed_.notify_all();
}

bool StreamTimer::wake_at(GstClockTime time)
{
  if (armed_ <= time)
    return true;
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread{[this] { run(); }};
    } catch (const std::system_error &) {
      return false;
    }
  }
  armed_ = time;
  auto state = state_.lock();
  state->target = time;
  state->interrupt();
  changed_.notify_all();
  return true;
}

void StreamTimer::stop()
{
  armed_ = GST_CLOCK_TIME_NONE;
  auto state = state_.lock();
  state->target = GST_CLOCK_TIME_NONE;
  state->interrupt();
}

void StreamTimer::join()
{
  if (!thread_.joinable())
    return;
  {
    auto state = state_.lock();
    state->quit = true;
    state->interrupt();
    changed_.notify_all();
  }
  thread_.join();
  state_.lock()->quit = false;
}

void StreamTimer::run()
{
  for (;;) {
    std::shared_ptr<void> wait;
    {
      auto state = state_.lock();
      state.wait(changed_, [&state] {
        return state->quit || (state->clock && GST_CLOCK_TIME_IS_VALID(state->target));
      });
      if (state->quit)
        return;
      wait.reset(gst_clock_new_single_shot_id(state->clock.get(), state->target),
                 gst_clock_id_unref);
      state->wait = wait;
    }
    const auto result = gst_clock_id_wait(wait.get(), nullptr);
    {
      auto state = state_.lock();
      state->wait.reset();
      if (state->quit)
        return;
      if (result == GST_CLOCK_UNSCHEDULED)
        continue;
      state->target = GST_CLOCK_TIME_NONE;
    }
    elapsed_();
  }
}

}  // namespace kam
