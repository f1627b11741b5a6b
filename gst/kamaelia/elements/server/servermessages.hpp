// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <atomic>

namespace kam {

// Element messages, of which no more than so many wait for an application that does not read
// them. Any thread.
class ServerMessages {
 public:
  static constexpr int max_waiting = 1000;

  explicit ServerMessages(GstElement *element) : element_{element} {}
  ~ServerMessages() { waiting_->leave(); }
  ServerMessages(const ServerMessages &) = delete;
  ServerMessages &operator=(const ServerMessages &) = delete;

  void post(glue::StructurePtr structure);
  guint64 dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  GstElement *element_;
  // How many messages have not been freed; each, and this, has a share of it.
  struct Waiting {
    std::atomic<int> messages = 0;
    std::atomic<int> shares = 1;

    void leave()
    {
      if (shares.fetch_sub(1) == 1)
        delete this;
    }
  };

  Waiting *waiting_ = new Waiting;
  std::atomic<guint64> dropped_ = 0;
};

}  // namespace kam
