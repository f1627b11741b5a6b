// SPDX-License-Identifier: LGPL-2.1-or-later
// Names of files that somebody else has chosen.
#pragma once

#include <string>
#include <string_view>

namespace kam::torrent {

// Longest name in bytes; file systems take 255, and clients append something.
inline constexpr std::size_t max_name_size = 240;

// Whether it is the name of a file in a folder, and of nothing else, on every system: UTF-8
// without separators, control characters and what Windows forbids, no device (NUL, COM1.txt),
// no dot or blank at an end where it would be cut off or hide the file.
bool is_safe_name(std::string_view name);

// `wish` with what makes it unsafe replaced by `_`, cut to max_name_size with its extension
// kept; `fallback`, which has to be safe, if nothing of it is left.
std::string safe_name(std::string_view wish, std::string_view fallback);

}  // namespace kam::torrent
