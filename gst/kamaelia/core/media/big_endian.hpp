// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers as containers write them.
#pragma once

#include "core/media/indexer.hpp"

#include <cstdint>

namespace kam::media {

inline unsigned byte_at(Bytes bytes, std::size_t at)
{
  return std::to_integer<unsigned>(bytes[at]);
}

// `size` bytes from `at` on, at most 8.
inline std::uint64_t big_endian(Bytes bytes, std::size_t at, std::size_t size)
{
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i)
    number = number << 8U | byte_at(bytes, at + i);
  return number;
}

inline SharedBytes share(Bytes bytes)
{
  return std::make_shared<const ByteVector>(bytes.begin(), bytes.end());
}

}  // namespace kam::media
