// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/preferences.hpp"

#include <algorithm>
#include <cstddef>

namespace kam::http {
namespace {

constexpr unsigned fully = 1000;

std::string_view trimmed(std::string_view text)
{
  constexpr std::string_view blanks = " \t";
  const auto from = std::min(text.find_first_not_of(blanks), text.size());
  const auto to = text.find_last_not_of(blanks);
  return text.substr(from, to == std::string_view::npos ? 0 : to + 1 - from);
}

bool are_equal(std::string_view a, std::string_view b)
{
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::ranges::equal(a, b, {}, lower, lower);
}

// "0.5" as 500; what is no number counts as nothing.
unsigned quality(std::string_view text)
{
  unsigned value = 0;
  unsigned scale = fully;
  for (std::size_t i = 0; i < text.size() && i < 5; ++i) {
    if (i == 1) {
      if (text[i] != '.')
        return 0;
      continue;
    }
    if (text[i] < '0' || text[i] > '9')
      return 0;
    value += static_cast<unsigned>(text[i] - '0') * scale;
    scale /= 10;
  }
  return std::min(value, fully);
}

struct Choice {
  std::string_view name;
  unsigned quality = fully;
};

// Takes the first of a list of choices out of it.
Choice next_choice(std::string_view &list)
{
  auto text = list.substr(0, list.find(','));
  list.remove_prefix(std::min(text.size() + 1, list.size()));
  Choice choice{trimmed(text.substr(0, text.find(';')))};
  for (auto at = text.find(';'); at != std::string_view::npos; at = text.find(';')) {
    text.remove_prefix(at + 1);
    const auto parameter = trimmed(text.substr(0, text.find(';')));
    if (parameter.starts_with("q=") || parameter.starts_with("Q="))
      choice.quality = quality(parameter.substr(2));
  }
  return choice;
}

}  // namespace

unsigned encoding_preference(const std::string *field, std::string_view encoding)
{
  if (!field)
    return 0;
  std::string_view list = *field;
  unsigned of_others = 0;
  while (!list.empty()) {
    const auto choice = next_choice(list);
    if (are_equal(choice.name, encoding))
      return choice.quality;
    if (choice.name == "*")
      of_others = choice.quality;
  }
  return of_others;
}

unsigned media_type_preference(const std::string *field, std::string_view type)
{
  if (!field)
    return fully;
  std::string_view list = *field;
  std::size_t most_specific = 0;
  unsigned found = 0;
  while (!list.empty()) {
    const auto choice = next_choice(list);
    const auto slash = choice.name.find('/');
    const bool is_any = choice.name == "*/*";
    const bool is_family = choice.name.ends_with("/*") && slash != std::string_view::npos &&
                           are_equal(choice.name.substr(0, slash + 1),
                                     type.substr(0, std::min(slash + 1, type.size())));
    const std::size_t specific =
        are_equal(choice.name, type) ? 3 : (is_any ? 1 : (is_family ? 2 : 0));
    if (specific > most_specific) {
      most_specific = specific;
      found = choice.quality;
    }
  }
  return found;
}

}  // namespace kam::http
