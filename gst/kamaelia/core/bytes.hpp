// SPDX-License-Identifier: LGPL-2.1-or-later
// The byte types every core speaks.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace kam {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using ByteVector = std::vector<std::byte>;

inline std::string_view as_text(Bytes bytes)
{
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

inline Bytes as_bytes(std::string_view text)
{
  return std::as_bytes(std::span{text.data(), text.size()});
}

}  // namespace kam
