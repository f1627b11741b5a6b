// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/frame.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <system_error>

namespace kam::framing {
namespace {

bool is_blank(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

// Takes the next blank-separated field off the front of `line`.
std::string_view take_field(std::string_view &line)
{
  const auto *const first = std::find_if_not(line.begin(), line.end(), is_blank);
  const auto *const last = std::find_if(first, line.end(), is_blank);
  const std::string_view field{first, last};
  line = {last, line.end()};
  return field;
}

// A whole field as a number without sign; nothing where it is none or does not fit.
std::optional<std::uint64_t> parse_number(std::string_view field)
{
  std::uint64_t value = 0;
  const auto *const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc{} || stop != end)
    return std::nullopt;
  return value;
}

bool looks_like_number(std::string_view tag)
{
  return is_digit(tag.front()) || tag.front() == '+' || tag.front() == '-';
}

// The fields of a header line; `header_size` is left to the caller.
std::variant<FrameHeader, FrameFault, NeedMore> parse_line(std::string_view line)
{
  FrameHeader header;
  header.tag = take_field(line);
  const auto length = take_field(line);
  if (length.empty() || !take_field(line).empty())
    return FrameFault::bad_header;
  if (!is_valid_tag(header.tag))
    return FrameFault::bad_tag;
  header.sequence = parse_number(header.tag);
  if (!header.sequence && looks_like_number(header.tag))
    return FrameFault::bad_tag;
  const auto data_size = parse_number(length);
  if (!data_size)
    return FrameFault::bad_length;
  header.data_size = *data_size;
  return header;
}

// Digits from `at` on as a number, as long as they cannot overflow; `at` is left behind them.
std::uint64_t take_digits(std::string_view text, std::size_t &at)
{
  constexpr std::size_t safe_digits = 19;
  std::uint64_t value = 0;
  const auto end = std::min(text.size(), at + safe_digits);
  for (; at < end && is_digit(text[at]); ++at)
    value = value * 10 + static_cast<std::uint64_t>(text[at] - '0');
  return value;
}

// The header as our own framer writes it, which is nearly always the one that comes. What is
// not exactly that is left to parse_line().
std::optional<FrameHeader> parse_usual(std::string_view window)
{
  std::size_t at = 0;
  const auto sequence = take_digits(window, at);
  const auto tag_size = at;
  if (tag_size == 0 || at == window.size() || window[at] != ' ')
    return std::nullopt;
  const auto length_at = ++at;
  const auto data_size = take_digits(window, at);
  if (at == length_at || at == window.size() || window[at] != '\n')
    return std::nullopt;
  return FrameHeader{window.substr(0, tag_size), sequence, data_size, at + 1};
}

}  // namespace

std::variant<FrameHeader, FrameFault, NeedMore> parse_frame_header(Bytes bytes)
{
  const auto window = as_text(bytes.first(std::min(bytes.size(), max_header_size)));
  if (const auto usual = parse_usual(window))
    return *usual;
  const auto line_end = window.find('\n');
  if (line_end == std::string_view::npos) {
    if (window.size() == max_header_size)
      return FrameFault::bad_header;
    return NeedMore{};
  }
  auto result = parse_line(window.substr(0, line_end));
  if (auto *header = std::get_if<FrameHeader>(&result))
    header->header_size = line_end + 1;
  return result;
}

bool is_valid_tag(std::string_view tag)
{
  return !tag.empty() && tag.size() <= max_tag_size &&
         std::all_of(tag.begin(), tag.end(), [](char c) { return c > ' ' && c <= '~'; });
}

FrameHeaderText::FrameHeaderText(std::string_view tag, std::uint64_t data_size)
{
  assert(is_valid_tag(tag));
  std::memcpy(text_.data(), tag.data(), tag.size());
  size_ = tag.size();
  append_length(data_size);
}

FrameHeaderText::FrameHeaderText(std::uint64_t sequence, std::uint64_t data_size)
{
  const auto [end, error] = std::to_chars(text_.data(), text_.data() + text_.size(), sequence);
  assert(error == std::errc{});
  size_ = static_cast<std::size_t>(end - text_.data());
  append_length(data_size);
}

void FrameHeaderText::append_length(std::uint64_t data_size)
{
  text_[size_++] = ' ';
  auto [end, error] =
      std::to_chars(text_.data() + size_, text_.data() + text_.size(), data_size);
  assert(error == std::errc{});
  *end++ = '\n';
  size_ = static_cast<std::size_t>(end - text_.data());
}

}  // namespace kam::framing
