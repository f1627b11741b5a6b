// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/muxer.hpp"

#include "core/icy/demuxer.hpp"
#include "core/utf8.hpp"

#include <algorithm>
#include <string>

namespace kam::icy {
namespace {

constexpr std::size_t unit = 16;  // the length byte counts these

// What a value may hold, up to `max_size` bytes of it.
std::string value_of(std::string_view text, std::size_t max_size)
{
  std::string value;
  for (const char c : text) {
    if (c == ';' && value.ends_with('\''))
      value += ' ';
    value += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
  }
  if (value.size() <= max_size)
    return value;
  const auto whole = utf8_prefix(value, max_size);
  value.resize(is_utf8(whole) ? whole.size() : max_size);
  return value;
}

}  // namespace

ByteVector metadata_block(std::string_view title, std::string_view url)
{
  constexpr std::string_view begin_title = "StreamTitle='";
  constexpr std::string_view begin_url = "StreamUrl='";
  constexpr std::string_view end = "';";
  constexpr std::size_t largest_url = 1024;
  std::string tail{end};
  if (!url.empty())
    tail.append(begin_url).append(value_of(url, largest_url)).append(end);
  auto text = std::string{begin_title};
  text += value_of(title, largest_block - begin_title.size() - tail.size());
  text += tail;
  const auto units = (text.size() + unit - 1) / unit;
  ByteVector block(1 + units * unit);
  block[0] = static_cast<std::byte>(units);
  std::ranges::copy(as_bytes(text), block.begin() + 1);
  return block;
}

}  // namespace kam::icy
