// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/workers.hpp"

#include <system_error>
#include <utility>

namespace kam {

void Workers::post(std::function<void()> task)
{
  {
    const std::lock_guard lock{mutex_};
    tasks_.push_back(std::move(task));
    if (tasks_.size() > resting_ && threads_.size() < max_threads_) {
      try {
        threads_.emplace_back([this] { run(); });
      } catch (const std::system_error &) {
        // The system has no thread to give; those that are there take their time.
      }
    }
    if (threads_.empty()) {
      task = std::move(tasks_.back());
      tasks_.pop_back();
    } else {
      task = nullptr;
    }
  }
  if (task)
    task();
  else
    changed_.notify_one();
}

void Workers::join()
{
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock{mutex_};
    is_ending_ = true;
    threads.swap(threads_);
  }
  changed_.notify_all();
  for (auto &thread : threads)
    thread.join();
}

void Workers::run()
{
  std::unique_lock lock{mutex_};
  for (;;) {
    ++resting_;
    changed_.wait(lock, [this] { return is_ending_ || !tasks_.empty(); });
    --resting_;
    if (tasks_.empty())
      return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace kam
