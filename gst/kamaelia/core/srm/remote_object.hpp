// SPDX-License-Identifier: LGPL-2.1-or-later
// An object on its way from a sender: which of its segments are there, which are missing, and
// how far it has been handed on.
#pragma once

#include "core/bytes.hpp"
#include "core/srm/codec.hpp"
#include "core/srm/memory_account.hpp"
#include "core/srm/partition.hpp"
#include "core/srm/policy.hpp"
#include "core/srm/probation.hpp"
#include "core/srm/receive_block.hpp"
#include "core/srm/receiver.hpp"
#include "core/srm/slab.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

namespace kam::srm {

class RemoteObject {
 public:
  enum class Outcome { taken, duplicate, beyond, useless };
  // What was skipped to go on.
  struct Skipped {
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
  };
  // A run of segments that comes next.
  struct Run {
    Bytes bytes;
    SlabRef owner;
    std::optional<std::size_t> message_start;
    bool is_end = false;  // of the stream; then there are no bytes
  };

  // The options may change while it lives. They and the sender's memory live longer.
  RemoteObject(std::uint16_t id, const ReceiverOptions &options, MemoryAccount &memory)
      : id_{id},
        options_{&options},
        memory_{std::make_unique<MemoryAccount>(options.buffer_bytes, &memory)}
  {
  }

  std::uint16_t id() const { return id_; }
  FecId fec_id() const { return fec_id_; }
  bool is_heard() const { return heard_; }
  bool is_stream() const { return (flags_ & object_flag::stream) != 0; }
  ObjectKind kind() const;
  std::uint64_t size() const { return fti_ ? fti_->object_size : 0; }
  bool is_usable() const { return fti_.has_value(); }
  // Whether its sender says that there is a NORM_INFO.
  bool has_info_to_come() const { return wants_info(); }
  bool lacks_info() const { return !has_info_ && (!heard_ || !fti_ || wants_info()); }
  // Changed content; nothing if it is what is known.
  bool set_info(Bytes content);
  const ByteVector &info() const { return info_; }

  // What a packet's header says of it. False if that contradicts what is known.
  bool describe(const ObjectHeader &header, const std::optional<ObjectTransmissionInfo> &fti);
  // Where reception starts: called with the first packet that names a place.
  void join(PayloadId id, bool from_start);
  bool has_joined() const { return joined_; }

  // is_first: nothing is handed on before it, so that its next block has to have room.
  Outcome put(PayloadId id, Bytes payload, bool is_first, std::uint64_t now, Decoder &decoder);
  // Everything up to this segment has been sent. False if it is out of reach.
  bool expect_through(PayloadId id, std::uint64_t now);
  // All of it has been sent.
  void expect_all(std::uint64_t now);
  // The same, if it has been said before.
  void expect_end(std::uint64_t now);
  bool has_through(PayloadId id) const;
  // Blocks before this one are not repaired any more: what is missing there is missing for
  // good. Says what had to be skipped at once.
  Skipped give_up_before(std::uint32_t wire_number, std::uint64_t now);
  // What the buffer had no room for since the last call (latency only).
  Skipped take_overflow() { return std::exchange(overflow_, {}); }

  // --- in order
  std::optional<Run> next_run();
  bool is_delivered() const { return delivered_; }
  // Nothing that should be there is missing.
  bool is_whole() const;
  // Since when the next segment has been missing while others came; nothing if it is there,
  // or not expected yet. 0: it is missing for good.
  std::optional<std::uint64_t> blocked_since() const;
  Skipped skip_gap();
  // Whether next_run() has something.
  bool has_next() const;
  // When nothing more comes: to the next segment there is, however far, or to the end. Nothing
  // if there is none and nothing was missing.
  std::optional<Skipped> skip_to_next();
  // Its sender repairs nothing of it any more: what is there is handed on.
  void give_up();
  bool is_given_up() const { return given_up_; }
  // Nothing of it is wanted any more.
  void abandon();

  // --- repair
  std::deque<ReceiveBlock> &blocks() { return blocks_; }
  const std::deque<ReceiveBlock> &blocks() const { return blocks_; }
  // Its sender does not repair it any more.
  bool is_hopeless(const ReceiveBlock &block) const
  {
    return given_up_ || block.number() < hopeless_end_;
  }
  // The first symbol of a block that matters.
  std::uint16_t first_symbol(const ReceiveBlock &block) const
  {
    return block.number() == first_ ? next_symbol_ : 0;
  }
  std::uint16_t max_parities() const { return fti_ ? fti_->max_parities : 0; }
  // A block as it is named on the wire.
  std::uint32_t wire_number(const ReceiveBlock &block) const;
  ReceiveBlock *find_block(std::uint32_t wire_number);

  double fullness() const;  // of the buffer, 0 to 1
  std::uint64_t missed() const { return missed_; }
  std::uint64_t rebuilt() const { return rebuilt_; }
  // Blocks that lacked something when all of their sources had been sent.
  std::uint64_t due_gaps() const { return due_gaps_; }
  std::uint64_t info_again_at = 0;
  unsigned info_attempts = 0;

 private:
  bool wants_info() const { return (flags_ & object_flag::info) != 0; }
  std::size_t block_bytes() const;
  std::size_t max_blocks() const;
  bool is_near(std::uint64_t number, std::uint64_t now);
  bool has_room(const ReceiveBlock &block, bool is_parity) const;
  std::uint16_t sources_of(std::uint64_t number) const;
  std::optional<std::uint64_t> number_of(std::uint32_t wire_number) const;
  std::optional<std::uint64_t> last_number() const;  // of an object that is not a stream
  bool has_end() const;  // a stream's; whatever is missing before it
  bool is_whole_symbol(std::uint64_t number, std::uint16_t symbol, Bytes payload) const;
  ReceiveBlock &block_at(std::uint64_t number);
  void store(ReceiveBlock &block, bool is_parity, std::uint16_t index, Bytes payload);
  void rebuild(ReceiveBlock &block, Decoder &decoder);
  void extend_to(std::uint64_t number);
  bool fits(std::uint64_t number, std::uint64_t now);
  void notice(std::uint64_t number, std::uint16_t symbols, std::uint64_t now);
  void notice_in(ReceiveBlock &block, std::uint16_t symbols, std::uint64_t now);
  void refresh_gap(ReceiveBlock &block);
  bool lacks_any(const ReceiveBlock &block) const;
  std::uint64_t end_number() const { return first_ + blocks_.size(); }
  void pop_front();
  Skipped skip_front_block();
  void jump_to(std::uint64_t number, Skipped &skipped);
  void note_delivered_object();
  Run gather_run();
  std::size_t segment_bytes(const ReceiveBlock &block, std::uint16_t symbol) const;
  bool append_stream_segment(const ReceiveBlock &block, std::uint16_t symbol, Run &run) const;

  std::uint16_t id_;
  const ReceiverOptions *options_;
  bool heard_ = false;
  bool joined_ = false;
  bool delivered_ = false;
  bool delivered_any_ = false;
  bool all_sent_ = false;
  bool given_up_ = false;
  bool has_info_ = false;
  std::uint8_t flags_ = 0;
  FecId fec_id_ = FecId::rs8;
  std::optional<ObjectTransmissionInfo> fti_;
  Partition partition_;
  std::shared_ptr<const ReedSolomon> code_;
  ByteVector info_;
  std::unique_ptr<MemoryAccount> memory_;
  std::optional<SlabPool> pool_;
  Probation far_block_;

  std::deque<ReceiveBlock> blocks_;  // consecutive, the first is the one being handed on
  std::uint64_t first_ = 0;          // its number
  std::uint16_t next_symbol_ = 0;    // in it
  std::uint64_t noticed_end_ = 0;    // blocks before it are expected whole
  std::uint64_t hopeless_end_ = 0;   // blocks before it are not repaired any more
  Skipped overflow_;
  std::uint64_t missed_ = 0;
  std::uint64_t rebuilt_ = 0;
  std::uint64_t due_gaps_ = 0;
};

}  // namespace kam::srm
