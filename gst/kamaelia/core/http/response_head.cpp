// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/response_head.hpp"

#include <algorithm>
#include <charconv>

namespace kam::http {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text)
{
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text)
{
  std::string result{text};
  for (auto &c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool is_name(std::string_view text)
{
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f;
  });
}

bool is_version(std::string_view text)
{
  return text.size() == 3 && text[0] >= '0' && text[0] <= '9' && text[1] == '.' &&
         text[2] >= '0' && text[2] <= '9';
}

}  // namespace

std::optional<std::uint64_t> decimal(std::string_view text)
{
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

const std::string *ResponseHead::find(std::string_view key) const
{
  const auto found = std::ranges::find(fields, key, &Field::key);
  return found == fields.end() ? nullptr : &found->value;
}

std::size_t ResponseHeadParser::feed(Bytes input)
{
  const auto text = as_text(input);
  std::size_t used = 0;
  while (state_ == State::reading && used < text.size()) {
    const auto end = text.find('\n', used);
    const auto whole = end != std::string_view::npos;
    const auto part = text.substr(used, whole ? end - used : std::string_view::npos);
    const auto size = part.size() + (whole ? 1 : 0);
    if (size > limits_.max_size - size_) {
      give_up(HeadFault::too_large);
      break;
    }
    size_ += size;
    used += size;
    line_ += part;
    if (whole)
      handle_line();
    else if (constexpr std::string_view longest = "HTTP"; !has_status_ && lines_ == 0)
      // What is no response need not be read to the end of its first line.
      if (line_.size() >= longest.size() && !line_.starts_with("HTTP") &&
          !line_.starts_with("ICY "))
        give_up(HeadFault::no_response);
  }
  return used;
}

void ResponseHeadParser::handle_line()
{
  if (line_.ends_with('\r'))
    line_.pop_back();
  const auto line = std::move(line_);
  line_.clear();
  if (++lines_ > limits_.max_fields + 1)
    return give_up(HeadFault::too_large);
  if (!has_status_)
    return handle_status_line(line);
  if (line.empty()) {
    state_ = State::complete;
    return;
  }
  handle_field_line(line);
}

void ResponseHeadParser::handle_status_line(std::string_view line)
{
  const auto protocol_end = std::min(line.find(' '), line.size());
  const auto protocol = line.substr(0, protocol_end);
  if (protocol == "ICY") {
    head_.protocol = "ICY";
  } else if (protocol.starts_with("HTTP/") && is_version(protocol.substr(5))) {
    head_.protocol = "HTTP";
    head_.version = protocol.substr(5);
  } else {
    return give_up(HeadFault::no_response);
  }
  const auto rest = trimmed(line.substr(protocol_end));
  const auto code = rest.substr(0, rest.find(' '));
  const auto status = decimal(code);
  if (code.size() != 3 || !status || *status < 100)
    return give_up(HeadFault::no_response);
  head_.status = static_cast<unsigned>(*status);
  head_.reason = trimmed(rest.substr(code.size()));
  has_status_ = true;
}

void ResponseHeadParser::handle_field_line(std::string_view line)
{
  if (blanks.find(line.front()) != std::string_view::npos) {
    // A folded line goes on with the one before it.
    if (head_.fields.empty())
      ++head_.lines_ignored;
    else
      head_.fields.back().value.append(" ").append(trimmed(line));
    return;
  }
  const auto colon = line.find(':');
  const auto name = trimmed(line.substr(0, std::min(colon, line.size())));
  if (colon == std::string_view::npos || !is_name(name)) {
    ++head_.lines_ignored;
    return;
  }
  auto value = std::string{trimmed(line.substr(colon + 1))};
  std::erase(value, '\0');
  head_.fields.push_back({lower(name), std::move(value)});
}

void ResponseHeadParser::give_up(HeadFault fault)
{
  fault_ = fault;
  state_ = State::faulty;
}

}  // namespace kam::http
