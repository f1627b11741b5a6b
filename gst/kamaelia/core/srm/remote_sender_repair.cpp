// SPDX-License-Identifier: LGPL-2.1-or-later
// When a receiver asks its sender for what, and how it answers.
#include "core/srm/remote_sender.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kam::srm {

namespace {

constexpr std::size_t max_request_bytes = 1300;
// Acknowledgements that are owed at a time.
constexpr std::size_t max_owed = 32;
constexpr auto shortest_retry = millisecond;
constexpr auto longest_retry = 250 * millisecond;

std::uint64_t as_ns(double value)
{
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace

// A random time up to `max`, distributed so that of a group of this size few are early
// (RFC 5401, section 3.2.2: truncated exponential).
double RemoteSender::backoff(double max) const
{
  if (max <= 0)
    return 0;
  const auto group = static_cast<double>(unquantise_group_size(state_.group_size));
  const auto lambda = std::log(group) + 1;
  const auto spread = std::exp(lambda) - 1;
  const auto x = std::uniform_real_distribution<double>{0, 1}(shared_.random) * lambda / max +
                 lambda / (max * spread);
  return std::clamp(max / lambda * std::log(x * spread * (max / lambda)), 0.0, max);
}

// How long an answer may take; longer each time there was none.
std::uint64_t RemoteSender::ask_interval(unsigned attempts) const
{
  const auto rounds = shared_.options.policy == Policy::bulk ? state_.backoff + 3U : 0U;
  const auto usual = rounds != 0 ? rounds * grtt_ + 2 * millisecond
                                 : std::max(grtt_ + grtt_ / 4, shortest_retry);
  const auto grown = static_cast<double>(usual) * std::pow(1.5, std::min(attempts, 20U));
  const auto longest = std::max(longest_retry, usual);
  return as_ns(std::min(grown, static_cast<double>(longest)) +
               backoff(static_cast<double>(state_.backoff * grtt_)));
}

void RemoteSender::schedule_nack(std::uint64_t now)
{
  if (shared_.options.silent || backing_off_)
    return;
  const auto wait = as_ns(backoff(static_cast<double>(state_.backoff * grtt_)));
  const auto at = std::max<std::uint64_t>(now + wait, 1);
  if (nack_at_ != 0 && nack_at_ <= at)
    return;
  nack_at_ = at;
  backing_off_ = true;
}

// When something of this object is missing: as soon as any of it may be asked for.
void RemoteSender::schedule_nack_for(const RemoteObject &object, std::uint64_t now)
{
  if (shared_.options.silent)
    return;
  if (const auto until = all_held_until(object))
    nack_at_ = nack_at_ == 0 ? until : std::min(nack_at_, until);
  else
    schedule_nack(now);
}

void RemoteSender::send_nack(std::uint64_t now)
{
  backing_off_ = false;
  suppressed_ = false;
  RepairRequestWriter writer{max_request_bytes};
  for (auto &tracked : objects_)
    gather_requests(tracked, writer, now);
  if (!writer.empty()) {
    auto &out = shared_.feedback.emplace_back(
        ReceiverShared::Outgoing{{}, !shared_.options.unicast_nacks, peer_});
    write_nack(out.bytes, next_start(), node_, instance_, grtt_response(now), extensions(now),
               writer.bytes());
    ++shared_.stats.nacks_sent;
  } else if (suppressed_) {
    ++shared_.stats.nacks_suppressed;
  }
  nack_at_ = next_ask();
  // However much is missing, the way back is not to be flooded with it.
  const auto is_full =
      writer.bytes().size() + 2 * RepairRequestWriter::largest_request > max_request_bytes;
  const auto pause = std::max(shortest_retry, grtt_ / 4) * (is_full ? 2 : 1);
  if (nack_at_ != 0)
    nack_at_ = std::max(nack_at_, now + pause);
}

std::uint64_t RemoteSender::next_ask() const
{
  auto next = std::numeric_limits<std::uint64_t>::max();
  for (const auto &tracked : objects_) {
    const auto &object = tracked.object;
    if (object.is_delivered() || object.is_given_up())
      continue;
    if (object.lacks_info() || !object.is_usable())
      next = std::min(next, object.info_again_at);
    for (const auto &block : object.blocks()) {
      if (block.gap_at != 0 && !object.is_hopeless(block))
        next = std::min(next, std::max(block.ask_again_at, held_until(object, block)));
    }
  }
  return next == std::numeric_limits<std::uint64_t>::max() ? 0
                                                           : std::max<std::uint64_t>(next, 1);
}

void RemoteSender::gather_requests(Tracked &tracked, RepairRequestWriter &writer,
                                   std::uint64_t now)
{
  auto &object = tracked.object;
  if (object.is_delivered() || object.is_given_up())
    return;
  if ((object.lacks_info() || !object.is_usable()) && now >= object.info_again_at) {
    // Of an object that was missed whole, all is wanted.
    const bool whole = !object.is_heard() && shared_.options.policy == Policy::bulk;
    const RepairPoint point{object.fec_id(), object.id(), {}};
    const auto flags = static_cast<std::uint8_t>(whole ? repair_flag::object | repair_flag::info
                                                       : repair_flag::info);
    if (writer.add({RepairForm::items, flags, point, point}))
      object.info_again_at = now + ask_interval(object.info_attempts++);
  }
  if (!object.is_usable())
    return;
  for (auto &block : object.blocks()) {
    if (block.gap_at == 0 || object.is_hopeless(block))
      continue;
    if (!ask_for_block(object, block, writer, now))
      return;  // the message is full; the rest comes with the next
  }
}

// Who waits for others shares its repairs with them, by parity as far as there is any.
bool RemoteSender::shares_repairs(const RemoteObject &object) const
{
  return state_.backoff > 0 && object.max_parities() > 0;
}

// In a large group each block has a back-off of its own, so that requests of others are heard
// before it is asked for with what was missing earlier. It begins when all of the block has
// been sent, if that does not take too much of the time there is.
std::uint64_t RemoteSender::held_until(const RemoteObject &object,
                                       const ReceiveBlock &block) const
{
  if (shared_.options.policy == Policy::bulk || !shares_repairs(object))
    return 0;
  return block.noticed < block.sources() ? block.gap_at + shared_.options.latency / 4
                                         : block.not_before;
}

void RemoteSender::spread_requests(RemoteObject &object, std::uint64_t now)
{
  for (auto &block : object.blocks()) {
    if (block.gap_at == 0 || block.noticed < block.sources() || block.not_before != 0)
      continue;
    // Who needs more asks earlier: that helps those who need less, and is rarer.
    const auto wait = backoff(static_cast<double>(state_.backoff * grtt_)) /
                      std::max<double>(1, block.needed());
    block.not_before = std::max<std::uint64_t>(now + as_ns(wait), 1);
  }
  schedule_nack_for(object, now);
}

// If that is so for all that has not been asked for, until when at the latest; 0: it is not.
std::uint64_t RemoteSender::all_held_until(const RemoteObject &object) const
{
  auto until = std::numeric_limits<std::uint64_t>::max();
  for (const auto &block : object.blocks()) {
    if (block.gap_at != 0 && block.attempts == 0)
      until = std::min(until, held_until(object, block));
  }
  return until == std::numeric_limits<std::uint64_t>::max() ? 0 : until;
}

bool RemoteSender::ask_for_block(RemoteObject &object, ReceiveBlock &block,
                                 RepairRequestWriter &writer, std::uint64_t now)
{
  const bool again = block.ask_again_at <= now;
  if (again)
    block.asked.reset();
  ReceiveBlock::Symbols wanted;
  for (auto symbol = object.first_symbol(block); symbol < block.noticed; ++symbol) {
    if (!block.has_source(symbol) && !block.asked[symbol])
      wanted.set(symbol);
  }
  const bool is_due = block.noticed == block.sources();
  if (now < held_until(object, block))
    return true;
  const bool by_parity = shares_repairs(object) && is_due;
  if (by_parity ? block.helpful(block.asked) >= block.needed() : wanted.none()) {
    suppressed_ = suppressed_ || block.attempts == 0;
    return true;
  }
  if (by_parity && !block.is_untouched())
    choose_parities(object, block, block.needed(), wanted);
  if (!write_symbols(object, block, wanted, writer))
    return false;
  block.asked |= wanted;
  if (again)
    block.ask_again_at = now + ask_interval(block.attempts++);
  return true;
}

// As many parities as are needed instead of the very sources: one parity serves receivers that
// have lost different segments. Where there are not enough, sources.
void RemoteSender::choose_parities(const RemoteObject &object, const ReceiveBlock &block,
                                   std::uint16_t count, ReceiveBlock::Symbols &wanted)
{
  ReceiveBlock::Symbols chosen;
  std::uint16_t left = count;
  for (std::uint16_t parity = 0; parity < object.max_parities() && left > 0; ++parity) {
    if (!block.has_parity(parity)) {
      chosen.set(block.sources() + parity);
      --left;
    }
  }
  for (std::uint16_t symbol = 0; symbol < block.sources() && left > 0; ++symbol) {
    if (!block.has_source(symbol)) {
      chosen.set(symbol);
      --left;
    }
  }
  wanted = chosen;
}

bool RemoteSender::write_symbols(const RemoteObject &object, const ReceiveBlock &block,
                                 const ReceiveBlock::Symbols &symbols,
                                 RepairRequestWriter &writer)
{
  const auto number = object.wire_number(block);
  const auto length =
      object.fec_id() == FecId::small_block ? block.sources() : std::uint16_t{0};
  const auto point = [&](std::uint16_t symbol) {
    return RepairPoint{object.fec_id(), object.id(), {number, symbol, length}};
  };
  if (block.is_untouched() && object.first_symbol(block) == 0 &&
      block.noticed == block.sources())
    return writer.add({RepairForm::items, repair_flag::block, point(0), point(0)});
  for (std::uint16_t symbol = 0; symbol < max_symbols; ++symbol) {
    if (!symbols[symbol])
      continue;
    auto last = symbol;
    while (last + 1U < max_symbols && symbols[last + 1U])
      ++last;
    const auto form = last == symbol ? RepairForm::items : RepairForm::ranges;
    if (!writer.add({form, repair_flag::segment, point(symbol), point(last)}))
      return false;
    symbol = last;
  }
  return true;
}

void RemoteSender::handle_requests_of_others(Bytes requests, std::uint64_t now)
{
  now_ = now;
  if (state_.backoff == 0)
    return;
  parse_repair_requests(requests, shared_.requests);
  for (const auto &request : shared_.requests) {
    auto *const tracked = find(request.first.object);
    if (!tracked || !tracked->object.is_usable())
      continue;
    auto *const block = tracked->object.find_block(request.first.id.block);
    if (!block || block->gap_at == 0)
      continue;
    if (block->ask_again_at <= now) {
      block->asked.reset();
      block->ask_again_at = now + ask_interval(block->attempts);
    }
    const bool whole = (request.flags & repair_flag::block) != 0;
    const auto first = whole ? std::uint16_t{0} : request.first.id.symbol;
    const auto last = std::min<std::uint32_t>(
        whole ? block->sources() - 1U : request.last.id.symbol, max_symbols);
    for (std::uint32_t symbol = first; symbol <= last; ++symbol)
      block->asked.set(symbol);
  }
}

// --- answering ----------------------------------------------------------------------------

// What the sender takes from its clock to find the round trip time.
std::uint64_t RemoteSender::grtt_response(std::uint64_t now) const
{
  return probe_time_ == 0 ? 0 : probe_time_ + (now - probe_came_);
}

FeedbackExtensions RemoteSender::extensions(std::uint64_t now)
{
  FeedbackExtensions extensions;
  if (shared_.options.socket_buffer > 0)
    extensions.receive_window_kib = static_cast<std::uint32_t>(
        std::min<std::size_t>(shared_.options.socket_buffer / 1024, 0xffffff));
  if (congestion_)
    extensions.congestion = congestion_->report(now, grtt_);
  return extensions;
}

MessageStart RemoteSender::next_start()
{
  return {shared_.sequence++, shared_.options.node};
}

// Whether `next` names a later point than `point`.
bool RemoteSender::is_behind(const Watermark &next, const Watermark &point)
{
  if (next.object != point.object)
    return distance16(point.object, next.object) > 0;
  const auto blocks = distance24(point.id.block & block_mask, next.id.block & block_mask);
  return blocks != 0 ? blocks > 0 : next.id.symbol > point.id.symbol;
}

// A sender that keeps sending names one point after the other. Each is answered, so that it
// can let go of what is acknowledged while the rest is still being repaired.
void RemoteSender::owe(const Watermark &watermark)
{
  if (!owed_.empty() && !is_behind(watermark, owed_.back()))
    return;
  if (owed_.size() == max_owed)
    owed_.pop_front();
  owed_.push_back(watermark);
}

void RemoteSender::send_ack(AckType type, std::uint8_t ack_id, const Watermark &watermark,
                            std::uint64_t now)
{
  Ack ack;
  ack.sender = node_;
  ack.instance = instance_;
  ack.type = type;
  ack.ack_id = ack_id;
  ack.grtt_response = grtt_response(now);
  ack.extensions = extensions(now);
  ack.fec_id = watermark.fec_id;
  ack.object = watermark.object;
  ack.id = watermark.id;
  auto &out = shared_.feedback.emplace_back(ReceiverShared::Outgoing{{}, false, peer_});
  write_ack(out.bytes, next_start(), ack);
  ++shared_.stats.acks_sent;
}

void RemoteSender::send_owed_acks(std::uint64_t now)
{
  // Who has no room asks for no more.
  if (owed_credit_ && fullness() < 0.75) {
    send_ack(AckType::credit, *owed_credit_, {}, now);
    owed_credit_.reset();
  }
  // The last that is due says what those before it would.
  std::optional<Watermark> last;
  while (!owed_.empty() && is_due(owed_.front())) {
    last = owed_.front();
    owed_.pop_front();
  }
  if (last)
    send_ack(AckType::flush, 0, *last, now);
}

// Whether everything up to there has come.
bool RemoteSender::is_due(const Watermark &watermark) const
{
  for (const auto &tracked : objects_) {
    const auto &object = tracked.object;
    if (distance16(watermark.object, object.id()) > 0)
      break;
    if (object.id() == watermark.object)
      return object.is_usable() && object.has_through(watermark.id);
    if (!object.is_whole())
      return false;
  }
  return last_done_ && distance16(watermark.object, *last_done_) >= 0;
}

// --- time ---------------------------------------------------------------------------------

void RemoteSender::handle_timeout(std::uint64_t now)
{
  now_ = now;
  if (nack_at_ != 0 && nack_at_ <= now)
    send_nack(now);
  if (presence_at_ != 0 && presence_at_ <= now) {
    presence_at_ = 0;
    presence_sent_at_ = now;
    send_ack(AckType::presence, 0, {}, now);
  }
  answer_probe(now);
  give_up_gaps(now);
  check_ended(now);
  if (now >= last_heard_ + shared_.options.sender_timeout)
    leave(LeaveReason::silent);
}

std::optional<std::uint64_t> RemoteSender::next_timeout() const
{
  auto next = last_heard_ + shared_.options.sender_timeout;
  if (leaving_)
    next = std::numeric_limits<std::uint64_t>::max();
  if (nack_at_ != 0)
    next = std::min(next, nack_at_);
  if (presence_at_ != 0)
    next = std::min(next, presence_at_);
  if (congestion_ && congestion_->due() != 0)
    next = std::min(next, congestion_->due());
  if (ended_at_ != 0 && !leaving_)
    next = std::min(next, ended_at_ + std::max(20 * grtt_, 500 * millisecond));
  if (shared_.options.policy == Policy::latency && !objects_.empty()) {
    const auto latency = shared_.options.latency;
    if (const auto since = objects_.front().object.blocked_since())
      next = std::min(next, *since + latency);
    if (stuck_since_ != 0)
      next = std::min(next, stuck_since_ + std::max(latency, second));
  }
  return next == std::numeric_limits<std::uint64_t>::max() ? std::nullopt : std::optional{next};
}

}  // namespace kam::srm
