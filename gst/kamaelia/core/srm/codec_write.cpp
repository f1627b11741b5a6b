// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/codec_wire.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace kam::srm {

using namespace wire;

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

void store_congestion_feedback(std::byte *to, const CongestionFeedback &feedback)
{
  store8(to, extension::congestion_feedback);
  store8(to + 1, extension::congestion_feedback_size / word);
  store16(to + 2, feedback.cc_sequence);
  store8(to + 4, feedback.flags);
  store8(to + 5, feedback.rtt);
  store16(to + 6, feedback.loss);
  store16(to + 8, feedback.rate);
}

// The header that NACK and ACK have in common; what is at ack_type and behind is left 0.
std::byte *append_feedback(ByteVector &out, MessageType type, MessageStart start, NodeId sender,
                           std::uint16_t instance, std::uint64_t grtt_response,
                           const FeedbackExtensions &extensions)
{
  const auto begin = out.size();
  const auto &window = extensions.receive_window_kib;
  const auto &congestion = extensions.congestion;
  const auto header_size = timed_header + (window ? word : std::size_t{0}) +
                           (congestion ? extension::congestion_feedback_size : std::size_t{0});
  out.resize(begin + header_size);
  auto *to = &out[begin];
  store_start(to, type, header_size, start);
  store32(to + at::addressee, sender);
  store16(to + at::addressed_instance, instance);
  store_time(to + at::grtt_response, grtt_response);
  auto *next = to + timed_header;
  if (congestion) {
    store_congestion_feedback(next, *congestion);
    next += extension::congestion_feedback_size;
  }
  if (window)
    store32(next, std::uint32_t{extension::receive_window} << 24U |
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
                 std::uint16_t cc_sequence, std::uint64_t send_time,
                 std::optional<std::uint16_t> rate, std::span<const CongestionNode> nodes)
{
  const auto header_size = timed_header + (rate ? word : std::size_t{0});
  auto *to = append_command(out, Command::congestion, header_size, start, state);
  store16(to + at::cc_sequence, cc_sequence);
  store_time(to + at::cc_time, send_time);
  if (rate) {
    store8(to + timed_header, extension::congestion_rate);
    store16(to + timed_header + 2, *rate);
  }
  for (const auto &node : nodes) {
    std::array<std::byte, congestion_node_size> raw{};
    store32(raw.data(), node.node);
    store8(&raw[4], node.flags);
    store8(&raw[5], node.rtt);
    store16(&raw[6], node.rate);
    append(out, raw);
  }
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

}  // namespace kam::srm
