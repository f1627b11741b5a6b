// SPDX-License-Identifier: LGPL-2.1-or-later
// How NORM's messages lie in bytes, for those who read and write them.
#pragma once

#include "core/srm/codec.hpp"

#include <cassert>

namespace kam::srm::wire {

inline constexpr unsigned protocol_version = 1;

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
inline constexpr std::size_t header_words = 1;
inline constexpr std::size_t sequence = 2;
inline constexpr std::size_t source = 4;
inline constexpr std::size_t instance = 8;  // of a sender's message, as all down to `cc_time`
inline constexpr std::size_t grtt = 10;
inline constexpr std::size_t backoff_and_group = 11;
inline constexpr std::size_t flags = 12;    // NORM_DATA, NORM_INFO
inline constexpr std::size_t command = 12;  // NORM_CMD
inline constexpr std::size_t fec_id = 13;
inline constexpr std::size_t object = 14;
inline constexpr std::size_t payload_id = 16;
inline constexpr std::size_t advertisement_flags = 13;
inline constexpr std::size_t ack_request_type = 14;
inline constexpr std::size_t ack_request_id = 15;
inline constexpr std::size_t cc_sequence = 14;
inline constexpr std::size_t cc_time = 16;
inline constexpr std::size_t addressee = 8;  // of a receiver's message, as all below
inline constexpr std::size_t addressed_instance = 12;
inline constexpr std::size_t ack_type = 14;
inline constexpr std::size_t ack_id = 15;
inline constexpr std::size_t grtt_response = 16;
}  // namespace at

inline constexpr std::size_t word = 4;
inline constexpr std::size_t smallest_header = 16;
inline constexpr std::size_t timed_header = 24;  // CMD(CC), NACK and ACK
inline constexpr std::size_t rs8_data_header = 20;

namespace extension {
inline constexpr std::uint8_t congestion_feedback = 3;               // EXT_CC
inline constexpr std::uint8_t object_transmission_information = 64;  // EXT_FTI
inline constexpr std::uint8_t congestion_rate = 128;                 // EXT_RATE
inline constexpr std::uint8_t receive_window = 200;                  // ours
// Types from here on have no length field and are one word long.
inline constexpr std::uint8_t first_of_fixed_size = 128;
inline constexpr std::size_t congestion_feedback_size = 12;
inline constexpr std::size_t rs8_information_size = 12;
inline constexpr std::size_t other_information_size = 16;
}  // namespace extension

inline constexpr std::uint8_t advertisement_limit_flag = 0x01;  // NORM_REPAIR_ADV_LIMIT
inline constexpr std::size_t request_heading_size = 4;
inline constexpr std::size_t node_size = 4;
inline constexpr std::size_t object_id_size = 2;
inline constexpr std::size_t congestion_node_size = 8;

inline constexpr std::uint64_t ns_per_s = 1'000'000'000;
inline constexpr std::uint64_t ns_per_us = 1000;

inline std::uint8_t load8(const std::byte *from)
{
  return std::to_integer<std::uint8_t>(*from);
}

inline std::uint16_t load16(const std::byte *from)
{
  return static_cast<std::uint16_t>(load8(from) << 8U | load8(from + 1));
}

inline std::uint32_t load32(const std::byte *from)
{
  return std::uint32_t{load8(from)} << 24U | std::uint32_t{load8(from + 1)} << 16U |
         std::uint32_t{load8(from + 2)} << 8U | std::uint32_t{load8(from + 3)};
}

inline void store8(std::byte *to, unsigned value)
{
  *to = static_cast<std::byte>(value);
}

inline void store16(std::byte *to, std::uint16_t value)
{
  store8(to, value >> 8U);
  store8(to + 1, value);
}

inline void store32(std::byte *to, std::uint32_t value)
{
  store8(to, value >> 24U);
  store8(to + 1, value >> 16U);
  store8(to + 2, value >> 8U);
  store8(to + 3, value);
}

// 48 bits, as 16 and 32.
inline std::uint64_t load48(const std::byte *from)
{
  return std::uint64_t{load16(from)} << 32U | load32(from + 2);
}

inline void store48(std::byte *to, std::uint64_t value)
{
  store16(to, static_cast<std::uint16_t>(value >> 32U));
  store32(to + 2, static_cast<std::uint32_t>(value));
}

// Seconds and microseconds. A peer may put more than a second into the latter.
inline std::uint64_t load_time(const std::byte *from)
{
  return load32(from) * ns_per_s + load32(from + word) * ns_per_us;
}

inline void store_time(std::byte *to, std::uint64_t nanoseconds)
{
  store32(to, static_cast<std::uint32_t>(nanoseconds / ns_per_s));
  store32(to + word, static_cast<std::uint32_t>(nanoseconds % ns_per_s / ns_per_us));
}

inline std::optional<FecId> known_fec(std::uint8_t id)
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

inline PayloadId load_payload_id(const std::byte *from, FecId fec_id)
{
  if (fec_id == FecId::small_block)
    return {load32(from), load16(from + 6), load16(from + 4)};
  const auto both = load32(from);
  return {both >> 8U, static_cast<std::uint16_t>(both & 0xffU), 0};
}

inline void store_payload_id(std::byte *to, FecId fec_id, PayloadId id)
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

inline SenderState load_state(const std::byte *message)
{
  const auto both = load8(message + at::backoff_and_group);
  return {load16(message + at::instance), load8(message + at::grtt),
          static_cast<std::uint8_t>(both >> 4U), static_cast<std::uint8_t>(both & 0x0fU)};
}

inline void store_state(std::byte *message, const SenderState &state)
{
  assert(state.backoff <= 0x0f && state.group_size <= 0x0f);
  store16(message + at::instance, state.instance);
  store8(message + at::grtt, state.grtt);
  store8(message + at::backoff_and_group,
         static_cast<unsigned>(state.backoff << 4U | state.group_size));
}

inline bool is_somebody(NodeId node)
{
  return node != no_node && node != any_node;
}

inline std::size_t point_size(FecId fec_id)
{
  return word + payload_id_size(fec_id);
}

inline void store_point(std::byte *to, const RepairPoint &point)
{
  store8(to, static_cast<unsigned>(point.fec_id));
  store8(to + 1, 0);
  store16(to + 2, point.object);
  store_payload_id(to + word, point.fec_id, point.id);
}

}  // namespace kam::srm::wire
