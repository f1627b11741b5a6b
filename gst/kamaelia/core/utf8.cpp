// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/utf8.hpp"

namespace kam {
namespace {

constexpr std::uint32_t largest_code_point = 0x10ffff;

bool is_surrogate(std::uint32_t code_point)
{
  return code_point >= 0xd800 && code_point <= 0xdfff;
}

bool is_continuation(char c)
{
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

// How many bytes the character has at the beginning of `text`; 0 if there is none.
std::size_t character_size(std::string_view text)
{
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80)
    return 1;
  std::size_t size = 0;
  std::uint32_t value = 0;
  std::uint32_t least = 0;
  if ((lead & 0xe0U) == 0xc0U) {
    size = 2;
    value = lead & 0x1fU;
    least = 0x80;
  } else if ((lead & 0xf0U) == 0xe0U) {
    size = 3;
    value = lead & 0x0fU;
    least = 0x800;
  } else if ((lead & 0xf8U) == 0xf0U) {
    size = 4;
    value = lead & 0x07U;
    least = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < size)
    return 0;
  for (const char c : text.substr(1, size - 1)) {
    if (!is_continuation(c))
      return 0;
    value = value << 6U | (static_cast<unsigned char>(c) & 0x3fU);
  }
  return value < least || value > largest_code_point || is_surrogate(value) ? 0 : size;
}

}  // namespace

bool is_utf8(std::string_view text)
{
  while (!text.empty()) {
    const auto size = character_size(text);
    if (size == 0)
      return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string utf8_of(std::string_view text)
{
  if (is_utf8(text))
    return std::string{text};
  std::string result;
  result.reserve(text.size() * 2);
  for (const char c : text)
    append_utf8(result, static_cast<unsigned char>(c));
  return result;
}

bool append_utf8(std::string &text, std::uint32_t code_point)
{
  if (code_point > largest_code_point || is_surrogate(code_point))
    return false;
  const auto add = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  const auto continuation = [&](unsigned shift) { add(0x80U | (code_point >> shift & 0x3fU)); };
  if (code_point < 0x80) {
    add(code_point);
  } else if (code_point < 0x800) {
    add(0xc0U | code_point >> 6U);
    continuation(0);
  } else if (code_point < 0x10000) {
    add(0xe0U | code_point >> 12U);
    continuation(6);
    continuation(0);
  } else {
    add(0xf0U | code_point >> 18U);
    continuation(12);
    continuation(6);
    continuation(0);
  }
  return true;
}

std::string_view utf8_prefix(std::string_view text, std::size_t max_size)
{
  if (text.size() <= max_size)
    return text;
  while (max_size > 0 && is_continuation(text[max_size]))
    --max_size;
  return text.substr(0, max_size);
}

}  // namespace kam
