// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <string_view>

namespace kam::test {

// Whether a path, relative to some folder, cannot lead out of it.
inline bool is_inside(std::string_view path)
{
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos)
    return false;
  while (!path.empty()) {
    const auto part = path.substr(0, path.find('/'));
    if (part.empty() || part == "." || part == "..")
      return false;
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return true;
}

}  // namespace kam::test
