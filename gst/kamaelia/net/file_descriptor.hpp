// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <unistd.h>

#include <utility>

namespace kam::net {

// Closes what it holds, unless it only borrows it.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  static FileDescriptor own(int fd) { return FileDescriptor{fd, true}; }
  static FileDescriptor borrow(int fd) { return FileDescriptor{fd, false}; }
  FileDescriptor(FileDescriptor &&other) noexcept
      : fd_{std::exchange(other.fd_, -1)}, is_owned_{other.is_owned_}
  {
  }
  FileDescriptor &operator=(FileDescriptor other) noexcept
  {
    std::swap(fd_, other.fd_);
    std::swap(is_owned_, other.is_owned_);
    return *this;
  }
  ~FileDescriptor()
  {
    if (fd_ >= 0 && is_owned_)
      close(fd_);
  }

  // Whoever calls this closes it, if it was owned.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  FileDescriptor(int fd, bool is_owned) : fd_{fd}, is_owned_{is_owned} {}

  int fd_ = -1;
  bool is_owned_ = false;
};

}  // namespace kam::net
