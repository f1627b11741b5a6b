// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/media/formats.hpp"

namespace kam::media {

Indexer::Step FrameIndexer::step(Bytes window, std::uint64_t offset,
                                 std::vector<JoinPoint> &joins)
{
  constexpr std::size_t header_size = icy::frame_header_size;
  constexpr std::size_t id3_size = 10;
  if (window.size() < id3_size)
    return {.need = id3_size};
  if (as_text(window).starts_with("ID3")) {
    std::uint64_t size = 0;  // seven bits in each byte
    for (std::size_t i = 6; i < id3_size; ++i)
      size = size << 7U | (std::to_integer<unsigned>(window[i]) & 0x7fU);
    return {.take = id3_size, .skip = size};
  }
  const auto size = icy::frame_size(framing_, window);
  if (size < header_size || (is_locked_ && !icy::are_alike(framing_, first_, window))) {
    is_locked_ = false;
    return {.take = 1};
  }
  if (!is_locked_) {
    // The bytes that mark a frame occur inside frames too: another one has to follow.
    if (window.size() < size + header_size)
      return {.need = size + header_size};
    const auto next = window.subspan(size);
    if (icy::frame_size(framing_, next) == 0 || !icy::are_alike(framing_, window, next))
      return {.take = 1};
    is_locked_ = true;
    first_.assign(window.begin(), window.begin() + header_size);
  }
  joins.push_back({offset, nullptr});
  return {.take = header_size, .skip = size - header_size};
}

}  // namespace kam::media
