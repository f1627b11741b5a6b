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
#include "core/srm/codec.hpp"
#include "core/srm/fec.hpp"
#include "core/srm/policy.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

namespace kam::srm {

struct SenderOptions {
  NodeId node = 1;
  std::uint16_t instance = 1;  // another one after each restart
  Policy policy = Policy::latency;
  std::uint16_t segment_size = 1424;      // payload bytes of a full packet; 64 to 65000
  std::uint16_t block_size = 64;          // k, sources per block
  std::uint16_t parity = 32;              // m, parities there can be per block; k + m <= 255
  double fec_overhead = 0;                // of the sources, sent as parity without being asked
  std::uint64_t max_rate = 0;             // bits of NORM messages per second; 0: no limit
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
struct RateLimited {};  // max_rate held data back for the first time since it last ran dry
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
};

class Sender {
 public:
  explicit Sender(const SenderOptions &options);

  // --- what is sent. One object at a time; the next may begin after end_object().
  // info is at most a segment; a stream's may be changed while it runs.
  void begin_stream(Bytes info, std::uint64_t now);
  void begin_object(ObjectKind kind, std::uint64_t size, Bytes info, std::uint64_t now);
  void set_info(Bytes info, std::uint64_t now);
  // How many bytes push() would take now.
  std::size_t writable() const;
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
  void handle_packet(Bytes packet, std::uint64_t now);
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
  State state_ = State::open;
  SenderOptions options_;
};

}  // namespace kam::srm
