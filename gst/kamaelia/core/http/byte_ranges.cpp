// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/byte_ranges.hpp"

#include "core/http/response_head.hpp"

#include <algorithm>
#include <optional>

namespace kam::http {
namespace {

// Parts that are nearer than what would go between them are sent as one.
constexpr std::uint64_t smallest_gap = 80;
// Nobody who means well asks for so many.
constexpr std::size_t max_parts = 1000;

std::string_view trimmed(std::string_view text)
{
  constexpr std::string_view blanks = " \t";
  const auto from = std::min(text.find_first_not_of(blanks), text.size());
  const auto to = text.find_last_not_of(blanks);
  return text.substr(from, to == std::string_view::npos ? 0 : to + 1 - from);
}

struct Part {
  bool is_understood = false;
  std::optional<ByteRange> range;  // if there is something of it in the file
};

Part part_of(std::string_view text, std::uint64_t file_size)
{
  const auto dash = text.find('-');
  if (dash == std::string_view::npos)
    return {};
  const auto first_text = text.substr(0, dash);
  const auto last_text = text.substr(dash + 1);
  const auto first = decimal(first_text);
  const auto last = decimal(last_text);
  if ((!first && !first_text.empty()) || (!last && !last_text.empty()) || (!first && !last))
    return {};
  if (!first) {
    if (*last == 0 || file_size == 0)
      return {true, {}};
    return {true, ByteRange{file_size - std::min(*last, file_size), file_size - 1}};
  }
  if (last && *last < *first)
    return {};
  if (*first >= file_size)
    return {true, {}};
  return {true, ByteRange{*first, std::min(last.value_or(file_size - 1), file_size - 1)}};
}

bool are_near(const ByteRange &a, const ByteRange &b)
{
  const auto &lower = a.first <= b.first ? a : b;
  const auto &upper = a.first <= b.first ? b : a;
  return upper.first <= lower.last || upper.first - lower.last - 1 < smallest_gap;
}

void join_near(ByteRanges &ranges)
{
  auto sorted = ranges;
  std::ranges::sort(sorted, {}, &ByteRange::first);
  ByteRanges joined;
  for (const auto &range : sorted) {
    if (!joined.empty() && are_near(joined.back(), range))
      joined.back().last = std::max(joined.back().last, range.last);
    else
      joined.push_back(range);
  }
  if (joined.size() < ranges.size())
    ranges = std::move(joined);
}

}  // namespace

std::variant<WholeFile, OutOfRange, ByteRanges> ranges_in(std::string_view field,
                                                          std::uint64_t file_size,
                                                          std::size_t max_ranges)
{
  constexpr std::string_view unit = "bytes=";
  if (!field.starts_with(unit) ||
      static_cast<std::size_t>(std::ranges::count(field, ',')) >= max_parts)
    return WholeFile{};
  field.remove_prefix(unit.size());
  ByteRanges ranges;
  bool has_any = false;
  while (!field.empty()) {
    const auto text = field.substr(0, field.find(','));
    field.remove_prefix(std::min(text.size() + 1, field.size()));
    if (trimmed(text).empty())
      continue;
    const auto part = part_of(trimmed(text), file_size);
    if (!part.is_understood)
      return WholeFile{};
    has_any = true;
    if (part.range)
      ranges.push_back(*part.range);
  }
  if (!has_any)
    return WholeFile{};
  if (ranges.empty())
    return OutOfRange{};
  join_near(ranges);
  const bool is_whole = ranges.size() > 1 && ranges.front().size() == file_size;
  if (is_whole || ranges.size() > max_ranges)
    return WholeFile{};
  return ranges;
}

std::string content_range(const ByteRange &range, std::uint64_t file_size)
{
  return "bytes " + std::to_string(range.first) + '-' + std::to_string(range.last) + '/' +
         std::to_string(file_size);
}

std::string part_head(std::string_view boundary, std::string_view content_type,
                      const ByteRange &range, std::uint64_t file_size)
{
  std::string head = "\r\n--";
  head.append(boundary).append("\r\nContent-Type: ").append(content_type);
  return head + "\r\nContent-Range: " + content_range(range, file_size) + "\r\n\r\n";
}

std::string parts_end(std::string_view boundary)
{
  return "\r\n--" + std::string{boundary} + "--\r\n";
}

}  // namespace kam::http
