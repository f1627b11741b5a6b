// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/byte_log.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace kam::http {

void ByteLog::append(Bytes bytes)
{
  while (!bytes.empty()) {
    const auto used = static_cast<std::size_t>((end_ - begin_) % block_size);
    if (used == 0 && blocks_.size() * block_size == end_ - begin_)
      blocks_.push_back(spare_ ? std::exchange(spare_, nullptr)
                               : std::make_unique_for_overwrite<Block>());
    const auto part = bytes.first(std::min(bytes.size(), block_size - used));
    std::ranges::copy(part, blocks_.back()->begin() + static_cast<std::ptrdiff_t>(used));
    end_ += part.size();
    bytes = bytes.subspan(part.size());
  }
}

Bytes ByteLog::at(std::uint64_t offset) const
{
  assert(offset >= begin_ && offset <= end_);
  if (offset == end_)
    return {};
  const auto block = static_cast<std::size_t>((offset - begin_) / block_size);
  const auto within = static_cast<std::size_t>((offset - begin_) % block_size);
  const auto there = std::min<std::uint64_t>(block_size - within, end_ - offset);
  return Bytes{*blocks_[block]}.subspan(within, static_cast<std::size_t>(there));
}

void ByteLog::forget_before(std::uint64_t offset)
{
  while (!blocks_.empty() && begin_ + block_size <= offset) {
    spare_ = std::move(blocks_.front());
    blocks_.pop_front();
    begin_ += block_size;
  }
}

}  // namespace kam::http
