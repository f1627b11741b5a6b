// SPDX-License-Identifier: LGPL-2.1-or-later
// The character sets of titles and station names, as far as no tables are needed for them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kam::icy {

// Every byte is a character: ISO 8859-1, which as everywhere on the web means Windows-1252.
std::string utf8_of_latin1(std::string_view text);

// Whether `text` switches its alphabet by escapes, as ISO 2022 does: such text is ASCII, and
// UTF-8 with it, without meaning what that says.
bool has_escapes(std::string_view text);

// The value of "#charset=…" at the end of an address, as MPD knows it.
std::optional<std::string_view> charset_of_address(std::string_view address);

}  // namespace kam::icy
