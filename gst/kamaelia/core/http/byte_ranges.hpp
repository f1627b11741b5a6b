// SPDX-License-Identifier: LGPL-2.1-or-later
// Parts of a file that a client asks for (RFC 9110, section 14):
//
//   bytes=<first>-<last>, <first>-, -<how many of the last>, …
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kam::http {

struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // of its bytes

  std::uint64_t size() const { return last - first + 1; }
  friend bool operator==(const ByteRange &, const ByteRange &) = default;
};

// The whole file: what was asked cannot be understood, is too much trouble or as large.
struct WholeFile {};
// Nothing that was asked for is there.
struct OutOfRange {};
// At least one, none of them in another, in the order in which they were asked for unless some
// had to be joined.
using ByteRanges = std::vector<ByteRange>;

// More than `max_ranges`, after joining, is too much trouble.
std::variant<WholeFile, OutOfRange, ByteRanges> ranges_in(std::string_view field,
                                                          std::uint64_t file_size,
                                                          std::size_t max_ranges = 16);

// "bytes 0-9/100"
std::string content_range(const ByteRange &range, std::uint64_t file_size);

// What goes before a range, and behind the last one, where there are several
// (multipart/byteranges).
std::string part_head(std::string_view boundary, std::string_view content_type,
                      const ByteRange &range, std::uint64_t file_size);
std::string parts_end(std::string_view boundary);

}  // namespace kam::http
