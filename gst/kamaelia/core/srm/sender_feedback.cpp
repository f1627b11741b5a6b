// SPDX-License-Identifier: LGPL-2.1-or-later
// What receivers say, and what comes of it.
#include "core/srm/sender.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace kam::srm {

void Sender::handle_packet(Bytes packet, bool unicast, std::uint64_t now)
{
  forget_sent_commands();
  if (objects_.empty() || state_ == State::finished)
    return;
  const auto parsed = parse_message(packet);
  const auto *const message = std::get_if<Message>(&parsed);
  if (!message) {
    ++stats_.bad_packets;
    return;
  }
  if (message->source == options_.node)
    return;  // our own, looped back
  if (const auto *const nack = std::get_if<Nack>(&message->body)) {
    if (nack->sender == options_.node && nack->instance == options_.instance)
      handle_nack(*message, *nack, unicast, now);
  } else if (const auto *const ack = std::get_if<Ack>(&message->body)) {
    if (ack->sender == options_.node && ack->instance == options_.instance)
      handle_ack(*message, *ack, now);
  }
}

void Sender::hear(NodeId node, std::uint64_t grtt_response,
                  const FeedbackExtensions &extensions, std::uint64_t now)
{
  if (audience_.hear(node, now, sent_bytes_))
    events_.emplace_back(ReceiverSeen{node});
  if (extensions.receive_window_kib)
    audience_.set_window(node, std::size_t{*extensions.receive_window_kib} * 1024);
  // The wire has microseconds.
  std::optional<std::uint64_t> rtt;
  if (grtt_response != 0 && grtt_response <= now)
    rtt = now - grtt_response;
  if (rtt)
    grtt_.handle_sample(*rtt);
  if (congestion_ && extensions.congestion) {
    congestion_->handle_feedback(node, *extensions.congestion, rtt, sent_bytes_, now,
                                 grtt_.value());
    renew_rate();
  }
  check_started(now);
}

void Sender::handle_ack(const Message &message, const Ack &ack, std::uint64_t now)
{
  ++stats_.acks_received;
  hear(message.source, ack.grtt_response, ack.extensions, now);
  if (ack.type == AckType::credit || ack.type == AckType::presence)
    audience_.expect_credit(message.source);
  if (ack.type == AckType::credit) {
    audience_.credit(message.source, ack.ack_id);
  } else if (ack.type == AckType::flush) {
    const auto *const object = find_object(ack.object);
    if (!object)
      return;
    const auto index = index_of(*object, ack.id.block);
    if (!index)
      return;
    const auto *const block = block_at(*index);
    const bool is_last = block && ack.id.symbol + 1 >= block->sources();
    const auto position =
        is_last ? position_of(*index + 1, 0) : position_of(*index, ack.id.symbol + 1U);
    if (position > sent_position())
      return;  // nobody can have what has not been sent
    if (audience_.acknowledge(message.source, position))
      release_acknowledged(now);
  }
  check_finished(now);
}

void Sender::handle_nack(const Message &message, const Nack &nack, bool unicast,
                         std::uint64_t now)
{
  ++stats_.nacks_received;
  last_activity_ = now;
  hear(message.source, nack.grtt_response, nack.extensions, now);
  // What could be read is answered.
  const bool readable = parse_repair_requests(nack.requests, requests_);
  if (!readable)
    ++stats_.bad_packets;
  for (const auto &request : requests_)
    handle_request(request, now);
  settle_requests(now);
  // RFC 5740, section 5.5.3: the others have not heard it.
  if (unicast && readable && options_.backoff_factor > 0 && audience_.size() > 1 &&
      now >= advertised_at_ + grtt_.value()) {
    advertised_at_ = now;
    write_repair_advertisement(new_command(), next_start(), sender_state(), true,
                               nack.requests);
  }
}

Sender::Object *Sender::find_object(std::uint16_t id)
{
  const auto found = std::find_if(objects_.begin(), objects_.end(),
                                  [id](const Object &object) { return object.id == id; });
  return found == objects_.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> Sender::index_of(const Object &object, std::uint32_t number) const
{
  const auto at = std::find_if(objects_.begin(), objects_.end(),
                               [&object](const Object &one) { return &one == &object; });
  const auto next = std::next(at);
  const auto end = next == objects_.end() ? next_index_ : next->first_block;
  if (end == object.first_block)
    return std::nullopt;
  const auto last = static_cast<std::int64_t>(end - object.first_block - 1);
  const auto offset =
      last + distance24(static_cast<std::uint32_t>(last) & block_mask, number & block_mask);
  if (offset < 0 || offset > last)
    return std::nullopt;
  return object.first_block + static_cast<std::uint64_t>(offset);
}

void Sender::handle_request(const RepairRequest &request, std::uint64_t now)
{
  auto *const object = find_object(request.first.object);
  if (!object) {
    if (distance16(request.first.object, objects_.front().id) > 0) {
      ++stats_.repairs_refused;
      send_squelch(now);
    }
    return;
  }
  if ((request.flags & repair_flag::info) != 0 &&
      (object->info_sent_at == 0 ||
       now >= object->info_sent_at + std::min(grtt_.value(), 5 * millisecond)))
    send_info(*object, now);
  std::uint64_t first = object->first_block;
  std::uint64_t last = next_index_ == 0 ? 0 : next_index_ - 1;
  if ((request.flags & (repair_flag::block | repair_flag::segment)) != 0) {
    const auto from = index_of(*object, request.first.id.block);
    const auto to = index_of(*object, request.last.id.block);
    if (!from || !to || *to < *from)
      return;
    first = *from;
    last = *to;
  } else if ((request.flags & repair_flag::object) == 0) {
    return;
  }
  if (blocks_.empty() || first < blocks_.front().index()) {
    ++stats_.repairs_refused;
    send_squelch(now);
  }
  for (; !blocks_.empty() && first <= last; ++first) {
    first = std::max(first, blocks_.front().index());
    const auto *const block = block_at(first);
    if (!block)
      break;
    request_in_block(*block, request, first == last);
  }
}

// What a request means for one of the blocks it is about.
void Sender::request_in_block(const SendBlock &block, const RepairRequest &request,
                              bool is_last)
{
  std::uint16_t from = 0;
  auto to = static_cast<std::uint16_t>(block.sources() - 1);
  if ((request.flags & (repair_flag::block | repair_flag::object)) == 0) {
    if (block.number() == (request.first.id.block & block_mask))
      from = request.first.id.symbol;
    if (is_last)
      to = request.last.id.symbol;
  }
  if (request.form == RepairForm::erasures) {
    from = block.sources();
    to = static_cast<std::uint16_t>(from + std::max<std::uint16_t>(to, 1) - 1);
  }
  request_symbols(block, from, to);
}

void Sender::request_symbols(const SendBlock &block, std::uint16_t first, std::uint16_t last)
{
  if (asked_.empty() || asked_.back().index != block.index()) {
    const auto found = std::find_if(asked_.begin(), asked_.end(), [&block](const Asked &asked) {
      return asked.index == block.index();
    });
    if (found == asked_.end())
      asked_.push_back({block.index(), {}});
    else
      std::swap(*found, asked_.back());
  }
  const auto end = std::min<std::uint16_t>(
      last, static_cast<std::uint16_t>(block.sources() + options_.parity - 1));
  if (first <= end)
    asked_.back().symbols |= (~SendBlock::Symbols{} >> (max_symbols - (end - first))) << first;
}

std::uint64_t Sender::repair_delay() const
{
  // Others may want the same block: one round of parity serves all.
  if (options_.policy == Policy::latency || audience_.size() < 2)
    return 0;
  return (backoff_factor() + 1U) * grtt_.value();
}

void Sender::settle_requests(std::uint64_t now)
{
  for (auto &asked : asked_) {
    auto *const block = block_at(asked.index);
    assert(block);
    // A source that has not been sent is no repair.
    for (auto symbol = block->sent; symbol < block->sources(); ++symbol)
      asked.symbols.reset(symbol);
    if (options_.policy == Policy::latency)
      want_at_once(*block, asked.symbols, now);
    else
      want_in_rounds(*block, asked.symbols, now);
  }
  asked_.clear();
}

void Sender::want_at_once(SendBlock &block, const SendBlock::Symbols &symbols,
                          std::uint64_t now)
{
  const bool had_repairs = block.has_repairs();
  for (std::uint16_t symbol = 0; symbol < block.sources(); ++symbol) {
    if (!symbols[symbol] || block.wanted[symbol])
      continue;
    // Who asked before the last answer could arrive has it by now.
    const auto resent = block.resent_at(symbol);
    if (resent == 0 || now >= resent + grtt_.value())
      block.wanted.set(symbol);
  }
  std::uint16_t parities = 0;
  for (auto symbol = block.sources(); symbol < max_symbols; ++symbol) {
    const auto resent = symbols[symbol] ? block.resent_at(symbol) : now;
    parities += resent == 0 || now >= resent + grtt_.value() ? 1 : 0;
  }
  want_parities(block, symbols, parities, now);
  if (!had_repairs && block.has_repairs()) {
    block.repair_at = now;
    repairs_.push_back(block.index());
  }
}

void Sender::want_in_rounds(SendBlock &block, const SendBlock::Symbols &symbols,
                            std::uint64_t now)
{
  const bool had_repairs = block.has_repairs();
  if (!had_repairs && block.repaired_at != 0 && now < block.repaired_at + grtt_.value())
    return;  // asked for before the last round could arrive
  const auto sources = ~SendBlock::Symbols{} >> (max_symbols + 1U - block.sources());
  block.wanted |= symbols & sources;
  const auto parities = static_cast<std::uint16_t>((symbols >> block.sources()).count());
  want_parities(block, symbols, parities, now);
  if (!had_repairs && block.has_repairs()) {
    block.repair_at = now + repair_delay();
    repairs_.push_back(block.index());
  }
}

// Parities that nobody has seen help everyone, whatever each has lost. When there are not
// enough of those left, the very ones that were asked for have to do.
void Sender::want_parities(SendBlock &block, const SendBlock::Symbols &symbols,
                           std::uint16_t count, std::uint64_t now)
{
  if (count == 0)
    return;
  if (!block.is_full()) {
    // There is no parity yet, and who asks for it does not say what is missing.
    for (std::uint16_t symbol = 0; symbol < block.sent; ++symbol) {
      const auto resent = block.resent_at(symbol);
      if (resent == 0 || now >= resent + grtt_.value())
        block.wanted.set(symbol);
    }
    return;
  }
  const auto fresh = static_cast<std::uint16_t>(options_.parity - block.parities_sent);
  // What is asked for a second time holds everybody up: a little more, as that may be lost too.
  const bool is_late = options_.policy == Policy::bulk && block.repaired_at != 0;
  const auto useful = static_cast<std::uint16_t>(is_late ? count + 1 + count / 8 : count);
  block.parities_wanted = std::max(block.parities_wanted, std::min(useful, fresh));
  if (fresh >= count)
    return;
  for (auto symbol = block.sources(); symbol < block.sources() + options_.parity; ++symbol) {
    if (symbols[symbol] && symbol < block.sources() + block.parities_sent)
      block.wanted.set(symbol);
  }
}

}  // namespace kam::srm
