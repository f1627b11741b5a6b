// SPDX-License-Identifier: LGPL-2.1-or-later
// A series of torrents, one for each part of a stream, as Kamaelia's P2PStreamSeed publishes
// it: 1.torrent, 2.torrent and so on, and beside them meta.txt with the number of the newest.
// When there will be no more, a line "end" follows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kam::torrent {

inline constexpr std::string_view series_index_name = "meta.txt";
inline constexpr std::size_t longest_series_index = 64;  // bytes
inline constexpr std::uint64_t max_series_number = 999'999'999;

// `pattern` with its number: one %d, or %0Nd for N digits, and %% for a percent sign. Nothing
// if it is no such pattern.
std::optional<std::string> numbered(std::string_view pattern, std::uint64_t number);

// A pattern for the parts of what would be the file `location`: the same, if it is one; else
// with the number before the extension. Nothing if it has other conversions.
std::optional<std::string> part_pattern(std::string_view location);

// What meta.txt says.
struct SeriesIndex {
  std::uint64_t newest = 0;  // 0: there is none yet
  bool has_ended = false;

  friend bool operator==(const SeriesIndex &, const SeriesIndex &) = default;
};

std::string series_index(const SeriesIndex &index);
// Nothing if the text is longer than an index is, or something else.
std::optional<SeriesIndex> parse_series_index(std::string_view text);

// The name of a torrent of the series.
std::string series_torrent_name(std::uint64_t number);
// Where it is if the index is at `index_uri`: beside it, and asked for with the same query.
std::string series_torrent_uri(std::string_view index_uri, std::uint64_t number);

}  // namespace kam::torrent
