// SPDX-License-Identifier: LGPL-2.1-or-later
// The receiving half of reliable multicast on NORM's wire (RFC 5740): packets go in, data in
// order and announced gaps come out, and so do the NACKs and ACKs that are to be sent. Follows
// several senders at once, each for itself. Time is the caller's, in nanoseconds.
#pragma once

#include "core/bytes.hpp"
#include "core/srm/codec.hpp"
#include "core/srm/policy.hpp"
#include "core/srm/slab.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace kam::srm {

// The caller's handle for where packets came from.
using PeerId = std::uint32_t;

struct ReceiverOptions {
  NodeId node = 2;
  Policy policy = Policy::latency;
  // latency: what is still missing so long after it was noticed is given up. bulk: not used.
  std::uint64_t latency = 200 * millisecond;
  bool silent = false;         // sends nothing, ever: proactive parity has to do
  bool unicast_nacks = false;  // to the sender, not to the group
  // Of one sender's data, and of that of all of them. What is next may always be there, so that
  // it can be up to a block more for each sender. A block has to fit.
  std::size_t buffer_bytes = std::size_t{64} << 20U;
  std::size_t total_bytes = std::size_t{256} << 20U;
  std::uint32_t max_senders = 16;
  std::uint64_t sender_timeout = 30 * second;  // of silence
  // Bytes of packets that the socket holds; told to the sender. 0: unknown.
  std::size_t socket_buffer = 0;
};

// Bytes that somebody else holds as well. They do not change while `owner` is kept.
struct Piece {
  Bytes bytes;
  SlabRef owner;
};

struct SenderSeen {
  NodeId sender;
  std::uint16_t instance;
  PeerId peer;
};
enum class LeaveReason : std::uint8_t { ended, silent, restarted, evicted };
struct SenderLeft {
  NodeId sender;
  LeaveReason reason;
};
struct ObjectBegins {
  NodeId sender;
  std::uint16_t object;
  ObjectKind kind;
  std::uint64_t size;  // of a stream, of its sender's buffer
  bool has_info;       // its sender says that there is a NORM_INFO; ObjectInfo brings it
};
// Comes before the data of its object if it is there by then, and again when it has changed.
struct ObjectInfo {
  NodeId sender = no_node;
  std::uint16_t object = 0;
  ByteVector content;
};
// The next bytes of the object. message_start is where, in these, a message begins. Of several
// that begin in one segment only the first is marked.
struct ObjectData {
  NodeId sender = no_node;
  std::uint16_t object = 0;
  Piece piece;
  std::optional<std::size_t> message_start;
};
// What comes next does not follow: so many segments, of about so many bytes, are gone.
struct DataLost {
  NodeId sender;
  std::uint16_t object;
  std::uint64_t segments;
  std::uint64_t bytes;
};
struct ObjectEnds {
  NodeId sender;
  std::uint16_t object;
  bool complete;  // false: its end was lost, or it was given up
};
using ReceiverEvent = std::variant<SenderSeen, SenderLeft, ObjectBegins, ObjectInfo, ObjectData,
                                   DataLost, ObjectEnds>;

// A packet to be sent to the group or to `peer`.
struct Feedback {
  Bytes bytes;  // valid until the next call of anything else
  bool to_group = false;
  PeerId peer = 0;
};

struct ReceiverStats {
  std::uint64_t packets_received = 0;
  std::uint64_t bytes_received = 0;  // NORM messages
  std::uint64_t bytes_delivered = 0;
  std::uint64_t segments_missed = 0;    // noticed as missing, whatever came of it
  std::uint64_t segments_repaired = 0;  // sent again by the sender
  std::uint64_t segments_rebuilt = 0;   // from parity
  std::uint64_t segments_lost = 0;      // given up
  std::uint64_t duplicates = 0;
  std::uint64_t nacks_sent = 0;
  std::uint64_t nacks_suppressed = 0;  // because another receiver asked
  std::uint64_t acks_sent = 0;
  std::uint64_t bad_packets = 0;       // could not be read
  std::uint64_t overflow_packets = 0;  // beyond the buffer, or from a sender too many
  std::uint64_t grtt = 0;              // as the sender says, ns
  std::uint64_t buffered_bytes = 0;    // memory for data that has not been handed on
  std::uint32_t senders = 0;
};

class RemoteSender;
struct ReceiverShared;

class Receiver {
 public:
  // The seed is for the back-off.
  Receiver(const ReceiverOptions &options, std::uint64_t seed);
  ~Receiver();
  Receiver(Receiver &&) noexcept;

  void handle_packet(Bytes packet, PeerId from, std::uint64_t now);
  void handle_timeout(std::uint64_t now);
  std::optional<std::uint64_t> next_timeout() const;
  // Until there is none. Data that is not fetched fills the buffer; when that is nearly full,
  // nothing is acknowledged any more, and in bulk mode the sender waits.
  std::optional<ReceiverEvent> poll_event();
  std::optional<Feedback> poll_feedback();

  // What may change on the way.
  void set_latency(std::uint64_t latency);
  void set_policy(Policy policy);
  ReceiverStats stats() const;

 private:
  RemoteSender *find_or_add(NodeId node, std::uint16_t instance, PeerId from, bool may_add,
                            std::uint64_t now);
  void handle_message(const Message &message, std::size_t size, PeerId from, std::uint64_t now);
  void forget_sent_feedback();
  void drop_departed();

  std::unique_ptr<ReceiverShared> shared_;
  std::map<NodeId, std::unique_ptr<RemoteSender>> senders_;
  // Replaced by another instance; what they have left is handed on first.
  std::deque<std::unique_ptr<RemoteSender>> departing_;
  RemoteSender *last_ = nullptr;  // whom the last packet came from
  NodeId last_node_ = no_node;
};

}  // namespace kam::srm
