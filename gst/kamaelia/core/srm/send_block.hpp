// SPDX-License-Identifier: LGPL-2.1-or-later
// One block of what a sender keeps for repair. Its segments lie in memory as the packets they
// are sent as, one behind the other, so that a run of them goes to the kernel as it is.
#pragma once

#include "core/bytes.hpp"
#include "core/raw_memory.hpp"
#include "core/srm/codec.hpp"
#include "core/srm/fec.hpp"

#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

namespace kam::srm {

// What the blocks of an object have in common.
struct BlockShape {
  std::uint16_t object = 0;
  std::uint8_t flags = 0;
  bool is_stream = true;
  std::uint16_t segment_size = 0;
  std::uint16_t max_sources = 0;  // k
  std::shared_ptr<const ReedSolomon> code;

  static constexpr std::size_t header_size = 20;  // of NORM_DATA with RS8, no extension
  std::size_t prefix() const { return header_size + (is_stream ? StreamHeader::size : 0); }
  std::size_t packet_size() const { return prefix() + segment_size; }
  // What is coded: the payload, with the stream header.
  std::size_t coded_size() const { return packet_size() - header_size; }
};

class SendBlock {
 public:
  // Symbols that are to be sent again.
  using Symbols = std::bitset<max_symbols + 1>;

  // `memory` is packet_size() * max_sources bytes, of whatever content.
  SendBlock(std::shared_ptr<const BlockShape> shape, std::uint64_t index, std::uint32_t number,
            std::uint16_t sources, RawMemory memory);

  // Counted through all objects; neighbours are consecutive.
  std::uint64_t index() const { return index_; }
  std::uint32_t number() const { return number_; }  // on the wire
  const BlockShape &shape() const { return *shape_; }
  std::uint16_t sources() const { return sources_; }
  std::uint16_t filled() const { return filled_; }  // sources that are closed
  bool is_full() const { return filled_ == sources_; }
  std::size_t bytes() const { return bytes_; }  // of data

  // --- filling: the open segment is the one after those that are filled.
  std::size_t open_room() const { return shape_->segment_size - open_bytes_; }
  std::size_t open_bytes() const { return open_bytes_; }
  bool has_message_start() const { return message_start_ != 0; }
  void mark_message_start() { message_start_ = static_cast<std::uint16_t>(open_bytes_ + 1); }
  void append(Bytes data);
  // Closes the open segment. stream_offset is that of its first byte.
  void close_segment(std::uint32_t stream_offset);

  // --- sending
  // The packets of `count` symbols from `first` on, as many of them as are of one size (the
  // last may be shorter). All sources, which have to be filled, or all parities, which are
  // made if need be.
  MutableBytes packets(std::uint16_t first, std::uint16_t count);
  std::size_t packet_size() const { return shape_->packet_size(); }
  RawMemory take_memory() { return std::move(memory_); }

  std::uint64_t sent_at = 0;        // when the last source went
  std::uint16_t sent = 0;           // sources that have been, from the first on
  std::uint16_t parities_sent = 0;  // likewise, whether asked for or not
  std::uint16_t parities_due = 0;   // to be sent without being asked, in all

  // --- repair
  Symbols wanted;                     // these very symbols
  std::uint16_t parities_wanted = 0;  // as many parities, whichever are new
  std::uint64_t repair_at = 0;        // when they are due, if any
  std::uint64_t repaired_at = 0;      // when the last of them went
  bool has_repairs() const { return parities_wanted != 0 || wanted.any(); }
  // When a symbol was last sent again; 0: never.
  std::uint64_t &resent_at(std::uint16_t symbol);

 private:
  void make_parities(std::uint16_t up_to);
  std::byte *source(std::uint16_t symbol) const
  {
    return memory_.get() + symbol * shape_->packet_size();
  }

  std::shared_ptr<const BlockShape> shape_;
  std::uint64_t index_;
  std::uint32_t number_;
  std::uint16_t sources_;
  std::uint16_t filled_ = 0;
  std::size_t open_bytes_ = 0;
  std::uint16_t message_start_ = 0;
  std::size_t bytes_ = 0;
  RawMemory memory_;
  std::vector<std::uint16_t> sizes_;  // of the source packets; empty while all are full
  RawMemory parities_;
  std::uint16_t parities_made_ = 0;
  std::vector<std::uint64_t> resent_at_;
};

}  // namespace kam::srm
