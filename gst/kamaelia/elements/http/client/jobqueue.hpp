// SPDX-License-Identifier: LGPL-2.1-or-later
// Puts responses that come at the same time in the order of their requests.
#pragma once

#include "elements/http/client/fetcher.hpp"
#include "glue/guarded.hpp"
#include "glue/refs.hpp"

#include <gio/gio.h>
#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace kam {

// A request on its way to a response. Only its queue touches what is private.
class Job {
 public:
  FetchRequest request;
  guint64 index = 0;  // of the request, from 0
  GstClockTime pts = GST_CLOCK_TIME_NONE;
  GstClockTime dts = GST_CLOCK_TIME_NONE;

  GCancellable *cancellable() const { return cancellable_.get(); }

  // Written by the worker before it finishes the job, read after that.
  FetchResponse response;
  guint64 body_size = 0;
  bool failed = false;

 private:
  friend class JobQueue;
  glue::Ref<GCancellable> cancellable_ = glue::Ref<GCancellable>::adopt(g_cancellable_new());
  std::deque<glue::BufferPtr> ready_;
  std::size_t ready_size_ = 0;
  std::chrono::steady_clock::time_point deadline_ =
      std::chrono::steady_clock::time_point::max();
  bool expired_ = false;
  bool taken_ = false;
  bool finished_ = false;
  bool abandoned_ = false;
};
using JobPtr = std::shared_ptr<Job>;

// Between the thread that brings requests and events, the workers that answer requests, and
// the thread that pushes what came of it.
class JobQueue {
 public:
  struct Limits {
    std::size_t jobs = 1;                                     // under way, or not pushed yet
    std::size_t ready_bytes = std::size_t{1} << 20U;          // of a job that is not its turn
    std::chrono::seconds time = std::chrono::seconds::max();  // that a job may take
  };

  // With nothing in it.
  void start(const Limits &limits);
  // Ends every wait and cancels every job; nothing is taken until start() or restart(). Gives
  // back the events that had not left.
  std::vector<glue::EventPtr> flush();
  // After flush(): what start() does, with the limits as they were.
  void restart();
  // Makes the workers end.
  void quit();

  // Waits until there is room. False if it was flushed.
  bool push(JobPtr job);
  bool push(glue::EventPtr event);
  // Waits until everything has left. False if it was flushed.
  bool drain();

  // For workers. Waits until there is a job; none: it is time to end.
  JobPtr take();
  // Waits until the job has room for it. False if nobody wants it any more.
  bool deliver(Job &job, glue::BufferPtr buffer);
  void finish(Job &job);
  // Whether the job has taken longer than it may.
  bool is_expired(const Job &job);

  // What is next in order; the job itself when all of it was handed out. Nothing: flushed.
  using Output = std::variant<std::monostate, glue::BufferPtr, glue::EventPtr, JobPtr>;
  Output next();

 private:
  struct Item {
    JobPtr job;
    glue::EventPtr event;
  };
  struct State {
    std::deque<Item> items;
    Limits limits;
    std::size_t jobs = 0;
    bool handing_out = false;
    bool flushing = true;
    bool quitting = false;
  };
  using Locked = glue::Guarded<State>::Locked;

  static Output take_output(Locked &state);

  glue::Guarded<State> state_;
  std::condition_variable changed_;
};

}  // namespace kam
