// SPDX-License-Identifier: LGPL-2.1-or-later
// What our stream carries: GStreamer's buffers with their boundaries, and what a receiver has
// to know to use them. A record is
//
//   magic 'K'  kind  flags:u16  length:u32  [pts:u64] [dts:u64] [duration:u64]  payload
//
// big-endian, times in ns, each there if its flag says so. A record begins a message of NORM
// (the stream header's message_start), so that a receiver finds the next one after a gap.
// NORM_INFO holds the same *state* as a state record: its first byte is magic, too. If the
// state is longer than a segment, NORM_INFO says so and the state comes in the stream.
#pragma once

#include "core/bytes.hpp"
#include "core/srm/receiver.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace kam::srm {

enum class RecordKind : std::uint8_t {
  buffer = 1,
  state = 2,  // caps, segment, tags: text that the elements write and read
  event = 3,  // a serialised event, as text
};

struct RecordHeader {
  RecordKind kind = RecordKind::buffer;
  std::uint16_t buffer_flags = 0;  // of the elements' choosing, 12 bits
  std::uint32_t length = 0;        // of the payload
  std::optional<std::uint64_t> pts;
  std::optional<std::uint64_t> dts;
  std::optional<std::uint64_t> duration;

  friend bool operator==(const RecordHeader &, const RecordHeader &) = default;
};

// The header's bytes, ready to go before the payload.
class RecordHeaderBytes {
 public:
  explicit RecordHeaderBytes(const RecordHeader &header);
  Bytes bytes() const { return Bytes{bytes_}.first(size_); }

 private:
  std::array<std::byte, 32> bytes_{};
  std::size_t size_ = 0;
};

// Reads a header that is there as a whole; `size` is how many bytes it has.
std::optional<RecordHeader> parse_record_header(Bytes bytes, std::size_t &size);

struct Record {
  RecordHeader header;
  std::vector<Piece> payload;  // header.length bytes together
};

// Takes a stream's data apart into records.
class RecordReader {
 public:
  explicit RecordReader(std::uint32_t max_length) : max_length_{max_length} {}

  // The bytes that come next; message_start as in ObjectData.
  void push(const Piece &piece, std::optional<std::size_t> message_start);
  // What comes next does not follow: the record that is open is dropped, and reading goes on
  // at the next message start.
  void handle_loss();
  std::optional<Record> poll();

  // Records dropped because a part of them was lost or made no sense.
  std::uint64_t dropped() const { return dropped_; }

 private:
  enum class State : std::uint8_t { lost, header, payload };

  std::size_t read_header(Bytes bytes);
  void finish_record();
  void lose_step();

  std::uint32_t max_length_;
  State state_ = State::lost;  // until a message starts
  std::array<std::byte, 32> header_{};
  std::size_t header_filled_ = 0;
  std::size_t missing_ = 0;  // of the payload
  Record record_;
  std::deque<Record> records_;
  std::uint64_t dropped_ = 0;
};

}  // namespace kam::srm
