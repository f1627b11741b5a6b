// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/series.hpp"

#include <algorithm>
#include <charconv>

namespace kam::torrent {

namespace {

constexpr std::size_t most_digits = 9;

// The digits that a conversion asks for (%d: 0), and where it ends.
struct Conversion {
  std::size_t digits = 0;
  std::size_t end = 0;
};

std::optional<Conversion> conversion_at(std::string_view pattern, std::size_t percent)
{
  auto at = percent + 1;
  std::size_t digits = 0;
  if (at + 1 < pattern.size() && pattern[at] == '0' && pattern[at + 1] >= '1' &&
      pattern[at + 1] <= '9') {
    digits = static_cast<std::size_t>(pattern[at + 1] - '0');
    at += 2;
  }
  if (at >= pattern.size() || pattern[at] != 'd')
    return {};
  return Conversion{digits, at + 1};
}

}  // namespace

std::optional<std::string> numbered(std::string_view pattern, std::uint64_t number)
{
  std::string result;
  bool has_number = false;
  for (std::size_t at = 0; at < pattern.size();) {
    if (pattern[at] != '%') {
      result += pattern[at++];
    } else if (pattern.substr(at).starts_with("%%")) {
      result += '%';
      at += 2;
    } else {
      const auto conversion = conversion_at(pattern, at);
      if (!conversion || has_number)
        return {};
      const auto digits = std::to_string(number);
      if (digits.size() < conversion->digits)
        result.append(conversion->digits - digits.size(), '0');
      result += digits;
      has_number = true;
      at = conversion->end;
    }
  }
  if (!has_number)
    return {};
  return result;
}

std::optional<std::string> part_pattern(std::string_view location)
{
  std::string pattern{location};
  if (location.find('%') == std::string_view::npos) {
    const auto slash = location.rfind('/');
    const auto name = slash == std::string_view::npos ? 0 : slash + 1;
    const auto dot = location.rfind('.');
    const bool has_extension = dot != std::string_view::npos && dot > name;
    pattern.insert(has_extension ? dot : location.size(), "-%d");
  }
  if (!numbered(pattern, 1))
    return {};
  return pattern;
}

std::string series_index(std::uint64_t newest)
{
  return std::to_string(newest);
}

std::optional<std::uint64_t> parse_series_index(std::string_view text)
{
  constexpr std::string_view blanks = " \t\r\n";
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(blanks)));
  text = text.substr(0, text.find_last_not_of(blanks) + 1);
  if (text.empty() || text.size() > most_digits)
    return {};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number == 0)
    return {};
  return number;
}

std::string series_torrent_name(std::uint64_t number)
{
  return std::to_string(number) + ".torrent";
}

}  // namespace kam::torrent
