// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/rtp/null_payload.hpp"

#include <cassert>
#include <utility>

namespace kam::rtp {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr unsigned bits_per_byte = 8;

}  // namespace

std::array<std::byte, length_field_size> pack_length(std::uint32_t length)
{
  std::array<std::byte, length_field_size> packed{};
  for (auto at = packed.rbegin(); at != packed.rend(); ++at, length >>= bits_per_byte)
    *at = static_cast<std::byte>(length);
  return packed;
}

ConstantBitrate::ConstantBitrate(std::uint64_t bits_per_second)
    : bits_per_second_{bits_per_second}
{
  assert(bits_per_second > 0);
}

std::uint64_t ConstantBitrate::ticks(std::uint64_t bytes, std::uint64_t ticks_per_second) const
{
  // The product may have 131 bits: whole periods of 8 s go first, so that the rest fits for all
  // rates and clocks that exist.
  const auto seconds = bytes / bits_per_second_;
  const auto rest = bytes % bits_per_second_;
  return seconds * bits_per_byte * ticks_per_second +
         static_cast<std::uint64_t>(Wide{rest} * bits_per_byte * ticks_per_second /
                                    bits_per_second_);
}

NullChunker::NullChunker(std::uint32_t chunk_size) : chunk_size_{chunk_size}
{
  assert(chunk_size > 0);
}

std::optional<std::uint64_t> NullChunker::pass(std::size_t size)
{
  assert(input_.empty());
  forget_taken();
  if (size != chunk_size_ || !carried_.empty())
    return std::nullopt;
  return std::exchange(bytes_before_, bytes_before_ + size);
}

void NullChunker::feed(Bytes message)
{
  assert(input_.empty());
  forget_taken();
  input_ = message;
}

std::optional<NullChunk> NullChunker::poll()
{
  forget_taken();
  const auto missing = chunk_size_ - carried_.size();
  if (input_.size() >= missing)
    return take(missing);
  carried_.insert(carried_.end(), input_.begin(), input_.end());
  input_ = {};
  return std::nullopt;
}

std::optional<NullChunk> NullChunker::finish()
{
  assert(input_.empty());
  forget_taken();
  if (carried_.empty())
    return std::nullopt;
  return take(0);
}

void NullChunker::reset()
{
  carried_.clear();
  carried_taken_ = false;
  input_ = {};
  bytes_before_ = 0;
}

NullChunk NullChunker::take(std::size_t from_input)
{
  const NullChunk chunk{bytes_before_, carried_, input_.first(from_input)};
  input_ = input_.subspan(from_input);
  bytes_before_ += chunk.size();
  carried_taken_ = true;
  return chunk;
}

void NullChunker::forget_taken()
{
  if (!carried_taken_)
    return;
  carried_.clear();
  carried_taken_ = false;
}

std::variant<NullPayload, NullPayloadFault> read_null_payload(Bytes start,
                                                              std::size_t payload_size)
{
  if (payload_size < length_field_size)
    return NullPayloadFault::short_payload;
  assert(start.size() >= length_field_size);
  std::uint32_t length = 0;
  for (const auto byte : start.first(length_field_size))
    length = length << bits_per_byte | std::to_integer<std::uint32_t>(byte);
  const auto room = payload_size - length_field_size;
  if (length > room)
    return NullPayloadFault::bad_length;
  return NullPayload{length, room - length};
}

}  // namespace kam::rtp
