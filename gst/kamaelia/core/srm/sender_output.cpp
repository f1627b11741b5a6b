// SPDX-License-Identifier: LGPL-2.1-or-later
// What leaves, burst by burst: commands, repairs, parity that nobody asked for, new data.
#include "core/srm/sender.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace kam::srm {

namespace {

// UDP_SEGMENT takes at most 64 packets and 65,507 bytes.
constexpr std::size_t max_burst_packets = 64;
constexpr std::size_t max_burst_bytes = 65000;

}  // namespace

SenderState Sender::sender_state() const
{
  return {options_.instance, grtt_.quantised(), backoff_factor(),
          quantise_group_size(options_.group_size)};
}

// Who waits before it asks saves the others' asking, and loses time.
std::uint8_t Sender::backoff_factor() const
{
  constexpr std::size_t few = 8;
  if (audience_.size() > few || options_.group_size > 10)
    return options_.backoff_factor;
  // A few NACKs more cost less than the delay. In bulk 0 would say that nobody shares repairs.
  const bool is_shared = options_.policy == Policy::bulk && audience_.size() != 1;
  return std::min(options_.backoff_factor, is_shared ? std::uint8_t{1} : std::uint8_t{0});
}

MessageStart Sender::next_start()
{
  return {sequence_++, options_.node};
}

std::uint16_t Sender::packets_at_once() const
{
  const auto packet = objects_.back().shape->packet_size();
  const auto by_bytes = std::min(max_burst_bytes, pacer_.chunk()) / packet;
  return static_cast<std::uint16_t>(std::clamp<std::size_t>(by_bytes, 1, max_burst_packets));
}

void Sender::account(std::size_t packets, std::size_t bytes, std::uint64_t now)
{
  stats_.packets_sent += packets;
  stats_.bytes_sent += bytes;
  sent_bytes_ += bytes;
  pacer_.spend(bytes, now);
  if (options_.policy == Policy::bulk && audience_.has_credit() &&
      sent_bytes_ - marked_bytes_ >= audience_.window() / 4)
    send_credit_request(now);
}

Burst Sender::stamp(const SendBlock &block, MutableBytes packets, std::uint8_t extra_flags,
                    std::uint64_t now)
{
  const auto size = block.packet_size();
  const auto state = sender_state();
  const auto flags = static_cast<std::uint8_t>(block.shape().flags | extra_flags);
  std::size_t count = 0;
  for (std::size_t at = 0; at < packets.size(); at += size, ++count)
    rewrite_data_header(packets.subspan(at), next_start(), state, flags);
  last_activity_ = now;
  account(count, packets.size(), now);
  return {packets, size};
}

std::optional<Burst> Sender::poll_burst(std::uint64_t now)
{
  if (auto burst = poll_command())
    return burst;
  if (objects_.empty() || state_ == State::finished || !pacer_.ready(now))
    return std::nullopt;
  if (auto burst = poll_repair(now))
    return burst;
  if (auto burst = poll_proactive(now))
    return burst;
  if (auto burst = poll_new(now))
    return burst;
  return poll_command();
}

std::optional<Burst> Sender::poll_command()
{
  if (next_command_ == commands_.size())
    return std::nullopt;
  const Bytes bytes = commands_[next_command_++];
  stats_.packets_sent += 1;
  stats_.bytes_sent += bytes.size();
  sent_bytes_ += bytes.size();
  return Burst{bytes, bytes.size()};
}

ByteVector &Sender::new_command()
{
  return commands_.emplace_back();
}

void Sender::forget_sent_commands()
{
  while (next_command_ > 0) {
    commands_.pop_front();
    --next_command_;
  }
}

std::optional<Burst> Sender::poll_repair(std::uint64_t now)
{
  if (!repair_budget_.ready(now))
    return std::nullopt;
  for (std::size_t i = 0; i < repairs_.size();) {
    auto *const block = block_at(repairs_[i]);
    if (!block || !block->has_repairs()) {
      repairs_.erase(repairs_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    if (block->repair_at > now) {
      ++i;
      continue;
    }
    block->repaired_at = now;
    if (block->wanted.any())
      return repair_symbols(*block, now);
    const auto fresh = static_cast<std::uint16_t>(options_.parity - block->parities_sent);
    const auto count = std::min({block->parities_wanted, fresh, packets_at_once()});
    if (count == 0) {
      block->parities_wanted = 0;
      continue;
    }
    const auto first = static_cast<std::uint16_t>(
        block->sources() + std::exchange(block->parities_sent, block->parities_sent + count));
    block->parities_wanted = static_cast<std::uint16_t>(block->parities_wanted - count);
    stats_.repair_packets += count;
    stats_.parity_packets += count;
    const auto packets = block->packets(first, count);
    for (std::uint16_t i = 0; i < count; ++i)
      block->resent_at(static_cast<std::uint16_t>(first + i)) = now;
    repair_budget_.spend(packets.size(), now);
    return stamp(*block, packets, object_flag::repair, now);
  }
  return std::nullopt;
}

Burst Sender::repair_symbols(SendBlock &block, std::uint64_t now)
{
  std::uint16_t first = 0;
  while (!block.wanted[first])
    ++first;
  const auto limit =
      first < block.sources() ? block.filled() : static_cast<std::uint16_t>(max_symbols);
  std::uint16_t count = 1;
  while (count < packets_at_once() && first + count < limit && block.wanted[first + count])
    ++count;
  const auto packets = block.packets(first, count);
  count = static_cast<std::uint16_t>((packets.size() + block.packet_size() - 1) /
                                     block.packet_size());
  for (std::uint16_t i = 0; i < count; ++i) {
    const auto symbol = static_cast<std::uint16_t>(first + i);
    block.wanted.reset(symbol);
    block.resent_at(symbol) = now;
  }
  stats_.repair_packets += count;
  if (first >= block.sources())
    stats_.parity_packets += count;
  repair_budget_.spend(packets.size(), now);
  return stamp(block, packets, object_flag::repair | object_flag::is_explicit, now);
}

std::optional<Burst> Sender::poll_proactive(std::uint64_t now)
{
  while (!proactive_.empty()) {
    auto *const block = block_at(proactive_.front());
    if (!block || block->parities_sent >= block->parities_due) {
      proactive_.erase(proactive_.begin());
      continue;
    }
    const auto due = static_cast<std::uint16_t>(block->parities_due - block->parities_sent);
    const auto count = std::min(due, packets_at_once());
    const auto first = static_cast<std::uint16_t>(block->sources() + block->parities_sent);
    block->parities_sent = static_cast<std::uint16_t>(block->parities_sent + count);
    stats_.parity_packets += count;
    return stamp(*block, block->packets(first, count), 0, now);
  }
  return std::nullopt;
}

std::size_t Sender::flight_room() const
{
  if (options_.policy == Policy::latency || !audience_.has_credit())
    return std::numeric_limits<std::size_t>::max();
  const auto window = std::max(audience_.window(), 8 * objects_.back().shape->packet_size());
  const auto in_flight = audience_.in_flight(sent_bytes_);
  return in_flight >= window ? 0 : window - static_cast<std::size_t>(in_flight);
}

// The block with the next source that has not been sent.
const SendBlock *Sender::new_block() const
{
  const auto *block = block_at(send_index_);
  if (block && block->sent == block->sources())
    block = block_at(send_index_ + 1);
  return block && block->sent < block->filled() ? block : nullptr;
}

bool Sender::may_send_new() const
{
  return options_.policy == Policy::latency || started_;
}

bool Sender::can_send_new() const
{
  const auto *const block = new_block();
  return block && may_send_new() && flight_room() >= block->packet_size();
}

std::optional<Burst> Sender::poll_new(std::uint64_t now)
{
  auto *block = block_at(send_index_);
  if (block && block->sent == block->sources())
    block = block_at(++send_index_);
  if (!block || block->sent == block->filled()) {
    if (idle_at_ == 0)
      become_idle(now);
    return std::nullopt;
  }
  if (!may_send_new())
    return std::nullopt;
  const auto room = flight_room() / block->packet_size();
  if (room == 0) {
    if (credit_at_ == 0)
      send_credit_request(now);
    return std::nullopt;
  }
  auto count =
      std::min({static_cast<std::uint16_t>(block->filled() - block->sent), packets_at_once(),
                static_cast<std::uint16_t>(std::min<std::size_t>(room, 1024))});
  const auto packets = block->packets(block->sent, count);
  count = static_cast<std::uint16_t>((packets.size() + block->packet_size() - 1) /
                                     block->packet_size());
  block->sent = static_cast<std::uint16_t>(block->sent + count);
  block->sent_at = now;
  idle_at_ = 0;
  stats_.source_packets += count;
  repair_budget_.note_data(packets.size(), now);
  if (block->sent == block->sources())
    finish_block(*block, now);
  return stamp(*block, packets, 0, now);
}

// All sources of the block have been sent.
void Sender::finish_block(SendBlock &block, std::uint64_t now)
{
  send_index_ = block.index() + 1;
  if (options_.fec_overhead > 0) {
    const auto due = std::ceil(options_.fec_overhead * block.sources());
    block.parities_due = static_cast<std::uint16_t>(std::min<double>(due, options_.parity));
    proactive_.push_back(block.index());
  }
  const auto step = std::max<std::size_t>(1, max_blocks() / 8);
  if (options_.policy == Policy::bulk && !audience_.empty() &&
      position_of(send_index_, 0) >= watermark_ + position_of(step, 0))
    send_flush(true, now);
}

void Sender::become_idle(std::uint64_t now)
{
  rate_limited_ = false;
  // What is lost last is noticed when this comes: soon, but not with each packet of a stream
  // that comes packet by packet.
  const auto usual = push_gap_ == 0 ? 5 * millisecond : 2 * push_gap_;
  idle_interval_ = state_ == State::finishing
                       ? 0
                       : std::clamp<std::uint64_t>(usual, 2 * millisecond, 50 * millisecond);
  idle_at_ = now + idle_interval_;
}

}  // namespace kam::srm
