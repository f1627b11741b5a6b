// SPDX-License-Identifier: LGPL-2.1-or-later
// What a block of metadata says:
//
//   StreamTitle='Artist - Title';StreamUrl='http://…';   filled up with NUL
//
// Nothing in a value is escaped, so a title may have quotes, and even "';", in it. A value ends
// at a "';" that the next key or the padding follows.
#pragma once

#include "core/bytes.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace kam::icy {

struct MetadataField {
  std::string key;    // as it is spelled there
  std::string value;  // bytes of any character set, without NUL

  bool operator==(const MetadataField &) const = default;
};

// In the order of the block. A block that is not of this kind has no fields.
std::vector<MetadataField> parse_metadata(Bytes block);

// "Artist - Title": where the artist ends and the title begins. The artist is empty if there
// is none.
struct SplitTitle {
  std::string_view artist;
  std::string_view title;
};
SplitTitle split_title(std::string_view title);

}  // namespace kam::icy
