// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace kam {

// Memory for bytes that are about to be written: a vector would write zeros first.
class RawMemory {
 public:
  RawMemory() = default;
  explicit RawMemory(std::size_t size) : bytes_{static_cast<std::byte *>(::operator new(size))}
  {
  }

  std::byte *get() const { return bytes_.get(); }
  explicit operator bool() const { return bytes_ != nullptr; }

 private:
  struct Free {
    void operator()(std::byte *bytes) const { ::operator delete(bytes); }
  };
  std::unique_ptr<std::byte, Free> bytes_;
};

}  // namespace kam
