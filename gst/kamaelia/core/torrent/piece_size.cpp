// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/piece_size.hpp"

#include <algorithm>
#include <bit>

namespace kam::torrent {

namespace {

constexpr std::uint32_t smallest_choice = 64U << 10U;
constexpr std::uint32_t largest_choice = 16U << 20U;
constexpr std::uint32_t choice_for_unknown = 1U << 20U;
constexpr std::uint64_t wanted_pieces = 4096;

}  // namespace

std::uint32_t choose_piece_size(std::optional<std::uint64_t> total_bytes)
{
  if (!total_bytes)
    return choice_for_unknown;
  std::uint32_t size = smallest_choice;
  while (size < largest_choice && *total_bytes / size >= wanted_pieces)
    size *= 2;
  return size;
}

bool is_piece_size(std::uint32_t bytes)
{
  return std::has_single_bit(bytes) && bytes >= min_piece_size && bytes <= max_piece_size;
}

}  // namespace kam::torrent
