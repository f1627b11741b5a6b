// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace kam {

// Bytes that stay as they are while their owner lives.
struct ByteBlock {
  Bytes bytes;
  std::shared_ptr<const void> owner;
};

// Joins small buffers, so that each hash and each write has something to do; large ones pass as
// they are.
class ByteBlocks {
 public:
  // Calls take(ByteBlock) -> bool for each block that is complete, until it returns false.
  // False too if the buffer cannot be read.
  template <class Take>
  bool add(GstBuffer *buffer, Take take)
  {
    if (gst_buffer_get_size(buffer) >= large)
      return flush(take) && pass(buffer, take);
    const glue::ReadMap map{buffer};
    if (!map)
      return gst_buffer_get_size(buffer) == 0;
    for (auto rest = map.bytes(); !rest.empty();) {
      if (!block_) {
        block_ = std::make_shared<ByteVector>();
        block_->reserve(block_size);
      }
      const auto part = rest.first(std::min(rest.size(), block_size - block_->size()));
      block_->insert(block_->end(), part.begin(), part.end());
      rest = rest.subspan(part.size());
      if (block_->size() == block_size && !flush(take))
        return false;
    }
    return true;
  }

  // What is left, complete or not.
  template <class Take>
  bool flush(Take take)
  {
    const auto block = std::exchange(block_, nullptr);
    return !block || take(ByteBlock{*block, block});
  }

  void forget() { block_.reset(); }

 private:
  static constexpr std::size_t block_size = 128U << 10U;
  static constexpr std::size_t large = 32U << 10U;

  // Keeps the buffer mapped.
  class MappedBuffer {
   public:
    explicit MappedBuffer(GstBuffer *buffer)
        : buffer_{glue::Ref<GstBuffer>::share(buffer)}, map_{buffer}
    {
    }
    const glue::ReadMap &map() const { return map_; }

   private:
    glue::Ref<GstBuffer> buffer_;
    glue::ReadMap map_;
  };

  template <class Take>
  bool pass(GstBuffer *buffer, Take take)
  {
    const auto mapped = std::make_shared<const MappedBuffer>(buffer);
    return mapped->map() && take(ByteBlock{mapped->map().bytes(), mapped});
  }

  std::shared_ptr<ByteVector> block_;  // with at least one byte
};

}  // namespace kam
