// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/receive_block.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace kam::srm {

void ReceiveBlock::set_memory(SlabRef memory, MemoryAccount &account, bool is_stream,
                              std::size_t segment_size)
{
  memory_ = std::move(memory);
  account_ = &account;
  memory_claim_.take(account, memory_->size());
  is_stream_ = is_stream;
  segment_size_ = segment_size;
  if (is_stream)
    headers_.resize(sources_);
}

SlabRef ReceiveBlock::take_memory()
{
  memory_claim_.release();
  return std::move(memory_);
}

void ReceiveBlock::put_source(std::uint16_t symbol, Bytes payload)
{
  assert(!have_[symbol] && symbol < sources_);
  if (is_stream_) {
    const auto header = payload.first(std::min(payload.size(), StreamHeader::size));
    headers_[symbol] = {};
    std::copy(header.begin(), header.end(), headers_[symbol].begin());
    payload = payload.subspan(header.size());
  }
  auto *const at = memory_->data() + symbol * segment_size_;
  const auto size = std::min(payload.size(), segment_size_);
  if (size > 0)
    std::memcpy(at, payload.data(), size);
  // Parity was made with zeros there.
  std::memset(at + size, 0, segment_size_ - size);
  have_.set(symbol);
  ++have_count_;
}

void ReceiveBlock::put_parity(std::uint16_t index, Bytes payload)
{
  assert(!parity_have_[index]);
  const auto size = segment_size_ + (is_stream_ ? StreamHeader::size : 0);
  RawMemory bytes{size};
  parity_claim_.take(*account_, size);
  const auto present = std::min(payload.size(), size);
  if (present > 0)
    std::memcpy(bytes.get(), payload.data(), present);
  std::memset(bytes.get() + present, 0, size - present);
  parities_.push_back({index, std::move(bytes)});
  parity_have_.set(index);
  ++parity_count_;
}

std::uint16_t ReceiveBlock::rebuild(const ReedSolomon &code, Decoder &decoder)
{
  std::array<std::byte *, max_symbols> symbols{};
  std::array<std::size_t, max_symbols> missing{};
  std::array<Decoder::Parity, max_symbols> parities;
  std::size_t missing_count = 0;
  for (std::uint16_t i = 0; i < sources_; ++i) {
    symbols[i] = memory_->data() + i * segment_size_;
    if (!have_[i])
      missing[missing_count++] = i;
  }
  const std::size_t header = is_stream_ ? StreamHeader::size : 0;
  for (std::size_t i = 0; i < missing_count; ++i)
    parities[i] = {parities_[i].index, parities_[i].bytes.get() + header};
  const auto lost = std::span{missing}.first(missing_count);
  const auto used = std::span{parities}.first(missing_count);
  decoder.rebuild(code, std::span{symbols}.first(sources_), lost, used, segment_size_);
  if (is_stream_) {
    // The code works byte by byte, so the headers can lie elsewhere.
    for (std::uint16_t i = 0; i < sources_; ++i)
      symbols[i] = headers_[i].data();
    for (auto &parity : used)
      parity.bytes -= header;
    decoder.rebuild(code, std::span{symbols}.first(sources_), lost, used, header);
  }
  for (const auto symbol : lost)
    have_.set(symbol);
  have_count_ = sources_;
  parities_.clear();
  parity_claim_.release();
  return static_cast<std::uint16_t>(missing_count);
}

StreamHeader ReceiveBlock::stream_header(std::uint16_t symbol) const
{
  return parse_stream_header(headers_[symbol]).value_or(StreamHeader{});
}

}  // namespace kam::srm
