// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/receiver.hpp"

#include "core/srm/remote_sender.hpp"

#include <algorithm>
#include <limits>

namespace kam::srm {

Receiver::Receiver(const ReceiverOptions &options, std::uint64_t seed)
    : shared_{std::make_unique<ReceiverShared>(options)}
{
  shared_->random.seed(seed);
}

Receiver::~Receiver() = default;
Receiver::Receiver(Receiver &&) noexcept = default;

void Receiver::forget_sent_feedback()
{
  while (shared_->next_feedback > 0) {
    shared_->feedback.pop_front();
    --shared_->next_feedback;
  }
}

// The sender of a message, which may be new. A new instance of one that is known has started
// anew, and nothing it sent before is repaired any more.
RemoteSender *Receiver::find_or_add(NodeId node, std::uint16_t instance, PeerId from,
                                    bool may_add, std::uint64_t now)
{
  if (last_ && last_node_ == node && last_->instance() == instance)
    return last_;
  auto found = senders_.find(node);
  if (found != senders_.end() && found->second->instance() != instance) {
    if (found->second->has_left()) {
      senders_.erase(found);
    } else {
      if (!may_add || !found->second->is_replaced_by(instance, now))
        return nullptr;
      found->second->leave(LeaveReason::restarted);
      departing_.push_back(std::move(found->second));
      senders_.erase(found);
      if (departing_.size() > shared_->options.max_senders)
        departing_.pop_front();
    }
    last_ = nullptr;
    found = senders_.end();
  }
  if (found == senders_.end()) {
    if (!may_add)
      return nullptr;
    if (senders_.size() >= shared_->options.max_senders) {
      drop_departed();
      if (senders_.size() >= shared_->options.max_senders)
        return nullptr;
    }
    found =
        senders_
            .emplace(node, std::make_unique<RemoteSender>(node, instance, from, *shared_, now))
            .first;
  }
  last_ = found->second.get();
  last_node_ = node;
  return last_;
}

void Receiver::drop_departed()
{
  last_ = nullptr;
  for (auto sender = senders_.begin(); sender != senders_.end();) {
    if (sender->second->has_left())
      sender = senders_.erase(sender);
    else
      ++sender;
  }
}

void Receiver::handle_packet(Bytes packet, PeerId from, std::uint64_t now)
{
  forget_sent_feedback();
  ++shared_->stats.packets_received;
  shared_->stats.bytes_received += packet.size();
  if (const auto data = parse_data(packet); data && !data->has_extensions) {
    auto *const sender = find_or_add(data->source, data->sender.instance, from, true, now);
    if (!sender) {
      ++shared_->stats.overflow_packets;
      return;
    }
    sender->note_packet(data->sequence, packet.size(), now);
    sender->handle_data(data->sender, data->object, data->id, std::nullopt, data->payload, from,
                        now);
    return;
  }
  const auto parsed = parse_message(packet);
  if (const auto *const message = std::get_if<Message>(&parsed))
    handle_message(*message, packet.size(), from, now);
  else
    ++shared_->stats.bad_packets;
}

void Receiver::handle_message(const Message &message, std::size_t size, PeerId from,
                              std::uint64_t now)
{
  if (message.source == shared_->options.node)
    return;  // our own, looped back
  if (const auto *const nack = std::get_if<Nack>(&message.body)) {
    const auto found = senders_.find(nack->sender);
    if (found != senders_.end() && found->second->instance() == nack->instance)
      found->second->handle_requests_of_others(nack->requests, now);
    return;
  }
  if (std::holds_alternative<Ack>(message.body))
    return;
  const bool goes_on = !std::holds_alternative<EndOfTransmission>(message.body);
  auto *const sender = find_or_add(message.source, message.sender.instance, from, goes_on, now);
  if (!sender) {
    if (goes_on)
      ++shared_->stats.overflow_packets;
    return;
  }
  sender->note_packet(message.sequence, size, now);
  if (const auto *const data = std::get_if<DataMessage>(&message.body))
    sender->handle_data(message.sender, data->object, data->id, data->fti, data->payload, from,
                        now);
  else
    sender->handle_message(message, from, now);
}

void Receiver::handle_timeout(std::uint64_t now)
{
  forget_sent_feedback();
  for (auto &[node, sender] : senders_) {
    if (!sender->has_left())
      sender->handle_timeout(now);
  }
}

std::optional<std::uint64_t> Receiver::next_timeout() const
{
  auto next = std::numeric_limits<std::uint64_t>::max();
  for (const auto &[node, sender] : senders_) {
    if (!sender->has_left())
      next = std::min(next, sender->next_timeout().value_or(next));
  }
  return next == std::numeric_limits<std::uint64_t>::max() ? std::nullopt : std::optional{next};
}

std::optional<ReceiverEvent> Receiver::poll_event()
{
  while (!departing_.empty()) {
    if (auto event = departing_.front()->poll_event())
      return event;
    departing_.pop_front();
  }
  for (auto &[node, sender] : senders_) {
    if (auto event = sender->poll_event())
      return event;
  }
  return std::nullopt;
}

std::optional<Feedback> Receiver::poll_feedback()
{
  if (shared_->next_feedback == shared_->feedback.size())
    return std::nullopt;
  const auto &out = shared_->feedback[shared_->next_feedback++];
  return Feedback{out.bytes, out.to_group, out.peer};
}

void Receiver::set_latency(std::uint64_t latency)
{
  shared_->options.latency = latency;
}

void Receiver::set_policy(Policy policy)
{
  shared_->options.policy = policy;
}

ReceiverStats Receiver::stats() const
{
  auto stats = shared_->stats;
  stats.buffered_bytes = shared_->memory.used();
  for (const auto &[node, sender] : senders_) {
    if (sender->has_left())
      continue;
    ++stats.senders;
    stats.grtt = std::max(stats.grtt, sender->grtt());
  }
  return stats;
}

}  // namespace kam::srm
