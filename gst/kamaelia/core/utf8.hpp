// SPDX-License-Identifier: LGPL-2.1-or-later
// Text whose encoding nobody says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kam {

// As RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

// What is not UTF-8 is taken for ISO 8859-1, in which any bytes are text.
std::string utf8_of(std::string_view text);

// Nothing is added for a number that is no character; false then.
bool append_utf8(std::string &text, std::uint32_t code_point);

// The longest beginning that has at most `max_size` bytes and does not end within a character.
std::string_view utf8_prefix(std::string_view text, std::size_t max_size);

}  // namespace kam
