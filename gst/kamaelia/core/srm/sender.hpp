// SPDX-License-Identifier: LGPL-2.1-or-later
// The sending half of reliable multicast on NORM's wire (RFC 5740): a stream or objects go in,
// bursts of packets come out, the receivers' NACKs and ACKs go in. Time is the caller's, in
// nanoseconds of any clock that does not go back.
//
// Two policies on one wire. *latency*: data leaves at once, nothing slows it down, each NACK is
// answered at once with what it asks for; what falls out of the buffer is gone. *bulk*:
// parity on demand, answered in rounds; nothing leaves the buffer before the receivers that
// count have acknowledged it, so a full buffer holds up who writes.
#pragma once

#include "core/bytes.hpp"
#include "core/srm/audience.hpp"
#include "core/srm/codec.hpp"
#include "core/srm/congestion_controller.hpp"
#include "core/srm/grtt.hpp"
#include "core/srm/pacer.hpp"
#include "core/srm/partition.hpp"
#include "core/srm/policy.hpp"
#include "core/srm/repair_budget.hpp"
#include "core/srm/send_block.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace kam::srm {

struct SenderOptions {
  NodeId node = 1;
  std::uint16_t instance = 1;  // another one after each restart
  Policy policy = Policy::latency;
  std::uint16_t segment_size = 1424;  // payload bytes of a full packet; 64 to 65000
  std::uint16_t block_size = 64;      // k, sources per block
  std::uint16_t parity = 32;          // m, parities there can be per block; k + m <= 255
  double fec_overhead = 0;            // of the sources, sent as parity without being asked
  std::uint64_t max_rate = 0;         // bits of NORM messages per second; 0: no limit
  // Sends no faster than TCP would to the receiver with the worst way (NORM-CC), but never more
  // slowly than min_rate, and never faster than max_rate.
  bool congestion_control = false;
  std::uint64_t min_rate = 0;
  // Bits of repairs that were asked for per second; 0: no more than of data.
  std::uint64_t max_repair_rate = 0;
  std::uint64_t grtt = 10 * millisecond;  // until it has been measured
  std::uint64_t min_grtt = 100 * microsecond;
  std::uint8_t backoff_factor = 4;  // K: how long receivers wait for each other, in GRTT
  std::uint64_t group_size = 10;    // receivers, roughly
  std::size_t buffer_bytes = std::size_t{64} << 20U;  // what can be repaired
  // bulk: data starts when so many receivers are there, and leaves the buffer when all known
  // ones have it. 0: no receiver is waited for, and what has been quiet for a while may go.
  std::uint32_t min_receivers = 0;
  std::vector<NodeId> ack_receivers;             // known from the start, by their ids
  std::uint32_t max_receivers = 1024;            // that are kept account of
  std::uint64_t receiver_timeout = 30 * second;  // of silence when asked; 0: never
  // Bytes on the way that no receiver has read yet, for those who do not say what they can.
  std::size_t default_window = std::size_t{1} << 20U;
};

// Packets of one size, one behind the other; the last may be shorter.
struct Burst {
  Bytes bytes;
  std::size_t packet_size = 0;
};

struct ReceiverSeen {
  NodeId node;
};
struct ReceiverLost {
  NodeId node;
};
// Everything up to the end of what was written is with everyone who counts.
struct AllAcknowledged {};
// The rate held data back for the first time since there last was none.
struct RateLimited {
  std::uint64_t rate;  // bits per second, now
  NodeId limiting;     // whom congestion control follows; no_node: max_rate is what limits
};
using SenderEvent = std::variant<ReceiverSeen, ReceiverLost, AllAcknowledged, RateLimited>;

struct SenderStats {
  std::uint64_t bytes = 0;           // written by the application
  std::uint64_t packets_sent = 0;    // all
  std::uint64_t bytes_sent = 0;      // NORM messages
  std::uint64_t source_packets = 0;  // sent for the first time
  std::uint64_t repair_packets = 0;  // sources sent again and parity that was asked for
  std::uint64_t parity_packets = 0;  // parity of both kinds
  std::uint64_t nacks_received = 0;
  std::uint64_t acks_received = 0;
  std::uint64_t squelches_sent = 0;
  std::uint64_t bad_packets = 0;      // could not be read, or not for a sender
  std::uint64_t repairs_refused = 0;  // asked for when it had left the buffer
  std::uint64_t grtt = 0;             // ns
  std::uint64_t buffered_bytes = 0;   // in the buffer, sent and not
  std::uint32_t receivers = 0;        // that are kept account of
  std::uint64_t rate = 0;             // bits per second that may be sent now; 0: no limit
  NodeId limiting = no_node;          // the receiver that congestion control follows
};

// Members stand in the order of what they are about.
class Sender {  // NOLINT(clang-analyzer-optin.performance.Padding)
 public:
  explicit Sender(const SenderOptions &options);

  // --- what is sent. One object at a time; the next may begin after end_object().
  // info is at most a segment; a stream's may be changed while it runs.
  void begin_stream(Bytes info, std::uint64_t now);
  void begin_object(ObjectKind kind, std::uint64_t size, Bytes info, std::uint64_t now);
  void set_info(Bytes info, std::uint64_t now);
  // How many bytes push() would take now.
  std::size_t writable(std::uint64_t now) const;
  // Takes as many bytes as there is room for and says how many. With message_start the first
  // of them begins a message.
  std::size_t push(Bytes data, bool message_start, std::uint64_t now);
  // Lets the open segment go although it is not full.
  void flush(std::uint64_t now);
  // A stream gets its end, an object has to have all its bytes. False if there is no room for
  // the end yet.
  bool end_object(std::uint64_t now);
  // Nothing follows. EOT goes out when all that count have everything, or in latency mode
  // when the last of it has been flushed.
  void finish(std::uint64_t now);
  bool finished() const { return state_ == State::finished; }

  // What may change on the way.
  void set_max_rate(std::uint64_t bits_per_second, std::uint64_t now);
  void set_min_receivers(std::uint32_t receivers) { options_.min_receivers = receivers; }

  // --- the network
  // unicast: it came to us alone, so the other receivers do not know of it.
  void handle_packet(Bytes packet, bool unicast, std::uint64_t now);
  void handle_timeout(std::uint64_t now);
  // Until there is none. The bytes stay valid until the next call of anything else.
  std::optional<Burst> poll_burst(std::uint64_t now);
  // When to call poll_burst() and handle_timeout() again at the latest.
  std::optional<std::uint64_t> next_timeout() const;
  std::optional<SenderEvent> poll_event();

  SenderStats stats() const;
  // Who is kept account of, and up to which block each has acknowledged, for display.
  struct ReceiverState {
    NodeId node = no_node;
    std::uint64_t acknowledged_bytes = 0;
    std::uint64_t last_heard = 0;
  };
  std::vector<ReceiverState> receivers() const;

 private:
  enum class State : std::uint8_t { open, finishing, finished };
  struct Object {
    std::uint16_t id = 0;
    ObjectKind kind = ObjectKind::stream;
    std::uint64_t first_block = 0;  // index
    ObjectTransmissionInfo fti;
    Partition partition;  // not of a stream
    std::shared_ptr<const BlockShape> shape;
    ByteVector info;
    std::uint64_t written = 0;  // bytes
    std::uint64_t info_sent_at = 0;
    bool ended = false;
  };

  // --- filling
  void begin(ObjectKind kind, std::uint64_t size, Bytes info, std::uint64_t now);
  SendBlock *open_block(std::uint64_t now);
  bool make_room(std::uint64_t now);
  bool may_leave(const SendBlock &block, std::uint64_t now) const;
  std::size_t leaving(std::uint64_t now) const;
  void drop_first_block();
  void drop_old_objects();
  void release_acknowledged(std::uint64_t now);
  void close_open_segment();
  std::size_t max_blocks() const;

  // --- sending
  SendBlock *block_at(std::uint64_t index);
  const SendBlock *block_at(std::uint64_t index) const;
  Position sent_position() const;  // behind the last source that was sent
  Position end_position() const;   // behind the last that is filled
  SenderState sender_state() const;
  std::uint8_t backoff_factor() const;
  MessageStart next_start();
  std::uint16_t packets_at_once() const;
  Burst stamp(const SendBlock &block, MutableBytes packets, std::uint8_t extra_flags,
              std::uint64_t now);
  std::optional<Burst> poll_command();
  std::optional<Burst> poll_repair(std::uint64_t now);
  Burst repair_symbols(SendBlock &block, std::uint64_t now);
  std::optional<Burst> poll_proactive(std::uint64_t now);
  std::optional<Burst> poll_new(std::uint64_t now);
  const SendBlock *new_block() const;
  bool has_new() const { return new_block() != nullptr; }
  bool may_send_new() const;
  bool can_send_new() const;
  void finish_block(SendBlock &block, std::uint64_t now);
  void become_idle(std::uint64_t now);
  std::size_t flight_room() const;
  void account(std::size_t packets, std::size_t bytes, std::uint64_t now);
  ByteVector &new_command();
  void forget_sent_commands();

  // --- what is asked and said
  void send_info(Object &object, std::uint64_t now);
  bool is_active(std::uint64_t now) const;
  void handle_probe_timer(std::uint64_t now);
  void send_probe(std::uint64_t now);
  void renew_rate();
  void send_flush(bool with_audience, std::uint64_t now);
  void send_credit_request(std::uint64_t now);
  void send_presence_request(std::uint64_t now);
  void send_squelch(std::uint64_t now);
  void handle_idle_timer(std::uint64_t now);
  void handle_watermark_timer(std::uint64_t now);
  void check_started(std::uint64_t now);
  void note_rate_limit(std::uint64_t now);
  std::optional<std::uint64_t> finish_due() const;
  void check_finished(std::uint64_t now);
  bool all_acknowledged() const;

  // --- what is answered
  void hear(NodeId node, std::uint64_t grtt_response, const FeedbackExtensions &extensions,
            std::uint64_t now);
  void handle_nack(const Message &message, const Nack &nack, bool unicast, std::uint64_t now);
  void handle_ack(const Message &message, const Ack &ack, std::uint64_t now);
  void handle_request(const RepairRequest &request, std::uint64_t now);
  void request_in_block(const SendBlock &block, const RepairRequest &request, bool is_last);
  void request_symbols(const SendBlock &block, std::uint16_t first, std::uint16_t last);
  void settle_requests(std::uint64_t now);
  void want_at_once(SendBlock &block, const SendBlock::Symbols &symbols, std::uint64_t now);
  void want_in_rounds(SendBlock &block, const SendBlock::Symbols &symbols, std::uint64_t now);
  void want_parities(SendBlock &block, const SendBlock::Symbols &symbols, std::uint16_t count,
                     std::uint64_t now);
  std::uint64_t repair_delay() const;
  Object *find_object(std::uint16_t id);
  std::optional<std::uint64_t> index_of(const Object &object, std::uint32_t number) const;

  SenderOptions options_;
  State state_ = State::open;
  SenderStats stats_;
  std::deque<SenderEvent> events_;

  std::deque<Object> objects_;  // those with blocks in the buffer, and the current one
  std::uint16_t next_object_ = 1;
  std::deque<SendBlock> blocks_;
  std::uint64_t next_index_ = 0;  // of the block that comes after those
  std::uint64_t send_index_ = 0;  // the block that is being sent for the first time
  std::vector<RawMemory> idle_memory_;
  std::size_t idle_memory_size_ = 0;

  std::deque<ByteVector> commands_;
  std::size_t next_command_ = 0;
  std::vector<std::uint64_t> repairs_;    // indexes of blocks with something to repair
  std::vector<std::uint64_t> proactive_;  // indexes of blocks with parities due
  std::vector<RepairRequest> requests_;   // of the NACK being read
  std::vector<NodeId> nodes_;

  // What one NACK asks of one block, until all of it has been read.
  struct Asked {
    std::uint64_t index = 0;
    SendBlock::Symbols symbols;
  };
  std::vector<Asked> asked_;

  Audience audience_;
  bool started_ = false;  // enough receivers are there
  GrttEstimator grtt_;
  std::optional<CongestionController> congestion_;
  Pacer pacer_;
  RepairBudget repair_budget_;
  std::uint16_t sequence_ = 0;
  std::uint16_t cc_sequence_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t marked_bytes_ = 0;  // when credit was last asked for
  Position watermark_ = 0;          // the last that was asked for
  bool rate_limited_ = false;

  std::uint64_t begun_at_ = 0;
  std::uint64_t probe_at_ = 0;
  std::uint64_t probe_interval_ = 0;
  std::uint64_t info_at_ = 0;
  std::uint64_t info_interval_ = 0;
  std::uint64_t idle_at_ = 0;  // 0: there is something to send
  std::uint64_t idle_interval_ = 0;
  std::uint64_t watermark_at_ = 0;  // to ask again; 0: all is answered
  std::uint64_t watermark_interval_ = 0;
  std::uint64_t credit_at_ = 0;
  std::uint64_t presence_at_ = 0;
  std::uint64_t squelched_at_ = 0;
  std::uint64_t advertised_at_ = 0;
  std::uint64_t last_push_ = 0;
  std::uint64_t push_gap_ = 0;       // between two pushes, smoothed
  std::uint64_t last_activity_ = 0;  // data sent or repaired, or a NACK
  std::uint64_t end_at_ = 0;
  unsigned ends_sent_ = 0;  // NORM_CMD(EOT)
};

}  // namespace kam::srm
