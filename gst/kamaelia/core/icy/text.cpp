// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/text.hpp"

#include "core/utf8.hpp"

#include <array>
#include <cstdint>

namespace kam::icy {
namespace {

// What Windows-1252 has where ISO 8859-1 has control characters; 0 is itself.
constexpr std::array<std::uint16_t, 32> windows_1252{
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

}  // namespace

std::string utf8_of_latin1(std::string_view text)
{
  std::string result;
  for (const char c : text) {
    const unsigned byte = static_cast<unsigned char>(c);
    const bool is_other = byte >= 0x80 && byte < 0xa0 && windows_1252.at(byte - 0x80) != 0;
    append_utf8(result, is_other ? windows_1252.at(byte - 0x80) : byte);
  }
  return result;
}

bool has_escapes(std::string_view text)
{
  return text.find('\x1b') != std::string_view::npos;
}

std::optional<std::string_view> charset_of_address(std::string_view address)
{
  constexpr std::string_view mark = "#charset=";
  const auto at = address.rfind(mark);
  if (at == std::string_view::npos || at + mark.size() == address.size())
    return std::nullopt;
  return address.substr(at + mark.size());
}

}  // namespace kam::icy
