// SPDX-License-Identifier: LGPL-2.1-or-later
// How large the pieces of a torrent are.
#pragma once

#include <cstdint>
#include <optional>

namespace kam::torrent {

// Which of the protocol's versions can read a torrent: SHA-1 of pieces (BEP 3), trees of
// SHA-256 (BEP 52), or both.
enum class Format { v1, v2, hybrid };

inline constexpr std::uint32_t min_piece_size = 16U << 10U;
inline constexpr std::uint32_t max_piece_size = 64U << 20U;
// More of them make a torrent that some clients refuse to load.
inline constexpr std::uint64_t max_pieces = std::uint64_t{1} << 19U;

// In bytes. Players wait for whole pieces, so they should be small; a torrent lists the hash of
// each, so there should not be many. Without a size it is what keeps 512 GiB loadable.
std::uint32_t choose_piece_size(std::optional<std::uint64_t> total_bytes);

// Whether clients take it: a power of two.
bool is_piece_size(std::uint32_t bytes);

}  // namespace kam::torrent
