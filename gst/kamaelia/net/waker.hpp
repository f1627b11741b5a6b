// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "net/error.hpp"
#include "net/file_descriptor.hpp"

#include <atomic>
#include <optional>

namespace kam::net {

// Interrupts wait() from another thread. Once woken it stays so until cleared; who clears it
// looks afterwards at what it may have been woken for.
class Waker {
 public:
  Waker();

  // Whether there was a descriptor for it.
  bool is_usable() const { return static_cast<bool>(event_); }
  void wake();
  void clear();
  int fd() const { return event_.get(); }

 private:
  FileDescriptor event_;
  std::atomic<bool> is_woken_ = false;  // saves the system call of those who come second
};

}  // namespace kam::net
