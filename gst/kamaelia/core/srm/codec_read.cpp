// SPDX-License-Identifier: LGPL-2.1-or-later
// Where libnorm, the reference, and RFC 5740 differ, we do as libnorm does, because that is who
// is out there.
#include "core/srm/codec_wire.hpp"

#include <cassert>

namespace kam::srm {

using namespace wire;

namespace {

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
  std::optional<std::uint16_t> rate;
  FeedbackExtensions feedback;
};

CongestionFeedback load_congestion_feedback(const std::byte *from)
{
  return {load16(from + 2), load8(from + 4), load8(from + 5), load16(from + 6),
          load16(from + 8)};
}

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
      found.rate = load16(rest.data() + 2);
    else if (type == extension::receive_window)
      found.feedback.receive_window_kib = load32(rest.data()) & 0xffffffU;
    else if (type == extension::congestion_feedback &&
             size >= extension::congestion_feedback_size)
      found.feedback.congestion = load_congestion_feedback(rest.data());
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
      message.body =
          CongestionCommand{load16(raw_ + at::cc_sequence), load_time(raw_ + at::cc_time),
                            extensions_.rate, CongestionNodes{payload_}};
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

std::size_t CongestionNodes::size() const
{
  return raw_.size() / congestion_node_size;
}

CongestionNode CongestionNodes::operator[](std::size_t index) const
{
  assert(index < size());
  const auto *from = raw_.data() + index * congestion_node_size;
  return {load32(from), load8(from + 4), load8(from + 5), load16(from + 6)};
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

}  // namespace kam::srm
