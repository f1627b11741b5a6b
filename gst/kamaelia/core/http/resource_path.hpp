// SPDX-License-Identifier: LGPL-2.1-or-later
// The path of a request as the names it consists of.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kam::http {

struct ResourcePath {
  std::vector<std::string> names;  // decoded; none is empty, or a dot, or two
  bool ends_in_slash = false;      // it means a folder

  // The names from the `first` on, with slashes between them.
  std::string joined(std::size_t first = 0) const;
  // Whether a name begins with a dot.
  bool is_hidden() const;
};

// "/a//b%20c/" as a, "b c" and a slash at the end. Nothing if no file can be meant: names that
// lead upwards, or that are two names for some reader (slash and backslash, encoded or not),
// NUL and other control characters, and encodings that are none.
std::optional<ResourcePath> resource_path(std::string_view path);

// A name as part of an address.
std::string encoded_name(std::string_view name);

}  // namespace kam::http
