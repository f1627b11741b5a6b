// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/metadata.hpp"

#include <algorithm>

namespace kam::icy {
namespace {

constexpr std::size_t longest_key = 64;
constexpr std::string_view value_end = "';";

bool is_key_char(char c)
{
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
         c == '_' || c == '-' || c == '.';
}

std::string_view without_blanks(std::string_view text)
{
  text.remove_prefix(std::min(text.find_first_not_of(" \r\n\t;"), text.size()));
  return text;
}

// How long the key is that `text` begins with, up to its "='"; 0 if there is none.
std::size_t key_size(std::string_view text)
{
  const auto size =
      static_cast<std::size_t>(std::ranges::find_if_not(text, is_key_char) - text.begin());
  return size <= longest_key && text.substr(size).starts_with("='") ? size : 0;
}

// Whether a value may end where `rest` follows its "';".
bool may_end_before(std::string_view rest)
{
  rest = without_blanks(rest);
  return rest.empty() || key_size(rest) > 0;
}

std::size_t find_value_end(std::string_view text)
{
  for (auto at = text.find(value_end); at != std::string_view::npos;
       at = text.find(value_end, at + 1))
    if (may_end_before(text.substr(at + value_end.size())))
      return at;
  return std::string_view::npos;
}

}  // namespace

std::vector<MetadataField> parse_metadata(Bytes block)
{
  auto text = as_text(block);
  // What follows the padding was left there by another title.
  text = text.substr(0, text.find('\0'));
  std::vector<MetadataField> fields;
  for (text = without_blanks(text); !text.empty(); text = without_blanks(text)) {
    const auto key = text.substr(0, key_size(text));
    if (key.empty())
      break;
    text.remove_prefix(key.size() + 2);
    const auto end = find_value_end(text);
    auto value = text.substr(0, end);
    // A server that cuts a long title cuts its end mark too, or half of it.
    if (end == std::string_view::npos && value.ends_with('\''))
      value.remove_suffix(1);
    fields.push_back({std::string{key}, std::string{value}});
    if (end == std::string_view::npos)
      break;
    text.remove_prefix(end + value_end.size());
  }
  return fields;
}

SplitTitle split_title(std::string_view title)
{
  constexpr std::string_view dash = " - ";
  const auto at = title.find(dash);
  if (at == std::string_view::npos || at == 0 || at + dash.size() == title.size())
    return {{}, title};
  return {title.substr(0, at), title.substr(at + dash.size())};
}

}  // namespace kam::icy
