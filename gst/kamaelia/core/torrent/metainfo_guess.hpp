// SPDX-License-Identifier: LGPL-2.1-or-later
// Whether bytes are a .torrent file, from how they begin.
//
// Bencoding (BEP 3):  i<digits>e   <length>:<bytes>   l<values>e   d<string><value>...e
// A torrent is a dictionary whose key "info" holds a dictionary.
#pragma once

#include "core/bytes.hpp"

namespace kam::torrent {

// How deep lists and dictionaries may be nested ahead of "info".
inline constexpr std::size_t max_guess_depth = 32;

enum class MetainfoGuess {
  no,
  undecided,  // more bytes are needed
  yes,
};

// Reads each byte once, whatever they are.
MetainfoGuess guess_metainfo(Bytes beginning);

}  // namespace kam::torrent
