// SPDX-License-Identifier: LGPL-2.1-or-later
// What is filled and what is sent. What is answered stands in sender_feedback.cpp.
#include "core/srm/sender.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

namespace kam::srm {

namespace {

// UDP_SEGMENT takes at most 64 packets and 65,507 bytes.
constexpr std::size_t max_burst_packets = 64;
constexpr std::size_t max_burst_bytes = 65000;

constexpr auto first_probe_interval = 20 * millisecond;
constexpr auto longest_probe_interval = second;
// While much is sent, what is on the way makes the round trip longer, and then shorter again.
constexpr auto busy_probe_interval = 50 * millisecond;
constexpr auto first_info_interval = 50 * millisecond;
constexpr auto longest_info_interval = second;
constexpr auto longest_idle_interval = second;

SenderOptions checked(SenderOptions options)
{
  options.segment_size = std::clamp<std::uint16_t>(options.segment_size, 64, 65000);
  options.block_size =
      std::clamp<std::uint16_t>(options.block_size, 1, static_cast<std::uint16_t>(max_symbols));
  options.parity = std::min<std::uint16_t>(
      options.parity, static_cast<std::uint16_t>(max_symbols - options.block_size));
  options.backoff_factor = std::min<std::uint8_t>(options.backoff_factor, 15);
  return options;
}

}  // namespace

Sender::Sender(const SenderOptions &options)
    : options_{checked(options)},
      audience_{options_.default_window, options_.max_receivers},
      grtt_{options_.grtt, options_.min_grtt},
      pacer_{options_.max_rate},
      repair_budget_{options_.max_repair_rate}
{
}

// --- filling ------------------------------------------------------------------------------

void Sender::begin_stream(Bytes info, std::uint64_t now)
{
  begin(ObjectKind::stream, options_.buffer_bytes, info, now);
}

void Sender::begin_object(ObjectKind kind, std::uint64_t size, Bytes info, std::uint64_t now)
{
  begin(kind, size, info, now);
}

void Sender::begin(ObjectKind kind, std::uint64_t size, Bytes info, std::uint64_t now)
{
  assert(objects_.empty() || objects_.back().ended);
  forget_sent_commands();
  const bool is_stream = kind == ObjectKind::stream;
  Object object;
  object.id = next_object_++;
  object.kind = kind;
  object.first_block = next_index_;
  object.fti = {size, options_.segment_size, options_.block_size, options_.parity};
  if (!is_stream)
    object.partition = Partition{object.fti};
  std::uint8_t flags = object_flag::info;
  if (kind != ObjectKind::data)
    flags |= is_stream ? object_flag::stream : object_flag::file;
  object.shape = std::make_shared<const BlockShape>(
      BlockShape{object.id, flags, is_stream, options_.segment_size, options_.block_size,
                 reed_solomon(options_.block_size, options_.parity)});
  const auto memory_size = object.shape->packet_size() * options_.block_size;
  if (memory_size != idle_memory_size_)
    idle_memory_.clear();
  idle_memory_size_ = memory_size;
  objects_.push_back(std::move(object));
  drop_old_objects();
  if (begun_at_ == 0) {
    begun_at_ = std::max<std::uint64_t>(now, 1);
    probe_at_ = begun_at_;
    probe_interval_ = first_probe_interval;
    presence_at_ = options_.policy == Policy::bulk ? begun_at_ : 0;
    for (const auto node : options_.ack_receivers) {
      if (audience_.hear(node, now, 0))
        events_.emplace_back(ReceiverSeen{node});
    }
  }
  set_info(info, now);
}

void Sender::set_info(Bytes info, std::uint64_t now)
{
  if (objects_.empty())
    return;
  auto &object = objects_.back();
  info = info.first(std::min<std::size_t>(info.size(), options_.segment_size));
  object.info.assign(info.begin(), info.end());
  info_at_ = std::max<std::uint64_t>(now, 1);
  info_interval_ = first_info_interval;
}

std::size_t Sender::max_blocks() const
{
  const auto block_bytes =
      std::size_t{options_.segment_size + BlockShape::header_size} * options_.block_size;
  return std::max<std::size_t>(4, options_.buffer_bytes / block_bytes);
}

bool Sender::may_leave(const SendBlock &block, std::uint64_t now) const
{
  if (block.index() >= send_index_)
    return false;
  if (options_.policy == Policy::latency)
    return true;
  if (!audience_.empty() || options_.min_receivers > 0)
    return false;  // release_acknowledged() decides
  const auto quiet_since = std::max(block.sent_at, block.repaired_at);
  return !block.has_repairs() &&
         now >= quiet_since + std::max(20 * grtt_.value(), 200 * millisecond);
}

// How many blocks from the first on may leave.
std::size_t Sender::leaving(std::uint64_t now) const
{
  if (options_.policy == Policy::latency && !blocks_.empty())
    return static_cast<std::size_t>(send_index_ -
                                    std::min(send_index_, blocks_.front().index()));
  std::size_t count = 0;
  while (count < blocks_.size() && may_leave(blocks_[count], now))
    ++count;
  return count;
}

bool Sender::make_room(std::uint64_t now)
{
  if (blocks_.size() < max_blocks())
    return true;
  if (!may_leave(blocks_.front(), now))
    return false;
  drop_first_block();
  return true;
}

void Sender::drop_first_block()
{
  if (idle_memory_.size() < 64 &&
      blocks_.front().packet_size() * options_.block_size == idle_memory_size_)
    idle_memory_.push_back(blocks_.front().take_memory());
  blocks_.pop_front();
  drop_old_objects();
}

// Those whose blocks are all gone, but for the current one.
void Sender::drop_old_objects()
{
  const auto first = blocks_.empty() ? next_index_ : blocks_.front().index();
  while (objects_.size() > 1 && objects_[1].first_block <= first)
    objects_.pop_front();
}

void Sender::release_acknowledged(std::uint64_t now)
{
  if (options_.policy != Policy::bulk)
    return;
  if (audience_.empty() || audience_.size() < options_.min_receivers) {
    while (blocks_.size() > max_blocks() / 2 && may_leave(blocks_.front(), now))
      drop_first_block();
    return;
  }
  const auto floor = audience_.acknowledged_by_all();
  while (!blocks_.empty() && blocks_.front().index() < send_index_ &&
         position_of(blocks_.front().index() + 1, 0) <= floor)
    drop_first_block();
}

SendBlock *Sender::open_block(std::uint64_t now)
{
  auto &object = objects_.back();
  if (!blocks_.empty() && blocks_.back().index() >= object.first_block &&
      !blocks_.back().is_full())
    return &blocks_.back();
  const auto number = next_index_ - object.first_block;
  if (object.kind != ObjectKind::stream && number >= object.partition.blocks())
    return nullptr;
  if (!make_room(now))
    return nullptr;
  RawMemory memory;
  if (idle_memory_.empty()) {
    memory = RawMemory{idle_memory_size_};
  } else {
    memory = std::move(idle_memory_.back());
    idle_memory_.pop_back();
  }
  const auto sources = object.kind == ObjectKind::stream ? options_.block_size
                                                         : object.partition.sources(number);
  blocks_.emplace_back(object.shape, next_index_++,
                       static_cast<std::uint32_t>(number) & block_mask, sources,
                       std::move(memory));
  return &blocks_.back();
}

std::size_t Sender::writable(std::uint64_t now) const
{
  if (objects_.empty() || objects_.back().ended || state_ != State::open)
    return 0;
  const auto &object = objects_.back();
  std::size_t segments = 0;
  std::size_t bytes = 0;
  if (!blocks_.empty() && blocks_.back().index() >= object.first_block &&
      !blocks_.back().is_full()) {
    const auto &block = blocks_.back();
    segments = std::size_t{block.sources()} - block.filled() - 1U;
    bytes = block.open_room();
  }
  const auto blocks = max_blocks() - std::min(max_blocks(), blocks_.size());
  segments += (blocks + leaving(now)) * options_.block_size;
  bytes += segments * options_.segment_size;
  if (object.kind != ObjectKind::stream)
    bytes = std::min<std::uint64_t>(bytes, object.fti.object_size - object.written);
  return bytes;
}

std::size_t Sender::push(Bytes data, bool message_start, std::uint64_t now)
{
  forget_sent_commands();
  if (objects_.empty() || objects_.back().ended || state_ != State::open)
    return 0;
  if (last_push_ != 0 && now > last_push_)
    push_gap_ = push_gap_ == 0 ? now - last_push_ : push_gap_ / 8 * 7 + (now - last_push_) / 8;
  last_push_ = now;
  auto &object = objects_.back();
  if (object.kind != ObjectKind::stream)
    data = data.first(static_cast<std::size_t>(
        std::min<std::uint64_t>(data.size(), object.fti.object_size - object.written)));
  std::size_t taken = 0;
  while (taken < data.size()) {
    auto *const block = open_block(now);
    if (!block)
      break;
    if (message_start && taken == 0 && !block->has_message_start())
      block->mark_message_start();
    const auto piece = data.subspan(taken, std::min(data.size() - taken, block->open_room()));
    block->append(piece);
    taken += piece.size();
    object.written += piece.size();
    if (block->open_room() == 0)
      close_open_segment();
  }
  stats_.bytes += taken;
  if (object.kind != ObjectKind::stream && object.written == object.fti.object_size)
    close_open_segment();
  return taken;
}

void Sender::close_open_segment()
{
  if (blocks_.empty() || blocks_.back().is_full() || blocks_.back().open_bytes() == 0)
    return;
  auto &block = blocks_.back();
  const auto &object = objects_.back();
  if (object.kind != ObjectKind::stream && block.open_room() > 0 &&
      object.written != object.fti.object_size)
    return;  // an object's segments are full but for the last
  block.close_segment(static_cast<std::uint32_t>(object.written - block.open_bytes()));
}

void Sender::flush(std::uint64_t now)
{
  last_push_ = std::max(last_push_, now);
  close_open_segment();
}

bool Sender::end_object(std::uint64_t now)
{
  forget_sent_commands();
  if (objects_.empty() || objects_.back().ended)
    return true;
  auto &object = objects_.back();
  close_open_segment();
  if (object.kind == ObjectKind::stream) {
    auto *const block = open_block(now);
    if (!block)
      return false;
    // An empty segment without a message is NORM_STREAM_END (RFC 5740, section 4.2.1). It is
    // repeated to the end of the block, so that parity can repair what is in it.
    while (!block->is_full())
      block->close_segment(static_cast<std::uint32_t>(object.written));
  }
  object.ended = true;
  return true;
}

void Sender::finish(std::uint64_t now)
{
  if (state_ != State::open)
    return;
  state_ = State::finishing;
  last_activity_ = std::max(last_activity_, now);
  if (idle_at_ != 0) {
    idle_at_ = now;
    idle_interval_ = 0;
  }
  if (begun_at_ == 0)
    state_ = State::finished;
}

void Sender::set_max_rate(std::uint64_t bits_per_second, std::uint64_t now)
{
  options_.max_rate = bits_per_second;
  pacer_.set_rate(bits_per_second);
  forget_sent_commands();
  static_cast<void>(now);
}

// --- sending ------------------------------------------------------------------------------

SendBlock *Sender::block_at(std::uint64_t index)
{
  if (blocks_.empty() || index < blocks_.front().index())
    return nullptr;
  const auto offset = index - blocks_.front().index();
  return offset < blocks_.size() ? &blocks_[static_cast<std::size_t>(offset)] : nullptr;
}

const SendBlock *Sender::block_at(std::uint64_t index) const
{
  return const_cast<Sender *>(this)->block_at(index);
}

Position Sender::sent_position() const
{
  const auto *const block = block_at(send_index_);
  if (!block)
    return position_of(send_index_, 0);
  return block->sent == block->sources() ? position_of(send_index_ + 1, 0)
                                         : position_of(send_index_, block->sent);
}

Position Sender::end_position() const
{
  if (blocks_.empty() || blocks_.back().is_full())
    return position_of(next_index_, 0);
  return position_of(blocks_.back().index(), blocks_.back().filled());
}

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

// --- what is asked and said ---------------------------------------------------------------

void Sender::send_info(Object &object, std::uint64_t now)
{
  object.info_sent_at = std::max<std::uint64_t>(now, 1);
  auto &out = new_command();
  out.resize(max_header_size);
  const auto size = write_info_header(out, next_start(), sender_state(),
                                      {object.shape->flags, FecId::rs8, object.id}, object.fti);
  out.resize(size);
  out.insert(out.end(), object.info.begin(), object.info.end());
}

void Sender::send_probe(std::uint64_t now)
{
  grtt_.handle_interval();
  write_probe(new_command(), next_start(), sender_state(), cc_sequence_++, now);
}

void Sender::send_flush(bool with_audience, std::uint64_t now)
{
  // Of the last block that is wholly sent while data flows, of the last segment else.
  auto position = sent_position();
  if (has_new())
    position = position_of(send_index_, 0);
  if (position == position_of(objects_.front().first_block, 0))
    return;  // nothing has been sent that could be named
  const auto index = position % 256 == 0 ? position / 256 - 1 : position / 256;
  const auto *const block = block_at(index);
  if (!block)
    return;
  const auto symbol = position % 256 == 0 ? block->sources() - 1 : position % 256 - 1;
  nodes_.clear();
  if (with_audience) {
    audience_.list_unacknowledged(position, options_.segment_size / 4U, nodes_);
    audience_.ask(now);
    if (watermark_ != position)
      watermark_interval_ = std::max(2 * grtt_.value(), 5 * millisecond);
    watermark_ = position;
    watermark_at_ = now + watermark_interval_;
  }
  write_flush(new_command(), next_start(), sender_state(), block->shape().object,
              {block->number(), static_cast<std::uint16_t>(symbol), 0}, nodes_);
}

void Sender::send_credit_request(std::uint64_t now)
{
  marked_bytes_ = sent_bytes_;
  audience_.list_all(options_.segment_size / 4U, nodes_);
  const auto mark = audience_.add_mark(sent_bytes_);
  write_ack_request(new_command(), next_start(), sender_state(),
                    static_cast<std::uint8_t>(AckType::credit), mark, nodes_);
  audience_.ask(now);
  credit_at_ = now + std::max(2 * grtt_.value(), 5 * millisecond);
}

void Sender::send_presence_request(std::uint64_t now)
{
  const std::array<NodeId, 1> everyone{any_node};
  write_ack_request(new_command(), next_start(), sender_state(),
                    static_cast<std::uint8_t>(AckType::presence), 0, everyone);
  presence_at_ = now + (started_ ? second : 50 * millisecond);
}

void Sender::send_squelch(std::uint64_t now)
{
  if (squelched_at_ != 0 && now < squelched_at_ + std::max(2 * grtt_.value(), millisecond))
    return;
  squelched_at_ = std::max<std::uint64_t>(now, 1);
  ++stats_.squelches_sent;
  const auto &object = objects_.front();
  // Of an object that is done with there is no next block: the next object then.
  const bool is_done = blocks_.empty() && object.ended;
  const auto first = blocks_.empty() ? next_index_ : blocks_.front().index();
  const auto number = is_done ? 0 : first - object.first_block;
  write_squelch(new_command(), next_start(), sender_state(), is_done ? next_object_ : object.id,
                {static_cast<std::uint32_t>(number) & block_mask, 0, 0}, {});
}

// --- time ---------------------------------------------------------------------------------

void Sender::handle_timeout(std::uint64_t now)
{
  forget_sent_commands();
  if (objects_.empty() || state_ == State::finished)
    return;
  const auto is_due = [now](std::uint64_t at) { return at != 0 && at <= now; };
  if (is_due(probe_at_)) {
    send_probe(now);
    const bool is_busy =
        options_.policy == Policy::bulk && now < last_activity_ + longest_probe_interval;
    probe_interval_ =
        std::min(2 * probe_interval_, is_busy ? busy_probe_interval : longest_probe_interval);
    probe_at_ = now + probe_interval_;
  }
  if (is_due(info_at_)) {
    send_info(objects_.back(), now);
    info_interval_ = std::min(2 * info_interval_, longest_info_interval);
    info_at_ = now + info_interval_;
  }
  if (is_due(presence_at_))
    send_presence_request(now);
  check_started(now);
  if (is_due(credit_at_)) {
    credit_at_ = 0;
    if (!audience_.empty() && audience_.in_flight(sent_bytes_) > 0)
      send_credit_request(now);
  }
  if (is_due(watermark_at_))
    handle_watermark_timer(now);
  if (is_due(idle_at_))
    handle_idle_timer(now);
  while (const auto node = audience_.drop_silent(now, options_.receiver_timeout))
    events_.emplace_back(ReceiverLost{*node});
  release_acknowledged(now);
  note_rate_limit(now);
  check_finished(now);
}

void Sender::check_started(std::uint64_t now)
{
  if (started_ || options_.policy != Policy::bulk)
    return;
  const auto needed = std::max<std::size_t>(1, options_.min_receivers);
  started_ = audience_.size() >= needed ||
             (options_.min_receivers == 0 && now >= begun_at_ + 300 * millisecond);
}

void Sender::note_rate_limit(std::uint64_t now)
{
  if (rate_limited_ || pacer_.ready(now) || !has_new() || writable(now) > 0)
    return;
  rate_limited_ = true;
  events_.emplace_back(RateLimited{});
}

void Sender::handle_watermark_timer(std::uint64_t now)
{
  watermark_at_ = 0;
  if (audience_.empty() || audience_.acknowledged_by_all() >= watermark_)
    return;
  const auto interval = std::min(2 * watermark_interval_, 500 * millisecond);
  send_flush(true, now);
  watermark_interval_ = interval;
  watermark_at_ = now + interval;
}

void Sender::handle_idle_timer(std::uint64_t now)
{
  if (!blocks_.empty() && !blocks_.back().is_full() && blocks_.back().open_bytes() > 0) {
    close_open_segment();
    idle_at_ = 0;
    if (has_new())
      return;
  }
  const bool bulk = options_.policy == Policy::bulk;
  send_flush(bulk && !audience_.empty() && !all_acknowledged(), now);
  const auto shortest = std::max(2 * grtt_.value(), 2 * millisecond);
  const auto longest = state_ == State::finishing ? 100 * millisecond : longest_idle_interval;
  idle_interval_ = std::clamp(2 * idle_interval_, std::min(shortest, longest), longest);
  idle_at_ = now + idle_interval_;
}

bool Sender::all_acknowledged() const
{
  const auto end = end_position();
  return sent_position() == end && !audience_.empty() &&
         audience_.acknowledged_by_all() >= end &&
         audience_.count_acknowledged(end) >= options_.min_receivers;
}

// When there is nothing to wait for any more, if that is known.
std::optional<std::uint64_t> Sender::finish_due() const
{
  if (state_ != State::finishing || has_new() || !may_send_new())
    return std::nullopt;
  if (ends_sent_ > 0)
    return end_at_;
  if (options_.policy == Policy::bulk) {
    if (all_acknowledged())
      return last_activity_;
    if (!audience_.empty() || options_.min_receivers > 0)
      return std::nullopt;
  }
  return last_activity_ + std::max(20 * grtt_.value(), 250 * millisecond);
}

void Sender::check_finished(std::uint64_t now)
{
  const auto due = finish_due();
  if (!due || now < *due)
    return;
  if (ends_sent_ == 0 && options_.policy == Policy::bulk && all_acknowledged())
    events_.emplace_back(AllAcknowledged{});
  if (ends_sent_ < 3) {
    // Three, because nobody asks for it again.
    ++ends_sent_;
    write_end_of_transmission(new_command(), next_start(), sender_state());
    end_at_ = now + 2 * millisecond;
  } else {
    state_ = State::finished;
  }
}

std::optional<std::uint64_t> Sender::next_timeout() const
{
  if (objects_.empty() || state_ == State::finished)
    return std::nullopt;
  auto next = std::numeric_limits<std::uint64_t>::max();
  for (const auto at :
       {probe_at_, info_at_, presence_at_, idle_at_, watermark_at_, credit_at_}) {
    if (at != 0)
      next = std::min(next, at);
  }
  for (const auto index : repairs_) {
    if (const auto *const block = block_at(index))
      next = std::min(next, std::max({block->repair_at, pacer_.due(), repair_budget_.due()}));
  }
  if (pacer_.is_limited() && (!proactive_.empty() || can_send_new()))
    next = std::min(next, pacer_.due());
  if (options_.policy == Policy::bulk && !started_ && options_.min_receivers == 0)
    next = std::min(next, begun_at_ + 300 * millisecond);
  next = std::min(next, finish_due().value_or(next));
  return next == std::numeric_limits<std::uint64_t>::max() ? std::nullopt : std::optional{next};
}

std::optional<SenderEvent> Sender::poll_event()
{
  if (events_.empty())
    return std::nullopt;
  auto event = events_.front();
  events_.pop_front();
  return event;
}

SenderStats Sender::stats() const
{
  auto stats = stats_;
  stats.grtt = grtt_.value();
  stats.receivers = static_cast<std::uint32_t>(audience_.size());
  stats.buffered_bytes = 0;
  for (const auto &block : blocks_)
    stats.buffered_bytes += block.bytes();
  return stats;
}

std::vector<Sender::ReceiverState> Sender::receivers() const
{
  std::vector<ReceiverState> states;
  states.reserve(audience_.size());
  const auto block_bytes = std::uint64_t{options_.segment_size} * options_.block_size;
  for (const auto &[node, member] : audience_.members()) {
    const auto acknowledged = member.acknowledged / 256 * block_bytes +
                              member.acknowledged % 256 * options_.segment_size;
    states.push_back({node, std::min(acknowledged, stats_.bytes), member.last_heard});
  }
  return states;
}

}  // namespace kam::srm
