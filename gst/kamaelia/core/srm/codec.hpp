// SPDX-License-Identifier: LGPL-2.1-or-later
// The messages of NORM (RFC 5740, section 4): what a sender and a receiver of streams and
// objects need. All fields are big-endian. Every message begins with the common header:
//
//    0                   1                   2                   3
//   |version| type  |   header words  |           sequence            |
//   |                           source node                           |
//
// and those of a sender go on with
//
//   |          instance           |     grtt      |backoff| gsize     |
//
// The header length counts 32-bit words and includes the header extensions; what follows is
// the payload. Parsing copies nothing: views point into the packet.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

namespace kam::srm {

using NodeId = std::uint32_t;  // 0 and 2^32 - 1 are nobody's (RFC 5740, section 4.1)
inline constexpr NodeId no_node = 0;
inline constexpr NodeId any_node = 0xffffffffU;

// Largest UDP payload there is; no message is longer.
inline constexpr std::size_t max_message_size = 65507;

enum class FecId : std::uint8_t {
  rs_general = 2,    // RFC 5510: m bits per symbol, 8 or 16; read as far as m = 8
  rs8 = 5,           // RFC 5510: 24-bit block, 8-bit symbol
  small_block = 129  // RFC 5445: 32-bit block, 16-bit length, 16-bit symbol
};

// Where a segment stands: symbol numbers from 0, parity after the source symbols.
struct PayloadId {
  std::uint32_t block = 0;
  std::uint16_t symbol = 0;
  std::uint16_t block_length = 0;  // sources in the block; small_block only, else 0

  friend bool operator==(const PayloadId &, const PayloadId &) = default;
};

// EXT_FTI (RFC 5740, section 4.2.1; RFC 5510, section 5.2; RFC 5445): what a receiver has to
// know before it can take data. One that was read has a segment, a source, and at most 255
// symbols per block.
struct ObjectTransmissionInfo {
  std::uint64_t object_size = 0;   // bytes; of a stream, the size of its buffer. 48 bits
  std::uint16_t segment_size = 0;  // payload bytes of a full segment
  std::uint16_t max_sources = 0;   // k: source symbols per block
  std::uint16_t max_parities = 0;  // m

  friend bool operator==(const ObjectTransmissionInfo &,
                         const ObjectTransmissionInfo &) = default;
};

// Flags of NORM_DATA and NORM_INFO (RFC 5740, section 4.2.1).
namespace object_flag {
inline constexpr std::uint8_t repair = 0x01;
inline constexpr std::uint8_t is_explicit = 0x02;
inline constexpr std::uint8_t info = 0x04;  // there is a NORM_INFO for this object
inline constexpr std::uint8_t unreliable = 0x08;
inline constexpr std::uint8_t file = 0x10;
inline constexpr std::uint8_t stream = 0x20;
inline constexpr std::uint8_t syn = 0x40;  // from a sender that has just started
}  // namespace object_flag

// What the header of every message of a sender says.
struct SenderState {
  std::uint16_t instance = 0;
  std::uint8_t grtt = 0;        // quantised: quantise_rtt()
  std::uint8_t backoff = 0;     // K of the repair back-off, 0 to 15
  std::uint8_t group_size = 0;  // quantised: quantise_group_size(), 4 bits

  friend bool operator==(const SenderState &, const SenderState &) = default;
};

struct ObjectHeader {
  std::uint8_t flags = 0;
  FecId fec_id = FecId::rs8;
  std::uint16_t object = 0;
};

// A stream's source segments begin with this, and it is coded like the data.
struct StreamHeader {
  static constexpr std::size_t size = 8;

  std::uint16_t length = 0;         // bytes of data that follow
  std::uint16_t message_start = 0;  // 1 + offset of the first message that starts here; 0: none
  std::uint32_t offset = 0;         // of the first byte, in the stream, modulo 2^32
};

struct DataMessage {
  ObjectHeader object;
  PayloadId id;
  std::optional<ObjectTransmissionInfo> fti;
  Bytes payload;  // of a stream with its StreamHeader, which parity has encoded
};

struct InfoMessage {
  ObjectHeader object;
  std::optional<ObjectTransmissionInfo> fti;
  Bytes content;
};

// Node ids in a message, read where they lie.
class NodeList {
 public:
  NodeList() = default;
  explicit NodeList(Bytes raw) : raw_{raw} {}
  std::size_t size() const { return raw_.size() / 4; }
  NodeId operator[](std::size_t index) const;
  bool contains(NodeId node) const;

 private:
  Bytes raw_;
};

// NORM_CMD(FLUSH): no data follows for now; with nodes, those are to acknowledge everything up
// to and with `id`.
struct FlushCommand {
  FecId fec_id = FecId::rs8;
  std::uint16_t object = 0;
  PayloadId id;
  NodeList acking_nodes;
};

struct EndOfTransmission {};

// NORM_CMD(SQUELCH): nothing before this point is repaired any more, nor are these objects.
struct SquelchCommand {
  FecId fec_id = FecId::rs8;
  std::uint16_t object = 0;
  PayloadId id;
  Bytes invalid_objects;  // u16 each; object_id_at()
};

// What is said of a receiver where congestion is controlled (RFC 5740, section 4.2.3).
namespace congestion_flag {
inline constexpr std::uint8_t limiting = 0x01;   // NORM_FLAG_CC_CLR: the sender follows it
inline constexpr std::uint8_t candidate = 0x02;  // NORM_FLAG_CC_PLR: it may be the next
inline constexpr std::uint8_t has_rtt = 0x04;    // its own round trip time is known
inline constexpr std::uint8_t start = 0x08;      // it has not lost anything yet
inline constexpr std::uint8_t leaves = 0x10;
}  // namespace congestion_flag

struct CongestionNode {
  NodeId node = no_node;
  std::uint8_t flags = 0;
  std::uint8_t rtt = 0;    // quantise_rtt()
  std::uint16_t rate = 0;  // quantise_rate()

  friend bool operator==(const CongestionNode &, const CongestionNode &) = default;
};

// They are read where they lie.
class CongestionNodes {
 public:
  CongestionNodes() = default;
  explicit CongestionNodes(Bytes raw) : raw_{raw} {}
  std::size_t size() const;
  CongestionNode operator[](std::size_t index) const;

 private:
  Bytes raw_;
};

// NORM_CMD(CC): the probe from which the GRTT is found. Who controls congestion says at which
// rate it sends (EXT_RATE), and what it knows of the receivers that decide it.
struct CongestionCommand {
  std::uint16_t cc_sequence = 0;
  std::uint64_t send_time = 0;        // the sender's clock, ns (on the wire s and µs)
  std::optional<std::uint16_t> rate;  // quantise_rate()
  CongestionNodes nodes;
};

// EXT_CC: what a receiver has to say of the congestion on its way.
struct CongestionFeedback {
  std::uint16_t cc_sequence = 0;  // of the probe it answers
  std::uint8_t flags = 0;
  std::uint8_t rtt = 0;    // quantise_rtt()
  std::uint16_t loss = 0;  // quantise_loss()
  std::uint16_t rate = 0;  // quantise_rate(): what it can take

  friend bool operator==(const CongestionFeedback &, const CongestionFeedback &) = default;
};

// What the sender knows that receivers need; parse_repair_requests() reads it.
struct RepairAdvertisement {
  bool complete = true;  // false: NORM_REPAIR_ADV_LIMIT, there was more
  Bytes requests;
};

struct AckRequest {
  std::uint8_t ack_type = 0;
  std::uint8_t ack_id = 0;
  NodeList acking_nodes;
};

struct ApplicationCommand {
  Bytes content;
};

// The extensions a receiver's messages can have.
struct FeedbackExtensions {
  // Bytes of packets its socket holds before it loses some, in units of 1 KiB; 24 bits. Ours,
  // in a header extension of a type (200) that nobody has registered; others skip it.
  std::optional<std::uint32_t> receive_window_kib;
  std::optional<CongestionFeedback> congestion;

  friend bool operator==(const FeedbackExtensions &, const FeedbackExtensions &) = default;
};

struct Nack {
  NodeId sender = no_node;  // to whom it speaks
  std::uint16_t instance = 0;
  // ns, 0: none. The send_time of the last probe, and what passed here since that came.
  std::uint64_t grtt_response = 0;
  FeedbackExtensions extensions;
  Bytes requests;
};

// From 16 on the types are the application's (RFC 5740, section 4.2.3); the last two are ours,
// asked for by CMD(ACK_REQ) and answered at once: "I have read your packets up to here", which
// is about the socket and says nothing about gaps, and "I am here".
enum class AckType : std::uint8_t { congestion = 1, flush = 2, credit = 16, presence = 17 };

struct Ack {
  NodeId sender = no_node;
  std::uint16_t instance = 0;
  AckType type = AckType::flush;  // others are given as they are
  std::uint8_t ack_id = 0;
  std::uint64_t grtt_response = 0;
  FeedbackExtensions extensions;
  // Of a flush: the watermark that has been reached.
  FecId fec_id = FecId::rs8;
  std::uint16_t object = 0;
  PayloadId id;
};

struct Message {
  std::uint16_t sequence = 0;
  NodeId source = no_node;
  SenderState sender;  // of a sender's message
  std::variant<DataMessage, InfoMessage, FlushCommand, EndOfTransmission, SquelchCommand,
               CongestionCommand, RepairAdvertisement, AckRequest, ApplicationCommand, Nack,
               Ack>
      body;
};

enum class MessageFault {
  truncated,
  bad_version,
  bad_header_length,
  bad_source,     // from nobody or anybody
  unknown_type,   // a message or a command that RFC 5740 does not know
  unknown_fec,    // another FEC encoding than those of FecId
  bad_extension,  // one whose length says it is longer than the header, or empty
  bad_field,
  too_long
};

// Reads a message. FEC id 129 and 2 need the information of the object to be read right; with
// 2, m is taken to be 8.
std::variant<Message, MessageFault> parse_message(Bytes packet);

// The fast way for what most packets are: NORM_DATA with RS8. Nothing if it is anything else
// (then parse_message() says what).
struct FastData {
  std::uint16_t sequence = 0;
  NodeId source = no_node;
  SenderState sender;
  ObjectHeader object;
  PayloadId id;
  bool has_extensions = false;  // then parse_message() has the rest
  Bytes payload;
};
std::optional<FastData> parse_data(Bytes packet);

std::optional<StreamHeader> parse_stream_header(Bytes payload);
void write_stream_header(const StreamHeader &header, std::span<std::byte, StreamHeader::size>);
std::uint16_t object_id_at(Bytes invalid_objects, std::size_t index);

// --- Repair requests (RFC 5740, section 4.3.1) --------------------------------------------

enum class RepairForm : std::uint8_t { items = 1, ranges = 2, erasures = 3 };
namespace repair_flag {
inline constexpr std::uint8_t segment = 0x01;
inline constexpr std::uint8_t block = 0x02;
inline constexpr std::uint8_t info = 0x04;
inline constexpr std::uint8_t object = 0x08;
}  // namespace repair_flag

struct RepairPoint {
  FecId fec_id = FecId::rs8;
  std::uint16_t object = 0;
  PayloadId id;

  friend bool operator==(const RepairPoint &, const RepairPoint &) = default;
};

// One request: `first` to `last`, at the level that the flags say; an item has both the same.
// Of erasures, last.id.symbol is how many.
struct RepairRequest {
  RepairForm form = RepairForm::items;
  std::uint8_t flags = 0;
  RepairPoint first;
  RepairPoint last;

  friend bool operator==(const RepairRequest &, const RepairRequest &) = default;
};

// Reads the requests of one message into `out`, which is cleared before; at most `limit`. What
// comes after something unreadable is left out, and false returned.
bool parse_repair_requests(Bytes requests, std::vector<RepairRequest> &out,
                           std::size_t limit = 4096);

// Gathers requests for one message, joining neighbours with the same form and flags under one
// heading. Ranges are for runs, items for single points.
class RepairRequestWriter {
 public:
  static constexpr std::size_t largest_request = 4 + 2 * 12;  // with its heading

  explicit RepairRequestWriter(std::size_t max_size) : max_size_{max_size} {}
  // False if there is no room for it; then it is not in.
  bool add(const RepairRequest &request);
  bool empty() const { return bytes_.empty(); }
  Bytes bytes() const { return bytes_; }
  void clear();

 private:
  std::size_t max_size_;
  ByteVector bytes_;
  std::size_t heading_ = 0;  // where the open one starts
};

// --- Writing ------------------------------------------------------------------------------
// Each returns how many bytes it wrote; the payload goes behind them. max_header_size is room
// enough for any.
inline constexpr std::size_t max_header_size = 64;

struct MessageStart {
  std::uint16_t sequence = 0;
  NodeId source = no_node;
};

// RS8 only; with `fti` its extension is added.
std::size_t write_data_header(MutableBytes out, MessageStart start, const SenderState &state,
                              const ObjectHeader &object, PayloadId id,
                              const std::optional<ObjectTransmissionInfo> &fti);
std::size_t write_info_header(MutableBytes out, MessageStart start, const SenderState &state,
                              const ObjectHeader &object,
                              const std::optional<ObjectTransmissionInfo> &fti);
// What changes when a packet that was written before is sent once more.
void rewrite_data_header(MutableBytes packet, MessageStart start, const SenderState &state,
                         std::uint8_t flags);

// These append whole messages to `out`.
void write_flush(ByteVector &out, MessageStart start, const SenderState &state,
                 std::uint16_t object, PayloadId id, std::span<const NodeId> acking_nodes);
void write_end_of_transmission(ByteVector &out, MessageStart start, const SenderState &state);
void write_squelch(ByteVector &out, MessageStart start, const SenderState &state,
                   std::uint16_t object, PayloadId id,
                   std::span<const std::uint16_t> invalid_objects);
// Without a rate it is nothing but a probe.
void write_probe(ByteVector &out, MessageStart start, const SenderState &state,
                 std::uint16_t cc_sequence, std::uint64_t send_time,
                 std::optional<std::uint16_t> rate, std::span<const CongestionNode> nodes);
void write_ack_request(ByteVector &out, MessageStart start, const SenderState &state,
                       std::uint8_t ack_type, std::uint8_t ack_id,
                       std::span<const NodeId> acking_nodes);
void write_repair_advertisement(ByteVector &out, MessageStart start, const SenderState &state,
                                bool complete, Bytes requests);
void write_nack(ByteVector &out, MessageStart start, NodeId sender, std::uint16_t instance,
                std::uint64_t grtt_response, const FeedbackExtensions &extensions,
                Bytes requests);
void write_ack(ByteVector &out, MessageStart start, const Ack &ack);

// --- Quantities ---------------------------------------------------------------------------
// RFC 5740, section 4.2 and RFC 5401: the round trip time in 8 bits, in ns here, from 1 µs to
// 1000 s; quantise never rounds down.
std::uint8_t quantise_rtt(std::uint64_t nanoseconds);
std::uint64_t unquantise_rtt(std::uint8_t quantised);
// 10 to 5 × 10^8 receivers in 4 bits; quantise never rounds down within that.
std::uint8_t quantise_group_size(std::uint64_t receivers);
std::uint64_t unquantise_group_size(std::uint8_t quantised);

// Bytes per second in 16 bits (12 of mantissa, 4 of decimal exponent), up to 10^16.
std::uint16_t quantise_rate(double bytes_per_second);
double unquantise_rate(std::uint16_t quantised);
// A share from 0 to 1 in 16 bits.
std::uint16_t quantise_loss(double share);
double unquantise_loss(std::uint16_t quantised);

// RFC 1982 arithmetic for the 16-bit numbers (sequence, object) and the 24-bit ones (block).
inline std::int32_t distance16(std::uint16_t from, std::uint16_t to)
{
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(to - from));
}
inline constexpr std::uint32_t block_mask = 0xffffffU;
inline std::int32_t distance24(std::uint32_t from, std::uint32_t to)
{
  const auto difference = (to - from) & block_mask;
  return difference < 0x800000U ? static_cast<std::int32_t>(difference)
                                : static_cast<std::int32_t>(difference) - 0x1000000;
}

}  // namespace kam::srm
