// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/send_block.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

namespace kam::srm {

namespace {

// Stands in the header until the packet is sent.
constexpr MessageStart unsent{0, 1};

}  // namespace

SendBlock::SendBlock(std::shared_ptr<const BlockShape> shape, std::uint64_t index,
                     std::uint32_t number, std::uint16_t sources, RawMemory memory)
    : shape_{std::move(shape)},
      index_{index},
      number_{number},
      sources_{sources},
      memory_{std::move(memory)}
{
}

void SendBlock::append(Bytes data)
{
  assert(data.size() <= open_room() && !is_full());
  if (data.empty())
    return;
  std::memcpy(source(filled_) + shape_->prefix() + open_bytes_, data.data(), data.size());
  open_bytes_ += data.size();
  bytes_ += data.size();
}

void SendBlock::close_segment(std::uint32_t stream_offset)
{
  auto *const packet = source(filled_);
  const auto full = shape_->packet_size();
  const auto size = shape_->prefix() + open_bytes_;
  write_data_header({packet, BlockShape::header_size}, unsent, {},
                    {shape_->flags, FecId::rs8, shape_->object}, {number_, filled_, 0}, {});
  if (shape_->is_stream) {
    write_stream_header(
        {static_cast<std::uint16_t>(open_bytes_), message_start_, stream_offset},
        std::span<std::byte, StreamHeader::size>{packet + BlockShape::header_size,
                                                 StreamHeader::size});
  }
  if (size < full) {
    // Parity takes the rest for zeros.
    std::memset(packet + size, 0, full - size);
    if (sizes_.empty())
      sizes_.assign(sources_, static_cast<std::uint16_t>(full));
    sizes_[filled_] = static_cast<std::uint16_t>(size);
  }
  ++filled_;
  open_bytes_ = 0;
  message_start_ = 0;
}

MutableBytes SendBlock::packets(std::uint16_t first, std::uint16_t count)
{
  const auto full = shape_->packet_size();
  if (first >= sources_) {
    const auto parity = static_cast<std::uint16_t>(first - sources_);
    make_parities(static_cast<std::uint16_t>(parity + count));
    return {parities_.get() + parity * full, count * full};
  }
  assert(first + count <= filled_);
  if (sizes_.empty())
    return {source(first), count * full};
  std::uint16_t run = 0;
  while (run + 1 < count && sizes_[first + run] == full)
    ++run;
  return {source(first), run * full + sizes_[first + run]};
}

void SendBlock::make_parities(std::uint16_t up_to)
{
  assert(up_to <= shape_->code->parities());
  if (up_to <= parities_made_)
    return;
  const auto full = shape_->packet_size();
  if (!parities_)
    parities_ = RawMemory{shape_->code->parities() * full};
  std::array<const std::byte *, max_symbols> sources{};
  for (std::uint16_t i = 0; i < filled_; ++i)
    sources[i] = source(i) + BlockShape::header_size;
  std::array<std::byte *, max_symbols> out{};
  const std::size_t count = up_to - parities_made_;
  for (std::size_t i = 0; i < count; ++i) {
    auto *const packet = parities_.get() + (parities_made_ + i) * full;
    const auto symbol = static_cast<std::uint16_t>(sources_ + parities_made_ + i);
    write_data_header({packet, BlockShape::header_size}, unsent, {},
                      {shape_->flags, FecId::rs8, shape_->object}, {number_, symbol, 0}, {});
    out[i] = packet + BlockShape::header_size;
  }
  shape_->code->encode(std::span{sources}.first(filled_), parities_made_,
                       std::span{out}.first(count), shape_->coded_size());
  parities_made_ = up_to;
}

std::uint64_t &SendBlock::resent_at(std::uint16_t symbol)
{
  if (resent_at_.empty())
    resent_at_.resize(max_symbols + 1);
  return resent_at_[symbol];
}

}  // namespace kam::srm
