// SPDX-License-Identifier: LGPL-2.1-or-later
// Lists of addresses as a user writes them in one property.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace kam::torrent {

// What stands between blanks, line ends and commas; a comma inside an address is written %2C.
inline std::vector<std::string> split_addresses(std::string_view text)
{
  constexpr std::string_view separators = " \t\r\n,";
  std::vector<std::string> addresses;
  for (std::size_t at = 0;;) {
    at = text.find_first_not_of(separators, at);
    if (at == std::string_view::npos)
      return addresses;
    const auto end = std::min(text.size(), text.find_first_of(separators, at));
    addresses.emplace_back(text.substr(at, end - at));
    at = end;
  }
}

}  // namespace kam::torrent
