// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/jar.hpp"

#include <algorithm>
#include <utility>

namespace kam::cookie {
namespace {

std::size_t sent_size(std::string_view cookie, LineEnd ends)
{
  auto size = cookie.size();
  if (ends == LineEnd::crlf)
    size += static_cast<std::size_t>(std::ranges::count(cookie, '\n'));
  return size;
}

}  // namespace

std::string with_line_ends(std::string_view cookie, LineEnd ends)
{
  if (ends == LineEnd::lf)
    return std::string{cookie};
  std::string result;
  result.reserve(sent_size(cookie, ends));
  for (const char c : cookie) {
    if (c == '\n')
      result += '\r';
    result += c;
  }
  return result;
}

Jar::Jar(std::vector<Source> sources, const Selection &selection) : sources_{std::move(sources)}
{
  std::size_t count = 0;
  for (const auto &source : sources_)
    count += source.file->size();
  entries_.reserve(count);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto &file = *sources_[i].file;
    for (std::size_t number = 0; number < file.size(); ++number) {
      const auto size = sent_size(file[number], selection.line_end);
      if (size >= selection.min_length && size <= selection.max_length)
        entries_.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(number)});
    }
  }
}

Jar::Cookie Jar::operator[](std::size_t index) const
{
  const auto &[source, number] = entries_[index];
  return {sources_[source].name, number + std::size_t{1}, (*sources_[source].file)[number]};
}

const FortuneFile &built_in_cookies()
{
  static const auto file = FortuneFile::of({
      "A pipe has two ends. Most trouble is in the middle.\n",
      "Whoever asks for a cookie has time for one.\n",
      "The packet you are waiting for was sent before you asked.\n",
      "Small components do not have small problems; they have few.\n",
      "An unread queue is a promise that somebody else will keep.\n",
      "Say what you send, send what you said, and close the door gently.\n",
      "There is no fortune here; the fortune is that there is a server.\n",
      "Everything that is joined by a pipe can be taken apart again.\n",
      "A clock that is right twice a day is not a pipeline clock.\n",
      "Backpressure is how a slow friend says that he is still listening.\n",
      "It works on loopback. Loopback is the shortest road, not the only one.\n",
      "Your next buffer will be empty. Handle it kindly.\n",
  });
  return file;
}

}  // namespace kam::cookie
