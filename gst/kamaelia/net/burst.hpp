// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"

#include <algorithm>
#include <cstddef>

namespace kam::net {

// Largest payload of a UDP packet that both IPv4 and IPv6 carry.
inline constexpr std::size_t max_udp_payload = 65507;

// Packets that lie one behind the other. All have the same size, but the last may be shorter.
struct Burst {
  Bytes bytes;
  std::size_t packet_size = 0;

  std::size_t packets() const
  {
    return packet_size == 0 ? 0 : (bytes.size() + packet_size - 1) / packet_size;
  }
};

template <class Take>
void for_each_packet(const Burst &burst, Take take)
{
  for (auto rest = burst.bytes; !rest.empty();) {
    const auto size = std::min(rest.size(), burst.packet_size);
    take(rest.first(size));
    rest = rest.subspan(size);
  }
}

}  // namespace kam::net
