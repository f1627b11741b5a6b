// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/srm/codec.hpp"

#include <cstdint>

namespace kam::srm {

// How an object of known size is cut into blocks (RFC 5052, section 9.1): some of one length,
// then the rest of one less.
class Partition {
 public:
  Partition() = default;
  explicit Partition(const ObjectTransmissionInfo &fti)
      : segment_size_{fti.segment_size}, size_{fti.object_size}
  {
    segments_ = (size_ + segment_size_ - 1) / segment_size_;
    if (segments_ == 0)
      return;
    blocks_ = (segments_ + fti.max_sources - 1) / fti.max_sources;
    small_ = segments_ / blocks_;
    large_blocks_ = segments_ - small_ * blocks_;
  }

  std::uint64_t blocks() const { return blocks_; }
  std::uint64_t segments() const { return segments_; }
  // Sources in a block.
  std::uint16_t sources(std::uint64_t block) const
  {
    return static_cast<std::uint16_t>(block < large_blocks_ ? small_ + 1 : small_);
  }
  // The number of the block's first segment.
  std::uint64_t first_segment(std::uint64_t block) const
  {
    return block * small_ + (block < large_blocks_ ? block : large_blocks_);
  }
  // Bytes of a segment: all are full but the last.
  std::size_t segment_bytes(std::uint64_t segment) const
  {
    return segment + 1 == segments_ ? static_cast<std::size_t>(size_ - segment * segment_size_)
                                    : segment_size_;
  }

 private:
  std::uint64_t segment_size_ = 1;
  std::uint64_t size_ = 0;
  std::uint64_t segments_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t small_ = 0;
  std::uint64_t large_blocks_ = 0;
};

}  // namespace kam::srm
