// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kam::cookie {

// When which byte is due at a bit rate, as Kamaelia's ReadFileAdaptor paced its chunks; but by
// the bytes that there were, so that short chunks do not slow it down.
class Pace {
 public:
  // `bitrate` in bit/s; 0 means that nothing has a time. `chunk_rate` in chunks per second; 0
  // means that whatever comes is one chunk.
  Pace(std::uint32_t bitrate, std::uint32_t chunk_rate)
      : bitrate_{bitrate},
        chunk_size_{bitrate == 0 || chunk_rate == 0
                        ? SIZE_MAX
                        : std::max<std::size_t>(1, bitrate / 8 / chunk_rate)}
  {
  }

  bool is_limited() const { return bitrate_ != 0; }

  // In bytes.
  std::size_t chunk_size() const { return chunk_size_; }

  // How many nanoseconds `bytes` take; 0 without a limit.
  std::uint64_t duration_of(std::uint64_t bytes) const
  {
    constexpr std::uint64_t second = 1'000'000'000;
    if (bitrate_ == 0)
      return 0;
    const auto bits = bytes * 8;
    return bits / bitrate_ * second + bits % bitrate_ * second / bitrate_;
  }

 private:
  std::uint64_t bitrate_;
  std::size_t chunk_size_;
};

}  // namespace kam::cookie
