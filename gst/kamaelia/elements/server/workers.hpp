// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kam {

// A few threads for what may wait. They are made when there is something to do.
class Workers {
 public:
  explicit Workers(std::size_t max_threads) : max_threads_{max_threads} {}
  ~Workers() { join(); }
  Workers(const Workers &) = delete;
  Workers &operator=(const Workers &) = delete;

  // Any thread. Runs `task` in its turn; in this thread if there is no other.
  void post(std::function<void()> task);
  // Waits until all that was posted is done, and ends the threads.
  void join();

 private:
  void run();

  const std::size_t max_threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  std::size_t resting_ = 0;
  bool is_ending_ = false;
};

}  // namespace kam
