// SPDX-License-Identifier: LGPL-2.1-or-later
// What receivers are asked and told, and when.
#include "core/srm/sender.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace kam::srm {

namespace {

constexpr auto longest_probe_interval = second;
// While much is sent, what is on the way makes the round trip longer, and then shorter again.
constexpr auto busy_probe_interval = 50 * millisecond;
constexpr auto longest_info_interval = second;
constexpr auto longest_idle_interval = second;

}  // namespace

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
  if (!congestion_) {
    write_probe(new_command(), next_start(), sender_state(), cc_sequence_++, now, {}, {});
    return;
  }
  congestion_->handle_probe(is_active(now), now, grtt_.value());
  renew_rate();
  const auto bytes_per_second = static_cast<double>(pacer_.rate()) / 8;
  write_probe(new_command(), next_start(), sender_state(), cc_sequence_++, now,
              quantise_rate(bytes_per_second), congestion_->list_nodes());
}

bool Sender::is_active(std::uint64_t now) const
{
  return last_activity_ != 0 && now < last_activity_ + longest_probe_interval;
}

// Of those that hold, the lower one.
void Sender::renew_rate()
{
  auto rate = options_.max_rate;
  if (congestion_) {
    const auto fair = congestion_->bits_per_second();
    rate = rate == 0 ? fair : std::min(rate, fair);
  }
  pacer_.set_rate(rate);
}

void Sender::handle_probe_timer(std::uint64_t now)
{
  send_probe(now);
  if (congestion_ && is_active(now)) {
    probe_interval_ = congestion_->probe_interval(grtt_.value());
  } else {
    const bool is_busy = options_.policy == Policy::bulk && is_active(now);
    probe_interval_ =
        std::min(2 * probe_interval_, is_busy ? busy_probe_interval : longest_probe_interval);
  }
  probe_at_ = now + probe_interval_;
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

void Sender::handle_timeout(std::uint64_t now)
{
  forget_sent_commands();
  if (objects_.empty() || state_ == State::finished)
    return;
  const auto is_due = [now](std::uint64_t at) { return at != 0 && at <= now; };
  if (is_due(probe_at_))
    handle_probe_timer(now);
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
  const auto rate = pacer_.rate();
  const bool is_fixed = !congestion_ || rate == options_.max_rate;
  events_.emplace_back(RateLimited{rate, is_fixed ? no_node : congestion_->limiting()});
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

}  // namespace kam::srm
