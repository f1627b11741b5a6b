// SPDX-License-Identifier: LGPL-2.1-or-later
// A series of torrents, one for each part of a stream, as Kamaelia's P2PStreamSeed publishes
// it: 1.torrent, 2.torrent and so on, and beside them meta.txt with the number of the newest.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kam::torrent {

inline constexpr std::string_view series_index_name = "meta.txt";
inline constexpr std::uint64_t max_series_number = 999'999'999;

// `pattern` with its number: one %d, or %0Nd for N digits, and %% for a percent sign. Nothing
// if it is no such pattern.
std::optional<std::string> numbered(std::string_view pattern, std::uint64_t number);

// A pattern for the parts of what would be the file `location`: the same, if it is one; else
// with the number before the extension. Nothing if it has other conversions.
std::optional<std::string> part_pattern(std::string_view location);

// What stands in meta.txt, and what it says; nothing if it says no number from 1 on.
std::string series_index(std::uint64_t newest);
std::optional<std::uint64_t> parse_series_index(std::string_view text);

// The name of a torrent of the series.
std::string series_torrent_name(std::uint64_t number);

}  // namespace kam::torrent
