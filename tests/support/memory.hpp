// SPDX-License-Identifier: LGPL-2.1-or-later
// How much memory this process uses.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace kam::test {

// Of this process, in bytes, without what is only reserved.
inline std::size_t resident_memory()
{
  std::size_t total_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream{"/proc/self/statm"} >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Sanitisers keep freed memory for a while, so that growth says nothing there.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool memory_is_measurable = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool memory_is_measurable = false;
#else
inline constexpr bool memory_is_measurable = true;
#endif
#else
inline constexpr bool memory_is_measurable = true;
#endif

// How much hostile input a test of bounded memory feeds; less where that takes long and
// nothing can be measured anyway.
inline constexpr std::size_t hostile_bytes = std::size_t{memory_is_measurable ? 200U : 8U}
                                             << 20U;

}  // namespace kam::test
