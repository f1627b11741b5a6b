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

// Takes what is before the next blank off `text`.
std::string_view next_word(std::string_view &text)
{
  constexpr std::string_view blanks = " \t\r\n";
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(blanks)));
  const auto word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
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

std::string series_index(const SeriesIndex &index)
{
  // Kamaelia's listeners read a number and nothing else; at the end they have nothing to read.
  return std::to_string(index.newest) + (index.has_ended ? "\nend\n" : "");
}

std::optional<SeriesIndex> parse_series_index(std::string_view text)
{
  if (text.size() > longest_series_index)
    return {};
  const auto number = next_word(text);
  const auto rest = next_word(text);
  SeriesIndex index{.newest = 0, .has_ended = rest == "end"};
  if (number.empty() || number.size() > most_digits || !next_word(text).empty() ||
      (!rest.empty() && !index.has_ended))
    return {};
  const auto *behind = number.data() + number.size();
  const auto [end, error] = std::from_chars(number.data(), behind, index.newest);
  if (error != std::errc{} || end != behind)
    return {};
  return index;
}

std::string series_torrent_name(std::uint64_t number)
{
  return std::to_string(number) + ".torrent";
}

std::string series_torrent_uri(std::string_view index_uri, std::uint64_t number)
{
  const auto path = index_uri.substr(0, index_uri.find_first_of("?#"));
  const auto rest = index_uri.substr(path.size());
  const auto folder = path.substr(0, path.rfind('/') + 1);
  return std::string{folder} + series_torrent_name(number) +
         std::string{rest.substr(0, rest.find('#'))};
}

}  // namespace kam::torrent
