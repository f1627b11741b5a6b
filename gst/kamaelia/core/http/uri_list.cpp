// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/uri_list.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace kam::http {

void UriListReader::feed(Bytes input)
{
  input_ = input;
}

std::optional<std::string> UriListReader::poll()
{
  while (!input_.empty()) {
    const auto text = as_text(input_);
    const auto size = std::min(text.find_first_of("\r\n"), text.size());
    if (!too_long_ && size <= max_line_size_ - line_.size())
      line_.append(text.substr(0, size));
    else
      too_long_ = true;
    if (size == text.size()) {
      input_ = {};
      return std::nullopt;
    }
    input_ = input_.subspan(size + 1);
    if (auto line = take_line())
      return line;
  }
  return std::nullopt;
}

std::optional<std::string> UriListReader::end()
{
  input_ = {};
  return take_line();
}

std::optional<std::string> UriListReader::take_line()
{
  const auto line = std::exchange(line_, {});
  if (std::exchange(too_long_, false)) {
    ++lines_dropped_;
    return std::nullopt;
  }
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos || line[begin] == '#')
    return std::nullopt;
  return line.substr(begin, line.find_last_not_of(" \t") + 1 - begin);
}

}  // namespace kam::http
