// SPDX-License-Identifier: LGPL-2.1-or-later
// Kamaelia's null payload (Kamaelia.Protocol.RTP.NullPayloadRTP): bytes of any kind at a
// constant bitrate, in RTP packets whose payload is
//
//   <length: 32 bits, big endian> <length bytes of data>
//
// Every chunk is as long as the others, however the messages were cut; the last may be shorter.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

namespace kam::rtp {

// The length in front of the data, in bytes.
inline constexpr std::size_t length_field_size = 4;

std::array<std::byte, length_field_size> pack_length(std::uint32_t length);

// Where in time a byte of a stream of constant bitrate is. Exact: always rounded down from the
// stream's start and never from one byte to the next, so nothing adds up.
class ConstantBitrate {
 public:
  explicit ConstantBitrate(std::uint64_t bits_per_second);

  // The time of `bytes` bytes, in units of which a second has `ticks_per_second`. What does
  // not fit into 64 bits wraps, as RTP time does.
  std::uint64_t ticks(std::uint64_t bytes, std::uint64_t ticks_per_second) const;
  std::uint64_t nanoseconds(std::uint64_t bytes) const { return ticks(bytes, 1'000'000'000); }

 private:
  std::uint64_t bits_per_second_;
};

// The data of one packet. The views end with the next call to the chunker.
struct NullChunk {
  std::uint64_t bytes_before = 0;  // since the chunker was made or reset
  Bytes carried;                   // first: what earlier messages left
  Bytes in_input;                  // then: a part of the bytes that were fed

  std::size_t size() const { return carried.size() + in_input.size(); }
};

// Merges and cuts messages to chunks of one size. Feed, then poll until nothing comes.
class NullChunker {
 public:
  explicit NullChunker(std::uint32_t chunk_size);

  // If a message of `size` bytes is the next chunk just as it is: where in the stream it is.
  // The message counts as sent then, and nobody had to look at its bytes.
  std::optional<std::uint64_t> pass(std::size_t size);
  // `message` has to stay where it is until poll() has given nothing.
  void feed(Bytes message);
  // The next full chunk; nothing when more data is needed.
  std::optional<NullChunk> poll();
  // What is left, if anything: the stream ends here. Only after poll() has given nothing.
  std::optional<NullChunk> finish();
  // Forgets what is left and counts from 0 again.
  void reset();

 private:
  NullChunk take(std::size_t from_input);
  void forget_taken();

  std::uint32_t chunk_size_;
  std::uint64_t bytes_before_ = 0;
  ByteVector carried_;
  bool carried_taken_ = false;
  Bytes input_;
};

// What a payload's length field says, checked against the payload.
struct NullPayload {
  std::size_t data_size = 0;      // of the data, which follows the length field
  std::size_t trailing_size = 0;  // of what is behind the data and does not belong to it
};

enum class NullPayloadFault {
  short_payload,  // no room for a length field
  bad_length,     // more data declared than there is
};

// Reads a payload of `payload_size` bytes; only its `start`, the first length_field_size bytes
// or all if there are fewer, is looked at.
std::variant<NullPayload, NullPayloadFault> read_null_payload(Bytes start,
                                                              std::size_t payload_size);

}  // namespace kam::rtp
