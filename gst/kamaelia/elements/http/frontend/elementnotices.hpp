// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace kam {

// Signals of an element that are emitted from a thread of GStreamer's, in their order: who
// handles them may take its time, and change the element's state.
class ElementNotices {
 public:
  explicit ElementNotices(GstElement *element) : element_{element} {}

  void post(std::function<void()> notice)
  {
    {
      const std::lock_guard lock{mutex_};
      notices_.push_back(std::move(notice));
      if (std::exchange(is_running_, true))
        return;
    }
    // The element is kept until all are emitted, and this is a part of it.
    gst_element_call_async(
        element_,
        [](GstElement *, gpointer self) { static_cast<ElementNotices *>(self)->run(); }, this,
        nullptr);
  }

 private:
  void run()
  {
    for (;;) {
      std::function<void()> notice;
      {
        const std::lock_guard lock{mutex_};
        if (notices_.empty()) {
          is_running_ = false;
          return;
        }
        notice = std::move(notices_.front());
        notices_.pop_front();
      }
      notice();
    }
  }

  GstElement *element_;
  std::mutex mutex_;
  std::deque<std::function<void()>> notices_;
  bool is_running_ = false;
};

}  // namespace kam
