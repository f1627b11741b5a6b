// SPDX-License-Identifier: LGPL-2.1-or-later
// What a client would rather have (RFC 9110, section 12.5).
#pragma once

#include <string>
#include <string_view>

namespace kam::http {

// How much, from 0 (not at all) to 1000, by Accept-Encoding; nullptr: there is none.
unsigned encoding_preference(const std::string *field, std::string_view encoding);

// The same of a media type by Accept, of which the most specific range counts.
unsigned media_type_preference(const std::string *field, std::string_view type);

}  // namespace kam::http
