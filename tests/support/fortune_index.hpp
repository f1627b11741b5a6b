// SPDX-License-Identifier: LGPL-2.1-or-later
// What strfile(1) would write beside a database.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kam::test {

struct IndexOf {
  std::vector<std::uint64_t> offsets;  // of the cookies, without the end
  std::uint32_t version = 2;
  std::uint32_t flags = 0;
  char delimiter = '%';
  bool is_wide = false;  // as FreeBSD has it

  operator std::string() const
  {
    std::string bytes;
    const auto put = [&bytes](std::uint64_t value, int width) {
      for (int shift = (width - 1) * 8; shift >= 0; shift -= 8)
        bytes += static_cast<char>(value >> shift);
    };
    put(version, 4);
    put(offsets.size(), 4);
    put(0, 4);
    put(0, 4);
    put(flags, 4);
    bytes += delimiter;
    bytes.append(3, '\0');
    for (const auto offset : offsets)
      put(offset, is_wide ? 8 : 4);
    put(0, is_wide ? 8 : 4);
    return bytes;
  }
};

}  // namespace kam::test
