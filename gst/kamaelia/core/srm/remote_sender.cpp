// SPDX-License-Identifier: LGPL-2.1-or-later
// What comes in and what is handed on. What is asked stands in remote_sender_repair.cpp.
#include "core/srm/remote_sender.hpp"

#include <algorithm>

namespace kam::srm {

namespace {

// Objects that are on their way at the same time.
constexpr std::size_t max_objects = 16;

}  // namespace

RemoteSender::RemoteSender(NodeId node, std::uint16_t instance, PeerId peer,
                           ReceiverShared &shared, std::uint64_t now)
    : node_{node},
      instance_{instance},
      peer_{peer},
      shared_{shared},
      grtt_{10 * millisecond},
      last_heard_{now},
      now_{now},
      memory_{shared.options.buffer_bytes, &shared.memory}
{
  events_.emplace_back(SenderSeen{node, instance, peer});
}

void RemoteSender::hear(const SenderState &state, PeerId from, std::uint64_t now)
{
  if (state.grtt != state_.grtt || grtt_ == 0)
    grtt_ = unquantise_rtt(state.grtt);
  state_ = state;
  peer_ = from;
  last_heard_ = now;
  now_ = now;
  successor_.deny();
}

RemoteSender::Tracked *RemoteSender::find(std::uint16_t id)
{
  for (auto &tracked : objects_) {
    if (tracked.object.id() == id)
      return &tracked;
  }
  return nullptr;
}

RemoteSender::Tracked &RemoteSender::add(std::uint16_t id)
{
  return objects_.emplace_back(RemoteObject{id, shared_.options, memory_});
}

RemoteSender::Tracked *RemoteSender::find_or_add(std::uint16_t id)
{
  if (auto *const tracked = find(id))
    return tracked;
  if (objects_.empty() && !last_done_) {
    if (shared_.options.policy == Policy::latency || id == 0 || id > max_objects) {
      come_back();
      return &add(id);
    }
    // They are numbered from 1, and those before this one can perhaps still be had.
    last_done_ = 0;
  }
  const auto newest = objects_.empty() ? *last_done_ : objects_.back().object.id();
  const auto ahead = distance16(newest, id);
  if (ahead <= 0)
    return nullptr;  // done with, or from before we came
  if (!is_near(id, ahead))
    return nullptr;
  for (auto &earlier : objects_) {
    const auto missed = earlier.object.missed();
    earlier.object.expect_all(now_);
    note_missed(earlier, missed, now_);
  }
  come_back();
  if (shared_.options.policy == Policy::bulk) {
    if (!newest_named_ || distance16(*newest_named_, id) > 0)
      newest_named_ = id;
    add_missed();
    return find(id);
  }
  if (static_cast<std::size_t>(ahead) > max_objects - std::min(max_objects, objects_.size())) {
    while (!objects_.empty())
      finish_front(false);
  }
  return &add(id);
}

// A sender that has left may go on after all.
void RemoteSender::come_back()
{
  if (!left_)
    return;
  left_ = false;
  leaving_.reset();
  ended_at_ = 0;
  events_.emplace_back(SenderSeen{node_, instance_, peer_});
}

// Whether an object is one that may come so soon, or enough packets have told of such.
bool RemoteSender::is_near(std::uint16_t id, int ahead)
{
  constexpr std::uint64_t same_time = 64;
  return ahead <= static_cast<int>(max_objects) || far_object_.suggest(id, same_time, now_);
}

// The objects up to the newest one that has been named, those included that have been missed
// whole. What there is no room for follows when others are done with.
void RemoteSender::add_missed()
{
  if (!newest_named_)
    return;
  const auto newest = objects_.empty() ? *last_done_ : objects_.back().object.id();
  auto missed = static_cast<std::uint16_t>(newest + 1);
  for (; objects_.size() < max_objects && distance16(missed, *newest_named_) >= 0; ++missed) {
    auto &added = add(missed);
    if (missed == *newest_named_)
      return;
    added.object.expect_all(now_);
    schedule_nack(now_);
  }
}

void RemoteSender::handle_data(const SenderState &state, const ObjectHeader &header,
                               PayloadId id, const std::optional<ObjectTransmissionInfo> &fti,
                               Bytes payload, PeerId from, std::uint64_t now)
{
  hear(state, from, now);
  auto *const tracked = find_or_add(header.object);
  if (!tracked) {
    ++shared_.stats.duplicates;
    return;
  }
  auto &object = tracked->object;
  if (!object.describe(header, fti)) {
    ++shared_.stats.bad_packets;
    return;
  }
  if (object.lacks_info())
    schedule_nack(now);
  if (!object.is_usable())
    return;
  if (!object.has_joined())
    object.join(id, shared_.options.policy == Policy::bulk);
  const auto missed = object.missed();
  const auto rebuilt = object.rebuilt();
  const auto due_gaps = object.due_gaps();
  const bool is_first = tracked == &objects_.front();
  switch (object.put(id, payload, is_first, now, shared_.decoder)) {
  case RemoteObject::Outcome::taken:
    if ((header.flags & object_flag::repair) != 0)
      ++shared_.stats.segments_repaired;
    break;
  case RemoteObject::Outcome::duplicate: ++shared_.stats.duplicates; break;
  case RemoteObject::Outcome::beyond: ++shared_.stats.overflow_packets; break;
  case RemoteObject::Outcome::useless: ++shared_.stats.bad_packets; break;
  }
  shared_.stats.segments_rebuilt += object.rebuilt() - rebuilt;
  note_missed(*tracked, missed, now);
  if (object.due_gaps() != due_gaps)
    spread_requests(object, now);
  if (!owed_.empty())
    send_owed_acks(now);
}

void RemoteSender::note_missed(Tracked &tracked, std::uint64_t before, std::uint64_t now)
{
  report_loss(tracked, tracked.object.take_overflow());
  const auto news = tracked.object.missed() - before;
  if (news == 0)
    return;
  shared_.stats.segments_missed += news;
  schedule_nack_for(tracked.object, now);
}

void RemoteSender::report_loss(Tracked &tracked, const RemoteObject::Skipped &skipped)
{
  if (skipped.segments == 0)
    return;
  tracked.damaged = true;
  shared_.stats.segments_lost += skipped.segments;
  events_.emplace_back(DataLost{node_, tracked.object.id(), skipped.segments, skipped.bytes});
}

void RemoteSender::handle_message(const Message &message, PeerId from, std::uint64_t now)
{
  hear(message.sender, from, now);
  if (const auto *const info = std::get_if<InfoMessage>(&message.body)) {
    handle_info(info->object, *info, now);
  } else if (const auto *const flush = std::get_if<FlushCommand>(&message.body)) {
    handle_flush(*flush, now);
  } else if (const auto *const squelch = std::get_if<SquelchCommand>(&message.body)) {
    handle_squelch(*squelch, now);
  } else if (const auto *const probe = std::get_if<CongestionCommand>(&message.body)) {
    handle_probe(*probe, now);
  } else if (const auto *const asked = std::get_if<RepairAdvertisement>(&message.body)) {
    handle_requests_of_others(asked->requests, now);
  } else if (const auto *const request = std::get_if<AckRequest>(&message.body)) {
    handle_ack_request(*request, now);
  } else if (std::holds_alternative<EndOfTransmission>(message.body)) {
    handle_end(now);
  }
}

void RemoteSender::handle_probe(const CongestionCommand &probe, std::uint64_t now)
{
  probe_time_ = probe.send_time;
  probe_came_ = now;
  if (!probe.rate || shared_.options.silent) {
    congestion_.reset();
    return;
  }
  if (!congestion_)
    congestion_.emplace();
  // RFC 5740, section 5.5.2.4: at least four round trips, however few receivers there are.
  constexpr unsigned least_backoff = 4;
  const auto spread = std::max<unsigned>(state_.backoff, least_backoff) * grtt_;
  const auto wait = static_cast<std::uint64_t>(backoff(static_cast<double>(spread)));
  congestion_->handle_probe(probe, shared_.options.node, wait, now, grtt_);
  answer_probe(now);
}

void RemoteSender::answer_probe(std::uint64_t now)
{
  if (congestion_ && congestion_->due() != 0 && congestion_->due() <= now)
    send_ack(AckType::congestion, 0, {}, now);
}

void RemoteSender::handle_info(const ObjectHeader &header, const InfoMessage &info,
                               std::uint64_t now)
{
  auto *const tracked = find_or_add(header.object);
  if (!tracked)
    return;
  auto &object = tracked->object;
  if (!object.describe(header, info.fti)) {
    ++shared_.stats.bad_packets;
    return;
  }
  if (object.set_info(info.content))
    tracked->info_is_news = true;
  // What was sent before we knew how to read it is asked for from here on.
  if (object.is_usable() && !object.has_joined() && shared_.options.policy == Policy::bulk) {
    object.join({}, true);
    const auto missed = object.missed();
    object.expect_end(now);
    note_missed(*tracked, missed, now);
  }
}

void RemoteSender::handle_flush(const FlushCommand &flush, std::uint64_t now)
{
  auto *const tracked = find_or_add(flush.object);
  if (tracked && tracked->object.is_usable()) {
    auto &object = tracked->object;
    const bool bulk = shared_.options.policy == Policy::bulk;
    // Who hears of a stream when it pauses has missed nothing that is still live.
    if (!object.has_joined() && (bulk || !object.is_stream() || flush.id.block == 0))
      object.join(flush.id, bulk);
    const auto missed = object.missed();
    object.expect_through(flush.id, now);
    note_missed(*tracked, missed, now);
  } else if (tracked) {
    schedule_nack(now);
  }
  if (shared_.options.silent || !flush.acking_nodes.contains(shared_.options.node))
    return;
  owe({flush.object, flush.fec_id, flush.id});
  send_owed_acks(now);
}

void RemoteSender::handle_squelch(const SquelchCommand &squelch, std::uint64_t now)
{
  for (auto &tracked : objects_) {
    auto &object = tracked.object;
    const auto ahead = distance16(object.id(), squelch.object);
    if (ahead == 0 && object.is_usable()) {
      report_loss(tracked, object.give_up_before(squelch.id.block, now));
      const auto missed = object.missed();
      object.expect_end(now);
      note_missed(tracked, missed, now);
    } else if (ahead > 0) {
      give_up(tracked);
    }
  }
  for (std::size_t i = 0; i < squelch.invalid_objects.size() / 2; ++i) {
    if (auto *const tracked = find(object_id_at(squelch.invalid_objects, i)))
      give_up(*tracked);
  }
}

void RemoteSender::give_up(Tracked &tracked)
{
  tracked.damaged = tracked.damaged || !tracked.object.has_joined();
  tracked.object.give_up();
}

void RemoteSender::handle_ack_request(const AckRequest &request, std::uint64_t now)
{
  const auto &options = shared_.options;
  const auto type = static_cast<AckType>(request.ack_type);
  if (options.silent)
    return;
  if (type == AckType::credit && request.acking_nodes.contains(options.node)) {
    owed_credit_ = request.ack_id;
    send_owed_acks(now);
  } else if (type == AckType::presence && presence_at_ == 0 &&
             (request.acking_nodes.contains(any_node) ||
              request.acking_nodes.contains(options.node))) {
    // It is enough to be heard now and then.
    if (presence_sent_at_ != 0 && now < presence_sent_at_ + 3 * second)
      return;
    const auto group = static_cast<double>(unquantise_group_size(state_.group_size));
    const auto spread = std::max(static_cast<double>(grtt_), group * 20 * microsecond);
    presence_at_ = now + static_cast<std::uint64_t>(backoff(spread));
  }
}

void RemoteSender::handle_end(std::uint64_t now)
{
  if (ended_at_ == 0 && !left_) {
    ended_at_ = std::max<std::uint64_t>(now, 1);
    for (auto &tracked : objects_) {
      const auto missed = tracked.object.missed();
      tracked.object.expect_all(now);
      note_missed(tracked, missed, now);
    }
  }
  check_ended(now);
}

// After its sender has said goodbye an object has a little time to become whole.
void RemoteSender::check_ended(std::uint64_t now)
{
  if (ended_at_ == 0 || leaving_)
    return;
  const bool whole = std::all_of(objects_.begin(), objects_.end(), [](const Tracked &tracked) {
    return tracked.object.is_whole();
  });
  if (whole || now >= ended_at_ + std::max(20 * grtt_, 500 * millisecond))
    leave(LeaveReason::ended);
}

void RemoteSender::leave(LeaveReason reason)
{
  if (!leaving_ && !left_)
    leaving_ = reason;
}

// --- handing on ---------------------------------------------------------------------------

std::optional<ReceiverEvent> RemoteSender::poll_event()
{
  while (true) {
    if (!events_.empty()) {
      auto event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    if (objects_.empty()) {
      if (!leaving_ || left_)
        return std::nullopt;
      left_ = true;
      return SenderLeft{node_, *leaving_};
    }
    if (auto event = poll_object(objects_.front()))
      return event;
    if (!events_.empty())
      continue;
    auto &front = objects_.front();
    if (front.object.is_delivered()) {
      finish_front(!front.damaged);
    } else if (leaving_ || front.object.is_given_up()) {
      if (const auto skipped = front.object.skip_to_next())
        report_loss(front, *skipped);
      else
        finish_front(false);
    } else {
      if (owed_credit_)
        send_owed_acks(now_);
      return std::nullopt;
    }
  }
}

std::optional<ReceiverEvent> RemoteSender::poll_object(Tracked &tracked)
{
  auto &object = tracked.object;
  if (!object.is_usable())
    return std::nullopt;
  if (!tracked.announced) {
    tracked.announced = true;
    return ObjectBegins{node_, object.id(), object.kind(), object.size(),
                        object.has_info_to_come()};
  }
  if (tracked.info_is_news) {
    tracked.info_is_news = false;
    return ObjectInfo{node_, object.id(), object.info()};
  }
  while (true) {
    if (auto run = object.next_run()) {
      stuck_since_ = 0;
      if (run->is_end)
        return std::nullopt;
      shared_.stats.bytes_delivered += run->bytes.size();
      return ObjectData{
          node_, object.id(), {run->bytes, std::move(run->owner)}, run->message_start};
    }
    if (object.blocked_since() != std::optional<std::uint64_t>{0})
      return std::nullopt;
    report_loss(tracked, object.skip_gap());
    const auto missed = object.missed();
    object.expect_end(now_);
    note_missed(tracked, missed, now_);
    if (!events_.empty())
      return std::nullopt;
  }
}

void RemoteSender::finish_front(bool complete)
{
  auto &front = objects_.front();
  last_done_ = front.object.id();
  if (front.announced)
    events_.emplace_back(ObjectEnds{node_, *last_done_, complete});
  objects_.pop_front();
  stuck_since_ = 0;
  add_missed();
}

// What a live receiver does not wait for any longer.
void RemoteSender::give_up_gaps(std::uint64_t now)
{
  if (shared_.options.policy == Policy::bulk)
    return;
  const auto latency = shared_.options.latency;
  for (auto &tracked : objects_) {
    while (true) {
      const auto since = tracked.object.blocked_since();
      if (!since || now < *since + latency)
        break;
      report_loss(tracked, tracked.object.skip_gap());
      if (tracked.object.has_next())
        break;
    }
    break;  // the others wait for the first
  }
  // The first may have ended without saying so.
  const bool is_stuck = objects_.size() > 1 && !objects_.front().object.has_next() &&
                        !objects_.front().object.is_delivered();
  if (!is_stuck) {
    stuck_since_ = 0;
  } else if (stuck_since_ == 0) {
    stuck_since_ = now;
  } else if (now >= stuck_since_ + std::max(latency, second)) {
    objects_.front().damaged = true;
    objects_.front().object.abandon();
    stuck_since_ = 0;
  }
}

double RemoteSender::fullness() const
{
  double fullness = 0;
  for (const auto &tracked : objects_)
    fullness = std::max(fullness, tracked.object.fullness());
  return fullness;
}

}  // namespace kam::srm
