// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/client/jobqueue.hpp"

#include <algorithm>
#include <utility>

namespace kam {
namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point after(std::chrono::seconds time)
{
  const auto now = Clock::now();
  return time > std::chrono::hours{24 * 365} ? Clock::time_point::max() : now + time;
}

}  // namespace

void JobQueue::start(const Limits &limits)
{
  auto state = state_.lock();
  state->limits = limits;
  state->flushing = false;
  state->quitting = false;
  state->handing_out = false;
}

void JobQueue::restart()
{
  auto state = state_.lock();
  state->flushing = false;
  state->handing_out = false;
}

std::vector<glue::EventPtr> JobQueue::flush()
{
  std::deque<Item> dropped;
  {
    auto state = state_.lock();
    state->flushing = true;
    dropped = std::exchange(state->items, {});
    state->jobs = 0;
    for (const auto &item : dropped)
      if (item.job)
        item.job->abandoned_ = true;
    changed_.notify_all();
  }
  std::vector<glue::EventPtr> events;
  for (auto &item : dropped)
    if (item.job)
      g_cancellable_cancel(item.job->cancellable());
    else
      events.push_back(std::move(item.event));
  return events;
}

void JobQueue::quit()
{
  auto state = state_.lock();
  state->quitting = true;
  changed_.notify_all();
}

bool JobQueue::push(JobPtr job)
{
  auto state = state_.lock();
  state.wait(changed_,
             [&state] { return state->flushing || state->jobs < state->limits.jobs; });
  if (state->flushing)
    return false;
  ++state->jobs;
  state->items.push_back({std::move(job), nullptr});
  changed_.notify_all();
  return true;
}

bool JobQueue::push(glue::EventPtr event)
{
  auto state = state_.lock();
  if (state->flushing)
    return false;
  state->items.push_back({nullptr, std::move(event)});
  changed_.notify_all();
  return true;
}

bool JobQueue::drain()
{
  auto state = state_.lock();
  state.wait(changed_, [&state] {
    return state->flushing || (state->items.empty() && !state->handing_out);
  });
  return !state->flushing;
}

JobPtr JobQueue::take()
{
  auto state = state_.lock();
  const auto waiting = [&state] {
    return std::ranges::find_if(state->items,
                                [](const Item &item) { return item.job && !item.job->taken_; });
  };
  state.wait(changed_, [&] { return state->quitting || waiting() != state->items.end(); });
  if (state->quitting)
    return nullptr;
  auto job = waiting()->job;
  job->taken_ = true;
  job->deadline_ = after(state->limits.time);
  changed_.notify_all();
  return job;
}

bool JobQueue::deliver(Job &job, glue::BufferPtr buffer)
{
  const auto size = gst_buffer_get_size(buffer.get());
  auto state = state_.lock();
  state.wait(changed_, [&] {
    return job.abandoned_ || job.ready_.empty() ||
           job.ready_size_ + size <= state->limits.ready_bytes;
  });
  if (job.abandoned_)
    return false;
  job.ready_.push_back(std::move(buffer));
  job.ready_size_ += size;
  changed_.notify_all();
  return true;
}

void JobQueue::finish(Job &job)
{
  auto state = state_.lock();
  job.finished_ = true;
  changed_.notify_all();
}

bool JobQueue::is_expired(const Job &job)
{
  auto state = state_.lock();
  return job.expired_;
}

// Of the first item, if it has any by now.
JobQueue::Output JobQueue::take_output(Locked &state)
{
  if (state->items.empty())
    return {};
  auto &item = state->items.front();
  Output output;
  if (item.event) {
    output = std::move(item.event);
    state->items.pop_front();
  } else if (auto &job = *item.job; !job.ready_.empty()) {
    job.ready_size_ -= gst_buffer_get_size(job.ready_.front().get());
    output = std::move(job.ready_.front());
    job.ready_.pop_front();
  } else if (job.finished_) {
    output = std::move(item.job);
    state->items.pop_front();
    --state->jobs;
  }
  return output;
}

JobQueue::Output JobQueue::next()
{
  for (;;) {
    JobPtr expired;
    {
      auto state = state_.lock();
      state->handing_out = false;
      changed_.notify_all();
      Output output;
      const auto ready = [&] {
        if (!state->flushing)
          output = take_output(state);
        return state->flushing || output.index() != 0;
      };
      // It is enough to watch the one that keeps all others waiting.
      const auto deadline = [&] {
        const bool running = !state->items.empty() && state->items.front().job &&
                             !state->items.front().job->expired_;
        return running ? state->items.front().job->deadline_ : Clock::time_point::max();
      };
      while (!ready() && Clock::now() < deadline())
        state.wait_until(changed_, deadline());
      if (state->flushing)
        return {};
      if (output.index() != 0) {
        state->handing_out = true;
        changed_.notify_all();
        return output;
      }
      expired = state->items.front().job;
      expired->expired_ = true;
    }
    g_cancellable_cancel(expired->cancellable());
  }
}

}  // namespace kam
