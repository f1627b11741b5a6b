// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/reactor.hpp"

#include "net/wait.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <ctime>
#include <utility>

namespace kam::net {

namespace {

constexpr std::uint64_t second = 1'000'000'000;
constexpr std::uint64_t millisecond = 1'000'000;

std::uint32_t events_of(Interest interest)
{
  switch (interest) {
  case Interest::none: return 0;
  case Interest::reading: return EPOLLIN;
  case Interest::writing: return EPOLLOUT;
  case Interest::both: return EPOLLIN | EPOLLOUT;
  case Interest::shared_reading: return EPOLLIN | EPOLLEXCLUSIVE;
  }
  return 0;
}

Readiness readiness_of(std::uint32_t events)
{
  constexpr std::uint32_t trouble = EPOLLERR | EPOLLHUP;
  return {(events & (EPOLLIN | trouble)) != 0, (events & (EPOLLOUT | trouble)) != 0,
          (events & trouble) != 0};
}

}  // namespace

// What one call of epoll brings.
struct Reactor::Events {
  static constexpr int max = 256;
  std::array<epoll_event, max> happened{};
  int count = 0;  // of the turn that is being dispatched
};

// --- gate ---------------------------------------------------------------------------------

void Gate::wait(Waiter &waiter)
{
  if (std::find(waiters_.begin(), waiters_.end(), &waiter) == waiters_.end())
    waiters_.push_back(&waiter);
}

void Gate::leave(Waiter &waiter)
{
  std::erase(waiters_, &waiter);
}

void Gate::open()
{
  is_open_ = true;
  while (is_open_ && !waiters_.empty()) {
    auto *const waiter = waiters_.front();
    waiters_.erase(waiters_.begin());
    waiter->handle_open();
  }
}

// --- timers -------------------------------------------------------------------------------

void Timer::set(std::uint64_t deadline_ns)
{
  const auto tick = reactor_.tick_ns_;
  if (tick > 0 && deadline_ns <= UINT64_MAX - tick)
    deadline_ns = (deadline_ns + tick - 1) / tick * tick;
  cancel();
  deadline_ = deadline_ns;
  reactor_.insert(*this);
}

void Timer::cancel()
{
  if (is_set())
    reactor_.erase(*this);
}

void Reactor::place(Timer *timer, std::size_t at)
{
  heap_[at] = timer;
  timer->place_ = at;
}

void Reactor::sift_up(std::size_t at)
{
  auto *const timer = heap_[at];
  while (at > 0) {
    const auto parent = (at - 1) / 2;
    if (heap_[parent]->deadline_ <= timer->deadline_)
      break;
    place(heap_[parent], at);
    at = parent;
  }
  place(timer, at);
}

void Reactor::sift_down(std::size_t at)
{
  auto *const timer = heap_[at];
  for (;;) {
    auto child = 2 * at + 1;
    if (child >= heap_.size())
      break;
    if (child + 1 < heap_.size() && heap_[child + 1]->deadline_ < heap_[child]->deadline_)
      ++child;
    if (timer->deadline_ <= heap_[child]->deadline_)
      break;
    place(heap_[child], at);
    at = child;
  }
  place(timer, at);
}

void Reactor::insert(Timer &timer)
{
  heap_.push_back(&timer);
  sift_up(heap_.size() - 1);
}

void Reactor::erase(Timer &timer)
{
  const auto at = std::exchange(timer.place_, Timer::nowhere);
  auto *const last = heap_.back();
  heap_.pop_back();
  if (last == &timer)
    return;
  place(last, at);
  sift_up(at);
  sift_down(last->place_);
}

// Those that are set meanwhile for a time that has come already wait for the next turn, so that
// descriptors are looked at in between.
void Reactor::run_due_timers()
{
  const auto turn = now_;
  for (auto left = heap_.size(); left > 0 && !heap_.empty(); --left) {
    auto &timer = *heap_.front();
    if (timer.deadline_ > turn)
      break;
    erase(timer);
    timer.handler_.handle_time(turn);
  }
}

// --- reactor ------------------------------------------------------------------------------

Reactor::Reactor(std::uint64_t tick_ns)
    : epoll_{FileDescriptor::own(epoll_create1(EPOLL_CLOEXEC))},
      tick_ns_{tick_ns},
      now_{now_ns()},
      events_{std::make_unique<Events>()}
{
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (!epoll_ || !waker_.is_usable() ||
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waker_.fd(), &event) != 0)
    error_ = last_error("Cannot wait for connections");
}

Reactor::~Reactor()
{
  assert(heap_.empty());
}

bool Reactor::is_in_thread() const
{
  return thread_.load(std::memory_order_acquire) == std::this_thread::get_id();
}

bool Reactor::post(Task task)
{
  {
    const std::lock_guard lock{mutex_};
    if (refuses_tasks_)
      return false;
    tasks_.push_back(std::move(task));
  }
  waker_.wake();
  return true;
}

void Reactor::stop()
{
  post([this] {
    is_stopped_ = true;
    const std::lock_guard lock{mutex_};
    refuses_tasks_ = true;
  });
}

void Reactor::run_tasks()
{
  waker_.clear();
  {
    const std::lock_guard lock{mutex_};
    running_.swap(tasks_);
  }
  for (auto &task : running_)
    task();
  running_.clear();
}

void Reactor::run()
{
  thread_.store(std::this_thread::get_id(), std::memory_order_release);
  while (!is_stopped_) {
    const int count = wait_for_events();
    now_ = now_ns();
    dispatch(count);
    run_due_timers();
  }
  run_tasks();  // that came between the last turn and the refusal
  thread_.store(std::thread::id{}, std::memory_order_release);
}

int Reactor::wait_for_events()
{
  const auto deadline = heap_.empty() ? UINT64_MAX : heap_.front()->deadline_;
  auto *const events = events_->happened.data();
  if (deadline == UINT64_MAX)
    return epoll_wait(epoll_.get(), events, Events::max, -1);
  const auto now = now_ns();
  const auto left = deadline > now ? deadline - now : 0;
  const timespec timeout{static_cast<time_t>(left / second), static_cast<long>(left % second)};
  const int count = epoll_pwait2(epoll_.get(), events, Events::max, &timeout, nullptr);
  if (count >= 0 || errno != ENOSYS)
    return count;
  const auto milliseconds = (left + millisecond - 1) / millisecond;
  return epoll_wait(epoll_.get(), events, Events::max,
                    static_cast<int>(std::min<std::uint64_t>(milliseconds, INT_MAX)));
}

void Reactor::dispatch(int count)
{
  events_->count = std::max(count, 0);
  bool is_woken = false;
  for (int i = 0; i < events_->count; ++i) {
    const auto event = events_->happened[static_cast<std::size_t>(i)];
    if (event.data.ptr)
      static_cast<ReadyHandler *>(event.data.ptr)->handle_ready(readiness_of(event.events));
    else
      is_woken = is_woken || event.events != 0;
  }
  events_->count = 0;
  if (is_woken)
    run_tasks();
}

std::optional<Error> Reactor::add(int fd, Interest interest, ReadyHandler &handler)
{
  epoll_event event{};
  event.events = events_of(interest);
  event.data.ptr = &handler;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return last_error("Cannot wait for a connection");
  return std::nullopt;
}

void Reactor::change(int fd, Interest interest, ReadyHandler &handler)
{
  // The kernel does not change an exclusive wait (epoll_ctl(2)).
  assert(interest != Interest::shared_reading);
  epoll_event event{};
  event.events = events_of(interest);
  event.data.ptr = &handler;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Reactor::remove(int fd, ReadyHandler &handler)
{
  epoll_event unused{};
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &unused);
  // An entry without handler and events is nobody's, and not the waker's.
  for (int i = 0; i < events_->count; ++i) {
    auto &event = events_->happened[static_cast<std::size_t>(i)];
    if (event.data.ptr == &handler)
      event = {};
  }
}

}  // namespace kam::net
