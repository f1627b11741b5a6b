// SPDX-License-Identifier: LGPL-2.1-or-later
// What is filled, and what there is to know. What leaves stands in sender_output.cpp, what is
// asked and told in sender_timers.cpp, what is answered in sender_feedback.cpp.
#include "core/srm/sender.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace kam::srm {

namespace {

constexpr auto first_probe_interval = 20 * millisecond;
constexpr auto first_info_interval = 50 * millisecond;

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
  if (options_.congestion_control)
    congestion_.emplace(options_.segment_size, options_.min_rate, grtt_.value());
  renew_rate();
}

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
  renew_rate();
  forget_sent_commands();
  static_cast<void>(now);
}

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
  stats.rate = pacer_.rate();
  stats.limiting = congestion_ ? congestion_->limiting() : no_node;
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
