// SPDX-License-Identifier: LGPL-2.1-or-later
// One thread that looks after many descriptors and deadlines.
#pragma once

#include "net/error.hpp"
#include "net/file_descriptor.hpp"
#include "net/waker.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace kam::net {

class Reactor;

// What a descriptor is ready for. An error or a hang-up counts as both: the next call on the
// descriptor tells.
struct Readiness {
  bool is_readable = false;
  bool is_writable = false;
  bool is_broken = false;  // it is such an error or hang-up, and told whatever the interest
};

// Who is told that a descriptor is ready, in the reactor's thread.
class ReadyHandler {
 public:
  virtual void handle_ready(Readiness ready) = 0;

 protected:
  ~ReadyHandler() = default;
};

// What is to be told about; it stays so until it is changed (level-triggered).
enum class Interest : unsigned {
  none = 0,
  reading = 1,
  writing = 2,
  both = 3,
  // Reading, where several reactors wait for the same descriptor and one of them is enough.
  shared_reading = 4,
};

// A deadline of a reactor. It belongs to whoever made it, and with it ends the wait. Only for
// the reactor's thread, or for one that knows that the reactor does not run.
class Timer {
 public:
  // Who is told that the time has come, in the reactor's thread.
  class Handler {
   public:
    // `now`: nanoseconds of the monotonic clock, at least the deadline. The timer is unset by
    // then and may be set again, or destroyed.
    virtual void handle_time(std::uint64_t now) = 0;

   protected:
    ~Handler() = default;
  };

  Timer(Reactor &reactor, Handler &handler) : reactor_{reactor}, handler_{handler} {}
  ~Timer() { cancel(); }
  Timer(const Timer &) = delete;
  Timer &operator=(const Timer &) = delete;

  // Once, at the first tick of the reactor that is not before `deadline_ns`.
  void set(std::uint64_t deadline_ns);
  void cancel();
  bool is_set() const { return place_ != nowhere; }
  // Meaningless unless set.
  std::uint64_t deadline() const { return deadline_; }

 private:
  friend Reactor;
  static constexpr std::size_t nowhere = ~std::size_t{0};

  Reactor &reactor_;
  Handler &handler_;
  std::uint64_t deadline_ = 0;
  std::size_t place_ = nowhere;  // in the reactor's heap
};

// Whether there is room on the way out. Who produces asks before each piece, and while it is
// closed waits to be told. Only for the reactor's thread.
class Gate {
 public:
  class Waiter {
   public:
    // The gate has opened; it may be closed again if another was told first. Who still wants
    // to be told waits again.
    virtual void handle_open() = 0;

   protected:
    ~Waiter() = default;
  };

  bool is_open() const { return is_open_; }
  // Tells `waiter` once, when the gate opens next.
  void wait(Waiter &waiter);
  // Without having been told.
  void leave(Waiter &waiter);

  // For whoever keeps the gate.
  void close() { is_open_ = false; }
  void open();

 private:
  bool is_open_ = true;
  std::vector<Waiter *> waiters_;
};

// epoll, a heap of deadlines and a list of tasks. Nothing here throws but for want of memory.
// What is not said to be for any thread is for the one that is in run(), or for one that knows
// that none is.
class Reactor {
 public:
  using Task = std::function<void()>;

  // Deadlines are met together, in ticks of so many nanoseconds; 0: each at its own time.
  explicit Reactor(std::uint64_t tick_ns = 0);
  ~Reactor();
  Reactor(const Reactor &) = delete;
  Reactor &operator=(const Reactor &) = delete;

  // Why it cannot work, if so: the system has no descriptor left for it.
  const std::optional<Error> &error() const { return error_; }

  // Looks after everything until stop(); in the thread of whoever calls.
  void run();
  // Any thread. What was posted before is still run.
  void stop();
  // Any thread. Tasks run in their order, in the reactor's thread; false, and the task is
  // destroyed unused, if the reactor was stopped before.
  bool post(Task task);
  // Any thread. Whether this is the one in run().
  bool is_in_thread() const;

  // Nanoseconds of the monotonic clock as of when this turn of the loop began. Saves system
  // calls where a few microseconds do not matter.
  std::uint64_t now() const { return now_; }

  // The descriptor has to be removed before it is closed. `handler` may be changed by adding
  // anew only.
  [[nodiscard]] std::optional<Error> add(int fd, Interest interest, ReadyHandler &handler);
  void change(int fd, Interest interest, ReadyHandler &handler);
  // `handler` is not told any more, not even what has happened in this turn already.
  void remove(int fd, ReadyHandler &handler);

 private:
  friend Timer;
  struct Events;

  void place(Timer *timer, std::size_t at);
  void sift_up(std::size_t at);
  void sift_down(std::size_t at);
  void insert(Timer &timer);
  void erase(Timer &timer);
  void run_due_timers();
  void run_tasks();
  int wait_for_events();
  void dispatch(int count);

  FileDescriptor epoll_;
  Waker waker_;
  std::optional<Error> error_;
  std::uint64_t tick_ns_;
  std::uint64_t now_;
  std::vector<Timer *> heap_;  // by deadline
  std::unique_ptr<Events> events_;
  std::atomic<std::thread::id> thread_;
  bool is_stopped_ = false;  // the thread's

  std::mutex mutex_;
  std::vector<Task> tasks_;
  std::vector<Task> running_;
  bool refuses_tasks_ = false;
};

}  // namespace kam::net
