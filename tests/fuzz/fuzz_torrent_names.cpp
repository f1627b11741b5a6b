// SPDX-License-Identifier: LGPL-2.1-or-later
// Names that somebody else has chosen, patterns for those of a series, and its index.
#include "core/torrent/addresses.hpp"
#include "core/torrent/safe_name.hpp"
#include "core/torrent/series.hpp"
#include "fuzz_support.hpp"

#include <string>

using namespace kam;
using namespace kam::torrent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const auto input = as_text(std::as_bytes(std::span{data, size}));
  const auto name = safe_name(input, "file");
  fuzz::require(is_safe_name(name) && safe_name(name, "x") == name);
  fuzz::require(!is_safe_name(input) || name == input);
  if (const auto pattern = part_pattern(input)) {
    const auto first = numbered(*pattern, 1);
    const auto second = numbered(*pattern, 2);
    fuzz::require(first && second && *first != *second);
    fuzz::require(first->size() <= input.size() + 10);
  }
  if (const auto index = parse_series_index(input))
    fuzz::require(index->newest <= max_series_number &&
                  parse_series_index(series_index(*index)) == index);
  fuzz::require(series_torrent_uri(input, 1).size() <= input.size() + 9);
  for (const auto &address : split_addresses(input))
    fuzz::require(!address.empty() && input.find(address) != std::string_view::npos);
  return 0;
}
