// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/demuxer.hpp"

#include <algorithm>
#include <cstring>

namespace kam::icy {

std::optional<Demuxer::Event> Demuxer::poll()
{
  auto *const start = input_.data();
  std::size_t audio = 0;
  while (!input_.empty()) {
    if (metaint_ == 0 || until_block_ > 0) {
      auto size = input_.size();
      if (metaint_ > 0)
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, until_block_));
      if (start + audio != input_.data())
        std::memmove(start + audio, input_.data(), size);
      audio += size;
      until_block_ -= metaint_ > 0 ? size : 0;
      input_ = input_.subspan(size);
      continue;
    }
    if (audio > 0 && (in_block_ || input_.front() != std::byte{0}))
      break;
    if (read_block())
      return Block{block_};
  }
  if (audio == 0)
    return std::nullopt;
  return Audio{{start, audio}};
}

bool Demuxer::pass_audio(std::size_t size)
{
  if (metaint_ == 0)
    return true;
  if (size > until_block_)
    return false;
  until_block_ -= size;
  return true;
}

// Reads of a block what is there. True if one is whole that is not empty.
bool Demuxer::read_block()
{
  if (!in_block_) {
    in_block_ = true;
    block_size_ = std::to_integer<std::size_t>(input_.front()) * 16;
    block_.clear();
    input_ = input_.subspan(1);
  }
  const auto size = std::min(block_size_ - block_.size(), input_.size());
  block_.insert(block_.end(), input_.begin(),
                input_.begin() + static_cast<std::ptrdiff_t>(size));
  input_ = input_.subspan(size);
  if (block_.size() < block_size_)
    return false;
  in_block_ = false;
  until_block_ = metaint_;
  ++blocks_;
  return block_size_ > 0;
}

}  // namespace kam::icy
