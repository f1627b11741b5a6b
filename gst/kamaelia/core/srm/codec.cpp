// SPDX-License-Identifier: LGPL-2.1-or-later
// Where libnorm, the reference, and RFC 5740 differ, we do as libnorm does, because that is who
// is out there.
#include "core/srm/codec.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <utility>

namespace kam::srm {
namespace {

constexpr unsigned protocol_version = 1;

enum class MessageType : std::uint8_t { info = 1, data = 2, command = 3, nack = 4, ack = 5 };

enum class Command : std::uint8_t {
  flush = 1,
  end_of_transmission = 2,
  squelch = 3,
  congestion = 4,
  repair_advertisement = 5,
  ack_request = 6,
  application = 7
};

// Of what is fixed, the places from the start of the message and the sizes, in bytes.
namespace at {
constexpr std::size_t header_words = 1;
constexpr std::size_t sequence = 2;
constexpr std::size_t source = 4;
constexpr std::size_t instance = 8;  // of a sender's message, as all down to `cc_time`
constexpr std::size_t grtt = 10;
constexpr std::size_t backoff_and_group = 11;
constexpr std::size_t flags = 12;    // NORM_DATA, NORM_INFO
constexpr std::size_t command = 12;  // NORM_CMD
constexpr std::size_t fec_id = 13;
constexpr std::size_t object = 14;
constexpr std::size_t payload_id = 16;
constexpr std::size_t advertisement_flags = 13;
constexpr std::size_t ack_request_type = 14;
constexpr std::size_t ack_request_id = 15;
constexpr std::size_t cc_sequence = 14;
constexpr std::size_t cc_time = 16;
constexpr std::size_t addressee = 8;  // of a receiver's message, as all below
constexpr std::size_t addressed_instance = 12;
constexpr std::size_t ack_type = 14;
constexpr std::size_t ack_id = 15;
constexpr std::size_t grtt_response = 16;
}  // namespace at

constexpr std::size_t word = 4;
constexpr std::size_t smallest_header = 16;
constexpr std::size_t timed_header = 24;  // CMD(CC), NACK and ACK
constexpr std::size_t rs8_data_header = 20;

namespace extension {
constexpr std::uint8_t object_transmission_information = 64;  // EXT_FTI
constexpr std::uint8_t congestion_rate = 128;                 // EXT_RATE
constexpr std::uint8_t receive_window = 200;                  // ours
// Types from here on have no length field and are one word long.
constexpr std::uint8_t first_of_fixed_size = 128;
constexpr std::size_t rs8_information_size = 12;
constexpr std::size_t other_information_size = 16;
}  // namespace extension

constexpr std::uint8_t advertisement_limit_flag = 0x01;  // NORM_REPAIR_ADV_LIMIT
constexpr std::size_t request_heading_size = 4;
constexpr std::size_t node_size = 4;
constexpr std::size_t object_id_size = 2;

constexpr std::uint64_t ns_per_s = 1'000'000'000;
constexpr std::uint64_t ns_per_us = 1000;

// --- Numbers ---

std::uint8_t load8(const std::byte *from)
{
  return std::to_integer<std::uint8_t>(*from);
}

std::uint16_t load16(const std::byte *from)
{
  return static_cast<std::uint16_t>(load8(from) << 8U | load8(from + 1));
}

std::uint32_t load32(const std::byte *from)
{
  return std::uint32_t{load8(from)} << 24U | std::uint32_t{load8(from + 1)} << 16U |
         std::uint32_t{load8(from + 2)} << 8U | std::uint32_t{load8(from + 3)};
}

void store8(std::byte *to, unsigned value)
{
  *to = static_cast<std::byte>(value);
}

void store16(std::byte *to, std::uint16_t value)
{
  store8(to, value >> 8U);
  store8(to + 1, value);
}

void store32(std::byte *to, std::uint32_t value)
{
  store8(to, value >> 24U);
  store8(to + 1, value >> 16U);
  store8(to + 2, value >> 8U);
  store8(to + 3, value);
}

// 48 bits, as 16 and 32.
std::uint64_t load48(const std::byte *from)
{
  return std::uint64_t{load16(from)} << 32U | load32(from + 2);
}

void store48(std::byte *to, std::uint64_t value)
{
  store16(to, static_cast<std::uint16_t>(value >> 32U));
  store32(to + 2, static_cast<std::uint32_t>(value));
}

// Seconds and microseconds. A peer may put more than a second into the latter.
std::uint64_t load_time(const std::byte *from)
{
  return load32(from) * ns_per_s + load32(from + word) * ns_per_us;
}

void store_time(std::byte *to, std::uint64_t nanoseconds)
{
  store32(to, static_cast<std::uint32_t>(nanoseconds / ns_per_s));
  store32(to + word, static_cast<std::uint32_t>(nanoseconds % ns_per_s / ns_per_us));
}

// --- What several messages have ---

std::optional<FecId> known_fec(std::uint8_t id)
{
  const auto fec_id = static_cast<FecId>(id);
  if (fec_id == FecId::rs_general || fec_id == FecId::rs8 || fec_id == FecId::small_block)
    return fec_id;
  return std::nullopt;
}

constexpr std::size_t payload_id_size(FecId fec_id)
{
  return fec_id == FecId::small_block ? 8 : 4;
}

PayloadId load_payload_id(const std::byte *from, FecId fec_id)
{
  if (fec_id == FecId::small_block)
    return {load32(from), load16(from + 6), load16(from + 4)};
  const auto both = load32(from);
  return {both >> 8U, static_cast<std::uint16_t>(both & 0xffU), 0};
}

void store_payload_id(std::byte *to, FecId fec_id, PayloadId id)
{
  if (fec_id == FecId::small_block) {
    store32(to, id.block);
    store16(to + 4, id.block_length);
    store16(to + 6, id.symbol);
    return;
  }
  assert(id.symbol <= 0xff);
  store32(to, (id.block & block_mask) << 8U | (id.symbol & 0xffU));
}

SenderState load_state(const std::byte *message)
{
  const auto both = load8(message + at::backoff_and_group);
  return {load16(message + at::instance), load8(message + at::grtt),
          static_cast<std::uint8_t>(both >> 4U), static_cast<std::uint8_t>(both & 0x0fU)};
}

void store_state(std::byte *message, const SenderState &state)
{
  assert(state.backoff <= 0x0f && state.group_size <= 0x0f);
  store16(message + at::instance, state.instance);
  store8(message + at::grtt, state.grtt);
  store8(message + at::backoff_and_group,
         static_cast<unsigned>(state.backoff << 4U | state.group_size));
}

bool is_somebody(NodeId node)
{
  return node != no_node && node != any_node;
}

// --- Reading ---

// RFC 5510 gives the most symbols of a block where libnorm gives the most parities.
std::variant<ObjectTransmissionInfo, MessageFault> load_information(Bytes raw, FecId fec_id)
{
  const auto *from = raw.data();
  ObjectTransmissionInfo info;
  if (fec_id == FecId::rs8) {
    if (raw.size() < extension::rs8_information_size)
      return MessageFault::bad_extension;
    info = {load48(from + 2), load16(from + 8), load8(from + 10), load8(from + 11)};
  } else {
    if (raw.size() < extension::other_information_size)
      return MessageFault::bad_extension;
    // 8 bits per symbol, 1 symbol per packet.
    if (fec_id == FecId::rs_general && (load8(from + 8) != 8 || load8(from + 9) != 1))
      return MessageFault::unknown_fec;
    info = {load48(from + 2), load16(from + 10), load16(from + 12), load16(from + 14)};
  }
  constexpr unsigned most_symbols = 255;
  if (info.segment_size == 0 || info.max_sources == 0 ||
      info.max_sources + info.max_parities > most_symbols)
    return MessageFault::bad_field;
  return info;
}

// What of the header extensions is of use to us.
struct Extensions {
  Bytes information;  // EXT_FTI
  bool has_rate = false;
  FeedbackExtensions feedback;
};

std::optional<Extensions> parse_extensions(Bytes rest)
{
  Extensions found;
  while (!rest.empty()) {
    // The header is made of words, so that there is one at least.
    const auto type = load8(rest.data());
    auto size = word;
    if (type < extension::first_of_fixed_size)
      size *= load8(rest.data() + 1);
    if (size == 0 || size > rest.size())
      return std::nullopt;
    if (type == extension::object_transmission_information)
      found.information = rest.first(size);
    else if (type == extension::congestion_rate)
      found.has_rate = true;
    else if (type == extension::receive_window)
      found.feedback.receive_window_kib = load32(rest.data()) & 0xffffffU;
    rest = rest.subspan(size);
  }
  return found;
}

std::variant<std::size_t, MessageFault> header_size_with_payload_id(Bytes packet)
{
  const auto fec_id = known_fec(load8(packet.data() + at::fec_id));
  if (!fec_id)
    return MessageFault::unknown_fec;
  return at::payload_id + payload_id_size(*fec_id);
}

// How long a header of this kind is without extensions. `packet` has smallest_header bytes.
std::variant<std::size_t, MessageFault> plain_header_size(Bytes packet)
{
  switch (static_cast<MessageType>(load8(packet.data()) & 0x0fU)) {
  case MessageType::info:
    if (!known_fec(load8(packet.data() + at::fec_id)))
      return MessageFault::unknown_fec;
    return smallest_header;
  case MessageType::data: return header_size_with_payload_id(packet);
  case MessageType::nack:
  case MessageType::ack: return timed_header;
  case MessageType::command: break;
  default: return MessageFault::unknown_type;
  }
  switch (static_cast<Command>(load8(packet.data() + at::command))) {
  case Command::flush:
  case Command::squelch: return header_size_with_payload_id(packet);
  case Command::congestion: return timed_header;
  case Command::end_of_transmission:
  case Command::repair_advertisement:
  case Command::ack_request:
  case Command::application: return smallest_header;
  default: return MessageFault::unknown_type;
  }
}

// Reads the one message, whose header has been found to be whole.
class BodyParser {
 public:
  BodyParser(Bytes packet, std::size_t header_size, Extensions extensions)
      : raw_{packet.data()}, payload_{packet.subspan(header_size)}, extensions_{extensions}
  {
  }

  std::variant<Message, MessageFault> parse()
  {
    Message message;
    message.sequence = load16(raw_ + at::sequence);
    message.source = load32(raw_ + at::source);
    const auto type = static_cast<MessageType>(load8(raw_) & 0x0fU);
    if (type != MessageType::nack && type != MessageType::ack)
      message.sender = load_state(raw_);
    const auto fault = type == MessageType::nack  ? parse_nack(message)
                       : type == MessageType::ack ? parse_ack(message)
                       : type == MessageType::command
                           ? parse_command(message)
                           : parse_object(message, type == MessageType::data);
    if (fault)
      return *fault;
    return message;
  }

 private:
  using Fault = std::optional<MessageFault>;

  FecId fec_id() const { return static_cast<FecId>(load8(raw_ + at::fec_id)); }
  PayloadId payload_id() const { return load_payload_id(raw_ + at::payload_id, fec_id()); }

  Fault parse_object(Message &message, bool is_data)
  {
    const ObjectHeader object{load8(raw_ + at::flags), fec_id(), load16(raw_ + at::object)};
    std::optional<ObjectTransmissionInfo> fti;
    if (!extensions_.information.empty()) {
      const auto result = load_information(extensions_.information, object.fec_id);
      if (const auto *fault = std::get_if<MessageFault>(&result))
        return *fault;
      fti = std::get<ObjectTransmissionInfo>(result);
    }
    if (is_data)
      message.body = DataMessage{object, load_payload_id(raw_ + at::payload_id, object.fec_id),
                                 fti, payload_};
    else
      message.body = InfoMessage{object, fti, payload_};
    return {};
  }

  Fault parse_command(Message &message)
  {
    const NodeList nodes{payload_.first(payload_.size() / node_size * node_size)};
    const auto objects = payload_.first(payload_.size() / object_id_size * object_id_size);
    switch (static_cast<Command>(load8(raw_ + at::command))) {
    case Command::flush: {
      const FlushCommand flush{fec_id(), load16(raw_ + at::object), payload_id(), nodes};
      message.body = flush;
      break;
    }
    case Command::end_of_transmission: message.body = EndOfTransmission{}; break;
    case Command::squelch: {
      const SquelchCommand squelch{fec_id(), load16(raw_ + at::object), payload_id(), objects};
      message.body = squelch;
      break;
    }
    case Command::congestion:
      message.body = CongestionCommand{load16(raw_ + at::cc_sequence),
                                       load_time(raw_ + at::cc_time), extensions_.has_rate};
      break;
    case Command::repair_advertisement:
      message.body = RepairAdvertisement{
          (load8(raw_ + at::advertisement_flags) & advertisement_limit_flag) == 0, payload_};
      break;
    case Command::ack_request:
      message.body = AckRequest{load8(raw_ + at::ack_request_type),
                                load8(raw_ + at::ack_request_id), nodes};
      break;
    case Command::application: message.body = ApplicationCommand{payload_}; break;
    }
    return {};
  }

  Fault parse_nack(Message &message)
  {
    message.body = Nack{load32(raw_ + at::addressee), load16(raw_ + at::addressed_instance),
                        load_time(raw_ + at::grtt_response), extensions_.feedback, payload_};
    return {};
  }

  Fault parse_ack(Message &message)
  {
    Ack ack;
    ack.sender = load32(raw_ + at::addressee);
    ack.instance = load16(raw_ + at::addressed_instance);
    ack.type = static_cast<AckType>(load8(raw_ + at::ack_type));
    ack.ack_id = load8(raw_ + at::ack_id);
    ack.grtt_response = load_time(raw_ + at::grtt_response);
    ack.extensions = extensions_.feedback;
    if (ack.type == AckType::flush) {
      if (payload_.size() < word)
        return MessageFault::truncated;
      const auto fec_id = known_fec(load8(payload_.data()));
      if (!fec_id)
        return MessageFault::unknown_fec;
      if (payload_.size() < word + payload_id_size(*fec_id))
        return MessageFault::truncated;
      ack.fec_id = *fec_id;
      ack.object = load16(payload_.data() + 2);
      ack.id = load_payload_id(payload_.data() + word, *fec_id);
    }
    message.body = ack;
    return {};
  }

  const std::byte *raw_;
  Bytes payload_;
  Extensions extensions_;
};

}  // namespace

NodeId NodeList::operator[](std::size_t index) const
{
  assert(index < size());
  return load32(raw_.data() + index * node_size);
}

bool NodeList::contains(NodeId node) const
{
  for (std::size_t i = 0; i < size(); ++i)
    if ((*this)[i] == node)
      return true;
  return false;
}

std::variant<Message, MessageFault> parse_message(Bytes packet)
{
  if (packet.size() > max_message_size)
    return MessageFault::too_long;
  if (packet.empty())
    return MessageFault::truncated;
  if (load8(packet.data()) >> 4U != protocol_version)
    return MessageFault::bad_version;
  if (packet.size() < smallest_header)
    return MessageFault::truncated;
  if (!is_somebody(load32(packet.data() + at::source)))
    return MessageFault::bad_source;
  const auto plain = plain_header_size(packet);
  if (const auto *fault = std::get_if<MessageFault>(&plain))
    return *fault;
  const auto header_size = word * load8(packet.data() + at::header_words);
  if (header_size < std::get<std::size_t>(plain))
    return MessageFault::bad_header_length;
  if (header_size > packet.size())
    return MessageFault::truncated;
  const auto extensions =
      parse_extensions(packet.first(header_size).subspan(std::get<std::size_t>(plain)));
  if (!extensions)
    return MessageFault::bad_extension;
  return BodyParser{packet, header_size, *extensions}.parse();
}

std::optional<FastData> parse_data(Bytes packet)
{
  constexpr auto first_byte = protocol_version << 4U | static_cast<unsigned>(MessageType::data);
  if (packet.size() < rs8_data_header || packet.size() > max_message_size)
    return std::nullopt;
  const auto *raw = packet.data();
  const auto header_size = word * load8(raw + at::header_words);
  const auto source = load32(raw + at::source);
  if (load8(raw) != first_byte ||
      load8(raw + at::fec_id) != static_cast<unsigned>(FecId::rs8) ||
      header_size < rs8_data_header || header_size > packet.size() || !is_somebody(source))
    return std::nullopt;
  return FastData{load16(raw + at::sequence),
                  source,
                  load_state(raw),
                  {load8(raw + at::flags), FecId::rs8, load16(raw + at::object)},
                  load_payload_id(raw + at::payload_id, FecId::rs8),
                  header_size > rs8_data_header,
                  packet.subspan(header_size)};
}

std::optional<StreamHeader> parse_stream_header(Bytes payload)
{
  if (payload.size() < StreamHeader::size)
    return std::nullopt;
  const auto *raw = payload.data();
  return StreamHeader{load16(raw), load16(raw + 2), load32(raw + 4)};
}

void write_stream_header(const StreamHeader &header,
                         std::span<std::byte, StreamHeader::size> out)
{
  store16(out.data(), header.length);
  store16(out.data() + 2, header.message_start);
  store32(out.data() + 4, header.offset);
}

std::uint16_t object_id_at(Bytes invalid_objects, std::size_t index)
{
  assert((index + 1) * object_id_size <= invalid_objects.size());
  return load16(invalid_objects.data() + index * object_id_size);
}

// --- Repair requests ---

namespace {

std::size_t point_size(FecId fec_id)
{
  return word + payload_id_size(fec_id);
}

std::optional<RepairPoint> take_point(Bytes &rest)
{
  if (rest.size() < word)
    return std::nullopt;
  const auto fec_id = known_fec(load8(rest.data()));
  if (!fec_id || rest.size() < point_size(*fec_id))
    return std::nullopt;
  const RepairPoint point{*fec_id, load16(rest.data() + 2),
                          load_payload_id(rest.data() + word, *fec_id)};
  rest = rest.subspan(point_size(*fec_id));
  return point;
}

bool parse_points(RepairForm form, std::uint8_t flags, Bytes rest,
                  std::vector<RepairRequest> &out, std::size_t limit)
{
  while (!rest.empty()) {
    if (out.size() >= limit)
      return false;
    const auto first = take_point(rest);
    const auto last = form == RepairForm::ranges && first ? take_point(rest) : first;
    if (!last)
      return false;
    out.push_back({form, flags, *first, *last});
  }
  return true;
}

void store_point(std::byte *to, const RepairPoint &point)
{
  store8(to, static_cast<unsigned>(point.fec_id));
  store8(to + 1, 0);
  store16(to + 2, point.object);
  store_payload_id(to + word, point.fec_id, point.id);
}

}  // namespace

bool parse_repair_requests(Bytes requests, std::vector<RepairRequest> &out, std::size_t limit)
{
  out.clear();
  while (!requests.empty()) {
    if (requests.size() < request_heading_size)
      return false;
    const auto form = load8(requests.data());
    const auto flags = load8(requests.data() + 1);
    const std::size_t size = load16(requests.data() + 2);
    requests = requests.subspan(request_heading_size);
    if (form < static_cast<unsigned>(RepairForm::items) ||
        form > static_cast<unsigned>(RepairForm::erasures) || size > requests.size() ||
        !parse_points(static_cast<RepairForm>(form), flags, requests.first(size), out, limit))
      return false;
    requests = requests.subspan(size);
  }
  return true;
}

bool RepairRequestWriter::add(const RepairRequest &request)
{
  const auto is_range = request.form == RepairForm::ranges;
  const auto size = point_size(request.first.fec_id) +
                    (is_range ? point_size(request.last.fec_id) : std::size_t{0});
  const auto listed =
      bytes_.empty() ? std::size_t{0} : bytes_.size() - heading_ - request_heading_size;
  const auto joins = !bytes_.empty() && listed + size <= 0xffff &&
                     load8(&bytes_[heading_]) == static_cast<unsigned>(request.form) &&
                     load8(&bytes_[heading_ + 1]) == request.flags;
  const auto needed = size + (joins ? std::size_t{0} : request_heading_size);
  if (bytes_.size() + needed > max_size_)
    return false;
  auto end = bytes_.size();
  bytes_.resize(end + needed);
  if (!joins) {
    heading_ = end;
    store8(&bytes_[heading_], static_cast<unsigned>(request.form));
    store8(&bytes_[heading_ + 1], request.flags);
    end += request_heading_size;
  }
  const auto listed_now = bytes_.size() - heading_ - request_heading_size;
  store16(&bytes_[heading_ + 2], static_cast<std::uint16_t>(listed_now));
  // Of erasures, the last point is the one that has the number.
  store_point(&bytes_[end], is_range ? request.first : request.last);
  if (is_range)
    store_point(&bytes_[end + point_size(request.first.fec_id)], request.last);
  return true;
}

void RepairRequestWriter::clear()
{
  bytes_.clear();
  heading_ = 0;
}

// --- Writing ---

namespace {

void store_start(std::byte *to, MessageType type, std::size_t header_size, MessageStart start)
{
  assert(header_size % word == 0);
  assert(is_somebody(start.source));
  store8(to, protocol_version << 4U | static_cast<unsigned>(type));
  store8(to + at::header_words, static_cast<unsigned>(header_size / word));
  store16(to + at::sequence, start.sequence);
  store32(to + at::source, start.source);
}

void store_object(std::byte *to, const ObjectHeader &object)
{
  assert(object.fec_id == FecId::rs8);
  store8(to + at::flags, object.flags);
  store8(to + at::fec_id, static_cast<unsigned>(object.fec_id));
  store16(to + at::object, object.object);
}

void store_information(std::byte *to, const ObjectTransmissionInfo &info)
{
  assert(info.max_sources + info.max_parities <= 0xff);
  store8(to, extension::object_transmission_information);
  store8(to + 1, extension::rs8_information_size / word);
  store48(to + 2, info.object_size);
  store16(to + 8, info.segment_size);
  store8(to + 10, info.max_sources);
  store8(to + 11, info.max_parities);
}

void append(ByteVector &out, Bytes bytes)
{
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_nodes(ByteVector &out, std::span<const NodeId> nodes)
{
  for (const auto node : nodes) {
    std::array<std::byte, node_size> raw{};
    store32(raw.data(), node);
    append(out, raw);
  }
}

// Appends a command's header, zeros but for what all commands have, and gives its place.
std::byte *append_command(ByteVector &out, Command command, std::size_t header_size,
                          MessageStart start, const SenderState &state)
{
  const auto begin = out.size();
  out.resize(begin + header_size);
  auto *to = &out[begin];
  store_start(to, MessageType::command, header_size, start);
  store_state(to, state);
  store8(to + at::command, static_cast<unsigned>(command));
  return to;
}

void append_point_command(ByteVector &out, Command command, MessageStart start,
                          const SenderState &state, std::uint16_t object, PayloadId id)
{
  auto *to = append_command(out, command, rs8_data_header, start, state);
  store8(to + at::fec_id, static_cast<unsigned>(FecId::rs8));
  store16(to + at::object, object);
  store_payload_id(to + at::payload_id, FecId::rs8, id);
}

// The header that NACK and ACK have in common; what is at ack_type and behind is left 0.
std::byte *append_feedback(ByteVector &out, MessageType type, MessageStart start, NodeId sender,
                           std::uint16_t instance, std::uint64_t grtt_response,
                           const FeedbackExtensions &extensions)
{
  const auto begin = out.size();
  const auto &window = extensions.receive_window_kib;
  const auto header_size = timed_header + (window ? word : std::size_t{0});
  out.resize(begin + header_size);
  auto *to = &out[begin];
  store_start(to, type, header_size, start);
  store32(to + at::addressee, sender);
  store16(to + at::addressed_instance, instance);
  store_time(to + at::grtt_response, grtt_response);
  if (window)
    store32(to + timed_header, std::uint32_t{extension::receive_window} << 24U |
                                   std::min<std::uint32_t>(*window, 0xffffff));
  return to;
}

}  // namespace

std::size_t write_data_header(MutableBytes out, MessageStart start, const SenderState &state,
                              const ObjectHeader &object, PayloadId id,
                              const std::optional<ObjectTransmissionInfo> &fti)
{
  const auto size = rs8_data_header + (fti ? extension::rs8_information_size : std::size_t{0});
  assert(out.size() >= size);
  auto *to = out.data();
  store_start(to, MessageType::data, size, start);
  store_state(to, state);
  store_object(to, object);
  store_payload_id(to + at::payload_id, FecId::rs8, id);
  if (fti)
    store_information(to + rs8_data_header, *fti);
  return size;
}

std::size_t write_info_header(MutableBytes out, MessageStart start, const SenderState &state,
                              const ObjectHeader &object,
                              const std::optional<ObjectTransmissionInfo> &fti)
{
  const auto size = smallest_header + (fti ? extension::rs8_information_size : std::size_t{0});
  assert(out.size() >= size);
  auto *to = out.data();
  store_start(to, MessageType::info, size, start);
  store_state(to, state);
  store_object(to, object);
  if (fti)
    store_information(to + smallest_header, *fti);
  return size;
}

void rewrite_data_header(MutableBytes packet, MessageStart start, const SenderState &state,
                         std::uint8_t flags)
{
  assert(packet.size() >= rs8_data_header);
  auto *to = packet.data();
  store16(to + at::sequence, start.sequence);
  store32(to + at::source, start.source);
  store_state(to, state);
  store8(to + at::flags, flags);
}

void write_flush(ByteVector &out, MessageStart start, const SenderState &state,
                 std::uint16_t object, PayloadId id, std::span<const NodeId> acking_nodes)
{
  append_point_command(out, Command::flush, start, state, object, id);
  append_nodes(out, acking_nodes);
}

void write_end_of_transmission(ByteVector &out, MessageStart start, const SenderState &state)
{
  append_command(out, Command::end_of_transmission, smallest_header, start, state);
}

void write_squelch(ByteVector &out, MessageStart start, const SenderState &state,
                   std::uint16_t object, PayloadId id,
                   std::span<const std::uint16_t> invalid_objects)
{
  append_point_command(out, Command::squelch, start, state, object, id);
  for (const auto invalid : invalid_objects) {
    std::array<std::byte, object_id_size> raw{};
    store16(raw.data(), invalid);
    append(out, raw);
  }
}

void write_probe(ByteVector &out, MessageStart start, const SenderState &state,
                 std::uint16_t cc_sequence, std::uint64_t send_time)
{
  auto *to = append_command(out, Command::congestion, timed_header, start, state);
  store16(to + at::cc_sequence, cc_sequence);
  store_time(to + at::cc_time, send_time);
}

void write_ack_request(ByteVector &out, MessageStart start, const SenderState &state,
                       std::uint8_t ack_type, std::uint8_t ack_id,
                       std::span<const NodeId> acking_nodes)
{
  auto *to = append_command(out, Command::ack_request, smallest_header, start, state);
  store8(to + at::ack_request_type, ack_type);
  store8(to + at::ack_request_id, ack_id);
  append_nodes(out, acking_nodes);
}

void write_repair_advertisement(ByteVector &out, MessageStart start, const SenderState &state,
                                bool complete, Bytes requests)
{
  auto *to = append_command(out, Command::repair_advertisement, smallest_header, start, state);
  store8(to + at::advertisement_flags, complete ? 0U : advertisement_limit_flag);
  append(out, requests);
}

void write_nack(ByteVector &out, MessageStart start, NodeId sender, std::uint16_t instance,
                std::uint64_t grtt_response, const FeedbackExtensions &extensions,
                Bytes requests)
{
  append_feedback(out, MessageType::nack, start, sender, instance, grtt_response, extensions);
  append(out, requests);
}

void write_ack(ByteVector &out, MessageStart start, const Ack &ack)
{
  auto *to = append_feedback(out, MessageType::ack, start, ack.sender, ack.instance,
                             ack.grtt_response, ack.extensions);
  store8(to + at::ack_type, static_cast<unsigned>(ack.type));
  store8(to + at::ack_id, ack.ack_id);
  if (ack.type != AckType::flush)
    return;
  const auto begin = out.size();
  out.resize(begin + point_size(ack.fec_id));
  store_point(&out[begin], {ack.fec_id, ack.object, ack.id});
}

// --- Quantities ---

namespace {

constexpr unsigned linear_rtts = 31;

std::array<std::uint64_t, 256> make_rtts()
{
  std::array<std::uint64_t, 256> rtts{};
  constexpr double longest = 1000e9;
  constexpr double steps_per_e_fold = 13;
  for (unsigned i = 0; i < rtts.size(); ++i)
    rtts[i] = i < linear_rtts ? (i + 1) * ns_per_us
                              : static_cast<std::uint64_t>(std::llround(
                                    longest / std::exp((255.0 - i) / steps_per_e_fold)));
  return rtts;
}

const std::array<std::uint64_t, 256> &rtts()
{
  static const auto table = make_rtts();
  return table;
}

constexpr unsigned group_exponents = 8;
constexpr unsigned half_decade = 0x08;  // the mantissa is 5, not 1

}  // namespace

// RFC 5740 rounds what is below 33 µs down, and has 32 µs where libnorm has 32.87.
std::uint8_t quantise_rtt(std::uint64_t nanoseconds)
{
  const auto &table = rtts();
  const auto *found = std::lower_bound(table.begin(), table.end() - 1, nanoseconds);
  return static_cast<std::uint8_t>(found - table.begin());
}

std::uint64_t unquantise_rtt(std::uint8_t quantised)
{
  return rtts()[quantised];
}

std::uint8_t quantise_group_size(std::uint64_t receivers)
{
  for (unsigned exponent = 0; exponent < group_exponents; ++exponent)
    for (const auto quantised : {exponent, exponent | half_decade})
      if (unquantise_group_size(static_cast<std::uint8_t>(quantised)) >= receivers)
        return static_cast<std::uint8_t>(quantised);
  return half_decade | (group_exponents - 1);
}

std::uint64_t unquantise_group_size(std::uint8_t quantised)
{
  std::uint64_t size = (quantised & half_decade) != 0 ? 50 : 10;
  for (auto exponent = quantised % group_exponents; exponent > 0; --exponent)
    size *= 10;
  return size;
}

}  // namespace kam::srm
