// SPDX-License-Identifier: LGPL-2.1-or-later
// Points in time as HTTP has them (RFC 9110, section 5.6.7), in whole seconds since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kam::http {

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(std::int64_t seconds);

// That, or one of the two forms of long ago: "Sunday, 06-Nov-94 08:49:37 GMT" and
// "Sun Nov  6 08:49:37 1994". A year of two digits is the last one that has passed by `now`,
// or is less than fifty years ahead.
std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now);

}  // namespace kam::http
