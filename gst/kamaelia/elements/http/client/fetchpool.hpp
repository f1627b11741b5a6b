// SPDX-License-Identifier: LGPL-2.1-or-later
// The threads that answer the jobs of a queue.
#pragma once

#include "elements/http/client/fetcher.hpp"
#include "elements/http/client/jobqueue.hpp"

#include <cstddef>
#include <thread>
#include <vector>

namespace kam {

// Workers, each with connections of its own, because libsoup keeps those to a thread anyway.
class FetchPool {
 public:
  struct Options {
    FetchSettings fetch;
    std::size_t max_workers = 1;
    std::size_t max_body_size = 0;  // of a body that comes out whole
    bool in_chunks = false;
    bool empty_for_failed = true;  // a buffer without data for a response that failed
  };

  explicit FetchPool(JobQueue &queue) : queue_{queue} {}
  ~FetchPool() { stop(); }
  FetchPool(const FetchPool &) = delete;
  FetchPool &operator=(const FetchPool &) = delete;

  // Before the first job.
  void set_options(Options options) { options_ = std::move(options); }
  // Sees to it that `wanted` workers are there, if so many are allowed. Throws
  // std::system_error if there is no thread at all.
  void ensure_workers(std::size_t wanted);
  // Waits for them; the queue has been told to flush and to quit.
  void stop();

 private:
  void work();
  void answer(Fetcher &fetcher, Job &job);
  bool collect_body(Fetcher &fetcher, Job &job);
  bool forward_chunks(Fetcher &fetcher, Job &job);
  bool deliver(Job &job, glue::BufferPtr buffer, bool with_meta);

  JobQueue &queue_;
  Options options_;
  std::vector<std::thread> workers_;
};

}  // namespace kam
