// SPDX-License-Identifier: LGPL-2.1-or-later
// The blocks between the audio, as demuxer.hpp draws them, written.
#pragma once

#include "core/bytes.hpp"

#include <string_view>

namespace kam::icy {

// The length byte and what it counts: the title, and the address of a picture or a page unless
// that is empty. No value ends before its own end: "';" in it gets a blank between, and what is
// no text becomes one. Too long a title is cut at a character, if it is in UTF-8.
ByteVector metadata_block(std::string_view title, std::string_view url);

// What stands at a place where nothing has changed.
inline constexpr std::byte empty_block{0};

}  // namespace kam::icy
