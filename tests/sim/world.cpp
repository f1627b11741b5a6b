// SPDX-License-Identifier: LGPL-2.1-or-later
#include "world.hpp"

#include "nodes.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <sstream>

namespace kam::sim {

using namespace srm;

// What happens at one moment without end is a core that spins.
constexpr std::uint64_t most_at_once = 200'000;
// Sources and parities of the longest block there is in a scenario.
constexpr std::uint64_t largest_block = 96 * 1500;

World::World(const Scenario &scenario, bool trace)
    : scenario_{scenario}, is_traced_{trace}, dice_{scenario.seed ^ 0x5eedU}
{
  for (const auto &plan : scenario_.senders)
    senders_.push_back(std::make_unique<SenderNode>(plan, dice_));
  for (const auto &plan : scenario_.receivers)
    receivers_.push_back(std::make_unique<ReceiverNode>(plan, dice_));
  for (std::uint32_t i = 0; i < receivers_.size(); ++i) {
    const auto node = static_cast<std::uint32_t>(senders_.size()) + i;
    const auto &plan = receivers_[i]->plan;
    schedule(plan.joins_at, node, What::join);
    if (plan.dies_at)
      schedule(*plan.dies_at, node, What::die);
    for (const auto &pause : plan.pauses)
      schedule(pause.to, node, What::resume);
  }
  for (std::uint32_t node = 0; node < senders_.size(); ++node) {
    const auto &plan = senders_[node]->plan;
    schedule(plan.begins_at, node, What::revive);
    if (plan.dies_at) {
      schedule(*plan.dies_at, node, What::die);
      schedule(*plan.dies_at + plan.stays_dead, node, What::revive);
    }
  }
}

World::~World() = default;

void World::fail(const std::string &what) const
{
  char time[32];
  std::snprintf(time, sizeof time, "%.6f", static_cast<double>(now_) / 1e9);
  throw Fault{"at " + std::string{time} + " s: " + what};
}

template <class... Words>
void World::trace(const Words &...words)
{
  if (!is_traced_)
    return;
  char time[32];
  std::snprintf(time, sizeof time, "%12.6f ", static_cast<double>(now_) / 1e9);
  std::cout << time;
  (std::cout << ... << words) << '\n';
}

std::string World::Name::text() const
{
  const auto &scenario = world->scenario_;
  return world->is_sender(node)
             ? "sender " + std::to_string(scenario.senders[node].options.node)
             : "receiver " +
                   std::to_string(
                       scenario.receivers[node - world->senders_.size()].options.node);
}

void World::schedule(std::uint64_t at, std::uint32_t node, What what, std::uint32_t fan)
{
  heap_.push({at, orders_++, node, what, fan});
}

std::uint64_t World::local(std::uint32_t node) const
{
  return is_sender(node) ? senders_[node]->plan.clock.local(now_)
                         : receivers_[node - senders_.size()]->plan.clock.local(now_);
}

bool World::is_there(std::uint32_t node) const
{
  return is_sender(node) ? senders_[node]->core.has_value()
                         : receivers_[node - senders_.size()]->core.has_value();
}

Link &World::link(std::uint32_t node, bool up)
{
  if (is_sender(node))
    return up ? sender(node).up : sender(node).down;
  return up ? receiver(node).up : receiver(node).down;
}

// One wake of a node is on the heap at a time that counts; those it replaces are ignored when
// they come.
void World::schedule_wake(std::uint32_t node, std::optional<std::uint64_t> at)
{
  auto &wakes_at = is_sender(node) ? sender(node).wakes_at : receiver(node).wakes_at;
  if (!at) {
    wakes_at.reset();
    return;
  }
  const auto &clock = is_sender(node) ? sender(node).plan.clock : receiver(node).plan.clock;
  const auto world = std::max(now_, clock.world(*at));
  if (wakes_at == world)
    return;
  wakes_at = world;
  schedule(world, node, What::wake);
}

void World::run()
{
  while (!heap_.empty()) {
    const auto happening = heap_.top();
    heap_.pop();
    at_once_ = happening.at == now_ ? at_once_ + 1 : 0;
    if (at_once_ > most_at_once)
      fail("something spins: last " + name_of(happening.node).text());
    now_ = happening.at;
    if (now_ > scenario_.limit)
      fail("it is not over: last " + name_of(happening.node).text());
    ++summary_.events;
    handle(happening);
  }
  check_end();
}

void World::handle(const Happening &happening)
{
  const auto node = happening.node;
  switch (happening.what) {
  case What::arrivals: handle_arrivals(happening.fan); break;
  case What::wake:
    if (is_sender(node) && sender(node).wakes_at == now_ && is_there(node)) {
      sender(node).wakes_at.reset();
      sender(node).core->handle_timeout(local(node));
      drain_sender(node);
    } else if (!is_sender(node) && receiver(node).wakes_at == now_ && is_there(node)) {
      receiver(node).wakes_at.reset();
      receiver(node).core->handle_timeout(local(node));
      drain_receiver(node);
    }
    break;
  case What::write:
    // One of an instance that has died since is not for the next.
    if (is_there(node) && sender(node).writes_at == now_)
      write(node);
    break;
  case What::join: begin_receiver(node); break;
  case What::revive: begin_sender(node); break;
  case What::resume:
    if (is_there(node))
      drain_receiver(node);
    break;
  case What::die:
    trace(name_of(node), " dies");
    if (is_sender(node)) {
      sender(node).died = !sender(node).core->finished();
      sender(node).core.reset();
    } else {
      receiver(node).core.reset();
    }
    break;
  }
}

// --- the network

void World::send(std::uint32_t from, Bytes bytes, std::optional<std::uint32_t> to)
{
  const auto passage = link(from, true).pass(now_);
  if (is_traced_)
    trace(name_of(from), " to ", to ? name_of(*to).text() : "all", ": ", describe_packet(bytes),
          passage.copies == 0 ? " LOST"
          : passage.damaged   ? " DAMAGED"
                              : "");
  if (passage.copies == 0)
    return;
  const auto packet =
      store(passage.damaged ? damaged(bytes) : ByteVector{bytes.begin(), bytes.end()}, from,
            to.has_value());
  ++packets_[packet].uses;
  const auto fan = new_fan();
  for (unsigned copy = 0; copy < passage.copies; ++copy) {
    if (to)
      carry(fan, *to, packet, passage.delays[copy]);
    else
      for (std::uint32_t node = 0; node < senders_.size() + receivers_.size(); ++node)
        if (node != from)
          carry(fan, node, packet, passage.delays[copy]);
  }
  release(packet);
  auto &arrivals = fans_[fan].arrivals;
  const auto earlier = [](const Arrival &left, const Arrival &right) {
    return left.at < right.at;
  };
  if (!std::is_sorted(arrivals.begin(), arrivals.end(), earlier))
    std::stable_sort(arrivals.begin(), arrivals.end(), earlier);
  schedule_fan(fan);
}

// The last part of the way, which each receiver has for itself.
void World::carry(std::uint32_t fan, std::uint32_t to, std::uint32_t packet,
                  std::uint64_t delay)
{
  if (!is_there(to))
    return;
  const auto passage = link(to, false).pass(now_);
  if (passage.copies == 0 && is_traced_)
    trace("  lost for ", name_of(to));
  for (unsigned i = 0; i < passage.copies; ++i) {
    auto arriving = packet;
    if (passage.damaged) {
      const auto &whole = packets_[packet];
      auto bytes = damaged(whole.bytes);
      arriving = store(std::move(bytes), whole.from, whole.unicast);
    }
    ++packets_[arriving].uses;
    fans_[fan].arrivals.push_back({now_ + delay + passage.delays[i], to, arriving});
  }
}

std::uint32_t World::new_fan()
{
  if (free_fans_.empty()) {
    free_fans_.push_back(static_cast<std::uint32_t>(fans_.size()));
    fans_.emplace_back();
  }
  const auto fan = free_fans_.back();
  free_fans_.pop_back();
  fans_[fan].next = 0;
  return fan;
}

void World::schedule_fan(std::uint32_t fan)
{
  auto &arrivals = fans_[fan].arrivals;
  if (fans_[fan].next < arrivals.size()) {
    schedule(arrivals[fans_[fan].next].at, 0, What::arrivals, fan);
    return;
  }
  arrivals.clear();
  free_fans_.push_back(fan);
}

void World::handle_arrivals(std::uint32_t fan)
{
  // What arrives may be answered at once, and the answer may need a fan.
  while (fans_[fan].next < fans_[fan].arrivals.size() &&
         fans_[fan].arrivals[fans_[fan].next].at == now_) {
    const auto arrival = fans_[fan].arrivals[fans_[fan].next++];
    ++summary_.events;
    if (is_there(arrival.node))
      deliver(arrival.node, arrival.packet);
    release(arrival.packet);
  }
  schedule_fan(fan);
}

std::uint32_t World::store(ByteVector bytes, std::uint32_t from, bool unicast)
{
  if (free_packets_.empty()) {
    free_packets_.push_back(static_cast<std::uint32_t>(packets_.size()));
    packets_.emplace_back();
  }
  const auto packet = free_packets_.back();
  free_packets_.pop_back();
  packets_[packet] = {std::move(bytes), from, 0, unicast};
  return packet;
}

void World::release(std::uint32_t packet)
{
  if (--packets_[packet].uses == 0)
    free_packets_.push_back(packet);
}

// UDP has a checksum, so what comes through is not what a bit error makes, but what somebody
// else sends or cuts off. Wrong data in a right packet nobody could find.
ByteVector World::damaged(Bytes bytes)
{
  ByteVector result{bytes.begin(), bytes.end()};
  // Of an INFO nobody can tell that something has been cut off.
  const auto parsed = parse_message(bytes);
  const auto *message = std::get_if<Message>(&parsed);
  const auto is_info = message != nullptr && std::holds_alternative<InfoMessage>(message->body);
  // A receiver that answers once and never again counts for half a minute: that is known.
  const auto is_answer = message != nullptr && (std::holds_alternative<Nack>(message->body) ||
                                                std::holds_alternative<Ack>(message->body));
  switch (is_info ? 2 : dice_.below(is_answer ? 3 : 4)) {
  case 0:
  case 1: result.resize(dice_.below(result.size())); break;
  case 2:
    for (auto &byte : result)
      byte = static_cast<std::byte>(dice_.below(256));
    break;
  default:
    // Of a foreign node. Its number is not one that we simulate.
    if (result.size() > 8)
      result[4] = static_cast<std::byte>(1 + dice_.below(250));
    break;
  }
  return result;
}

void World::deliver(std::uint32_t node, std::uint32_t packet)
{
  // Answers may be stored meanwhile, which moves the packets, but not their bytes.
  const Bytes bytes{packets_[packet].bytes};
  if (observer)
    observer(node, local(node), bytes);
  if (is_sender(node)) {
    sender(node).core->handle_packet(bytes, packets_[packet].unicast, local(node));
    drain_sender(node);
  } else {
    receiver(node).core->handle_packet(bytes, packets_[packet].from, local(node));
    drain_receiver(node);
  }
}

// --- senders

std::uint64_t World::key_of(std::uint32_t node, std::uint16_t instance,
                            std::uint16_t object) const
{
  return mix(scenario_.seed ^
             mix((std::uint64_t{node} << 32U) + (std::uint64_t{instance} << 16U) + object));
}

std::string World::info_of(std::uint16_t instance, std::uint16_t object)
{
  return "info " + std::to_string(instance) + "/" + std::to_string(object);
}

void World::begin_sender(std::uint32_t node)
{
  auto &sender = this->sender(node);
  auto options = sender.plan.options;
  options.instance = static_cast<std::uint16_t>(options.instance + sender.lives);
  ++sender.lives;
  sender.instance = options.instance;
  sender.died = false;
  sender.began_at = now_;
  sender.object = 0;
  sender.is_done = false;
  sender.is_blocked = false;
  sender.wakes_at.reset();
  sender.sent[sender.instance].clear();
  sender.core.emplace(options);
  trace(name_of(node), " begins, instance ", sender.instance);
  begin_next_object(sender);
  sender.writes_at = now_;
  schedule(now_, node, What::write);
  drain_sender(node);
}

// False if there is none.
bool World::begin_next_object(SenderNode &sender)
{
  const auto now = sender.plan.clock.local(now_);
  if (sender.object == sender.plan.objects.size()) {
    sender.is_done = true;
    sender.core->finish(now);
    return false;
  }
  const auto &plan = sender.plan.objects[sender.object++];
  sender.sent[sender.instance].push_back(0);
  sender.message.clear();
  const auto info = info_of(sender.instance, static_cast<std::uint16_t>(sender.object));
  if (plan.kind == ObjectKind::stream)
    sender.core->begin_stream(as_bytes(info), now);
  else
    sender.core->begin_object(plan.kind, plan.size, as_bytes(info), now);
  return true;
}

// Makes the next message, and writes as much of it as there is room for.
void World::write(std::uint32_t node)
{
  auto &sender = this->sender(node);
  const auto &plan = sender.plan.objects[sender.object - 1];
  const auto at = sender.sent[sender.instance].back();
  const auto longest = std::min<std::uint64_t>(plan.message, plan.size - at);
  sender.message.resize(1 + dice_.below(longest));
  const Content content{
      key_of(node, sender.instance, static_cast<std::uint16_t>(sender.object))};
  content.write(at, sender.message);
  sender.written = 0;
  sender.is_blocked = true;
  drain_sender(node);
}

void World::go_on_writing(std::uint32_t node)
{
  auto &sender = this->sender(node);
  const auto &plan = sender.plan.objects[sender.object - 1];
  const auto now = local(node);
  auto &sent = sender.sent[sender.instance].back();
  if (sender.written < sender.message.size()) {
    const auto rest = Bytes{sender.message}.subspan(sender.written);
    const auto room = sender.core->writable(now);
    const auto taken = sender.core->push(rest, sender.written == 0, now);
    if (taken > rest.size() || taken != std::min(room, rest.size()))
      fail(name_of(node) + " said it would take " + std::to_string(room) + " bytes and took " +
           std::to_string(taken) + " of " + std::to_string(rest.size()));
    sender.written += taken;
    sent += taken;
    if (sender.written < sender.message.size())
      return;
    trace(name_of(node), " has written ", sent, " bytes of object ", sender.object);
    if (dice_.chance(plan.flushes))
      sender.core->flush(now);
  }
  if (sent < plan.size) {
    sender.is_blocked = false;
    sender.writes_at = now_ + plan.interval;
    schedule(sender.writes_at, node, What::write);
    return;
  }
  if (!sender.core->end_object(now))
    return;
  trace(name_of(node), " has ended object ", sender.object);
  sender.is_blocked = false;
  if (begin_next_object(sender)) {
    sender.writes_at = now_ + plan.interval;
    schedule(sender.writes_at, node, What::write);
  }
}

void World::drain_sender(std::uint32_t node)
{
  auto &sender = this->sender(node);
  auto &core = *sender.core;
  for (bool again = true; again;) {
    again = false;
    while (const auto burst = core.poll_burst(local(node))) {
      if (burst->bytes.empty() || burst->packet_size == 0)
        fail(name_of(node) + " sent an empty burst");
      count_burst(*burst);
      for (std::size_t at = 0; at < burst->bytes.size(); at += burst->packet_size)
        send(node,
             burst->bytes.subspan(at, std::min(burst->packet_size, burst->bytes.size() - at)),
             std::nullopt);
    }
    if (sender.is_blocked) {
      const auto before = std::pair{sender.written, sender.object};
      go_on_writing(node);
      again = !sender.is_blocked || before != std::pair{sender.written, sender.object};
    }
  }
  while (const auto event = core.poll_event()) {
    if (const auto *seen = std::get_if<ReceiverSeen>(&*event))
      trace(name_of(node), ": sees ", seen->node);
    else if (const auto *lost = std::get_if<ReceiverLost>(&*event))
      trace(name_of(node), ": lost ", lost->node);
    else if (std::holds_alternative<AllAcknowledged>(*event))
      trace(name_of(node), ": all is acknowledged");
  }
  check_rate(sender);
  schedule_wake(node, core.next_timeout());
}

void World::count_burst(const Burst &burst)
{
  const auto data = parse_data(burst.bytes);
  const auto count = (burst.bytes.size() + burst.packet_size - 1) / burst.packet_size;
  summary_.packets += count;
  if (!data || (data->object.flags & object_flag::repair) == 0)
    return;
  summary_.repairs += count;
  ++summary_.repair_bursts;
}

// Never more than the rate allows, by its own clock, but for what a short delay lets it catch
// up and the packet that is on its way.
void World::check_rate(const SenderNode &sender) const
{
  const auto &options = sender.plan.options;
  const auto rate = options.max_rate;
  const auto now = sender.core->stats().rate;
  const auto least = rate == 0 ? options.min_rate : std::min(rate, options.min_rate);
  if (options.congestion_control && (now == 0 || now < least || (rate != 0 && now > rate)))
    fail("congestion control makes it " + std::to_string(now) + " bit/s");
  if (rate == 0)
    return;
  const auto &clock = sender.plan.clock;
  const auto passed = clock.local(now_) - clock.local(sender.began_at);
  const auto stats = sender.core->stats();
  const auto allowed =
      static_cast<double>(rate) / 8 * (static_cast<double>(passed) / 1e9 + 0.003) +
      // Commands are not held back, only counted.
      2000 + 64.0 * static_cast<double>(stats.nacks_received + 20) +
      200.0 * static_cast<double>(stats.acks_received);
  if (static_cast<double>(stats.bytes_sent) > allowed)
    fail("a sender sent " + std::to_string(stats.bytes_sent) + " bytes where its rate allows " +
         std::to_string(allowed));
}

// --- receivers

void World::begin_receiver(std::uint32_t node)
{
  auto &receiver = this->receiver(node);
  receiver.core.emplace(receiver.plan.options, mix(scenario_.seed + node));
  trace(name_of(node), " joins");
}

void World::drain_receiver(std::uint32_t node)
{
  auto &receiver = this->receiver(node);
  const auto is_paused = std::any_of(
      receiver.plan.pauses.begin(), receiver.plan.pauses.end(),
      [this](const Outage &pause) { return now_ >= pause.from && now_ < pause.to; });
  const auto send_feedback = [&] {
    while (const auto feedback = receiver.core->poll_feedback()) {
      if (receiver.plan.options.silent)
        fail(name_of(node) + " is to be silent");
      if (!feedback->to_group && feedback->peer >= senders_.size() + receivers_.size())
        fail(name_of(node) + " answers a peer that there is not");
      send(node, feedback->bytes,
           feedback->to_group ? std::nullopt : std::optional{feedback->peer});
    }
  };
  send_feedback();
  if (!is_paused) {
    while (const auto event = receiver.core->poll_event())
      check_event(node, *event);
    send_feedback();
  }
  constexpr unsigned seldom = 64;
  if (++receiver.drains % seldom == 0 &&
      receiver.core->stats().buffered_bytes >
          receiver.plan.options.total_bytes + receiver.plan.options.max_senders * largest_block)
    fail(name_of(node) + " keeps more than it may");
  schedule_wake(node, receiver.core->next_timeout());
}

World::Result *World::result_of(std::uint32_t node, NodeId from, std::uint16_t object)
{
  auto &receiver = this->receiver(node);
  const auto source = std::find_if(senders_.begin(), senders_.end(), [from](const auto &one) {
    return one->plan.options.node == from;
  });
  if (source == senders_.end())
    return nullptr;
  const auto sender = static_cast<std::uint32_t>(source - senders_.begin());
  const auto instance = receiver.instances.find(from);
  if (instance == receiver.instances.end())
    fail(name_of(node) + " tells of sender " + std::to_string(from) +
         " without having seen it");
  auto &result = receiver.results[{sender, instance->second, object}];
  if (!result.track)
    result.track = std::make_unique<Track>(key_of(sender, instance->second, object));
  return &result;
}

std::uint64_t World::sent_of(std::uint32_t node, std::uint16_t instance,
                             std::uint16_t object) const
{
  const auto &sent = senders_[node]->sent;
  const auto found = sent.find(instance);
  if (found == sent.end() || object == 0 || object > found->second.size())
    fail("nobody sent object " + std::to_string(object));
  return found->second[object - 1U];
}

void World::check_event(std::uint32_t node, const ReceiverEvent &event)
{
  auto &receiver = this->receiver(node);
  const auto check = [&](const std::optional<std::string> &fault) {
    if (fault)
      fail(name_of(node) + ": " + *fault);
  };
  const auto sent = [&](NodeId from, std::uint16_t object) {
    const auto index = static_cast<std::uint32_t>(from - senders_[0]->plan.options.node);
    return sent_of(index, receiver.instances[from], object);
  };
  if (const auto *seen = std::get_if<SenderSeen>(&event)) {
    trace(name_of(node), ": sees ", seen->sender, " instance ", seen->instance);
    receiver.instances[seen->sender] = seen->instance;
  } else if (const auto *left = std::get_if<SenderLeft>(&event)) {
    trace(name_of(node), ": ", left->sender, " left, ", static_cast<int>(left->reason));
    receiver.instances.erase(left->sender);
  } else if (const auto *begins = std::get_if<ObjectBegins>(&event)) {
    trace(name_of(node), ": object ", begins->sender, ":", begins->object, " begins");
    if (auto *result = result_of(node, begins->sender, begins->object)) {
      if (result->begun && !result->ended)
        fail(name_of(node) + ": object " + std::to_string(begins->object) + " began twice");
      sent(begins->sender, begins->object);
      result->begun = true;
    }
  } else if (const auto *info = std::get_if<ObjectInfo>(&event)) {
    if (auto *result = result_of(node, info->sender, info->object)) {
      result->has_info = true;
      if (as_text(info->content) != info_of(receiver.instances[info->sender], info->object))
        fail(name_of(node) + ": a wrong info");
    }
  } else if (const auto *data = std::get_if<ObjectData>(&event)) {
    trace(name_of(node), ": ", data->piece.bytes.size(), " bytes of object ", data->sender, ":",
          data->object);
    if (auto *result = result_of(node, data->sender, data->object)) {
      if (!result->begun || result->ended)
        fail(name_of(node) + ": data of object " + std::to_string(data->object) +
             " that is not open");
      if (data->piece.bytes.empty())
        fail(name_of(node) + ": empty data");
      if (data->message_start && *data->message_start >= data->piece.bytes.size())
        fail(name_of(node) + ": a message starts behind its data");
      summary_.bytes_delivered += data->piece.bytes.size();
      check(result->track->take(data->piece.bytes, sent(data->sender, data->object)));
    }
  } else if (const auto *lost = std::get_if<DataLost>(&event)) {
    trace(name_of(node), ": lost ", lost->segments, " segments of object ", lost->sender, ":",
          lost->object);
    summary_.segments_lost += lost->segments;
    if (auto *result = result_of(node, lost->sender, lost->object)) {
      if (lost->segments == 0)
        fail(name_of(node) + ": a loss of nothing");
      check(result->track->lose(sent(lost->sender, lost->object)));
    }
  } else if (const auto *ends = std::get_if<ObjectEnds>(&event)) {
    trace(name_of(node), ": object ", ends->sender, ":", ends->object, " ends",
          ends->complete ? ", complete" : "");
    if (auto *result = result_of(node, ends->sender, ends->object)) {
      if (!result->begun || result->ended)
        fail(name_of(node) + ": object " + std::to_string(ends->object) +
             " ends without being open");
      result->ended = true;
      result->complete = ends->complete;
      check(result->track->end(ends->complete, sent(ends->sender, ends->object)));
    }
  }
}

// --- the end

void World::check_end() const
{
  for (std::uint32_t node = 0; node < senders_.size(); ++node) {
    const auto &sender = *senders_[node];
    if (sender.core && !sender.core->finished())
      fail(name_of(node) + (sender.is_done ? " does not finish" : " cannot go on writing"));
  }
  for (std::uint32_t i = 0; i < receivers_.size(); ++i) {
    const auto node = static_cast<std::uint32_t>(senders_.size()) + i;
    const auto &receiver = *receivers_[i];
    if (!receiver.core)
      continue;
    for (const auto &sender : senders_)
      if (receiver.instances.contains(sender->plan.options.node))
        fail(name_of(node) + " does not notice that sender " +
             std::to_string(sender->plan.options.node) + " has left");
    if (receiver.plan.gets_all)
      check_received_all(node);
  }
}

void World::check_received_all(std::uint32_t node) const
{
  for (std::uint32_t source = 0; source < senders_.size(); ++source) {
    const auto &sender = *senders_[source];
    if (!sender.core)
      continue;
    for (std::uint16_t object = 1; object <= sender.plan.objects.size(); ++object) {
      const auto about = name_of(node) + ": object " + std::to_string(object) + " of " +
                         name_of(source).text() + " ";
      const auto &results = receivers_[node - senders_.size()]->results;
      const auto found = results.find({source, sender.instance, object});
      if (found == results.end())
        fail(about + "never came");
      const auto &result = found->second;
      if (result.track->losses() > 0)
        fail(about + "has losses");
      if (result.track->delivered() != sender.plan.objects[object - 1U].size)
        fail(about + "came with " + std::to_string(result.track->delivered()) + " of " +
             std::to_string(sender.plan.objects[object - 1U].size) + " bytes");
      if (!result.ended || !result.complete)
        fail(about + "has no good end");
      if (!result.has_info)
        fail(about + "came without its info");
    }
  }
}

Summary World::summary() const
{
  auto summary = summary_;
  summary.nanoseconds = now_;
  for (const auto &receiver : receivers_) {
    if (!receiver->core)
      continue;
    const auto stats = receiver->core->stats();
    summary.nacks += stats.nacks_sent;
    summary.suppressed += stats.nacks_suppressed;
  }
  return summary;
}

std::string describe_packet(Bytes packet)
{
  std::ostringstream out;
  const auto parsed = parse_message(packet);
  const auto *message = std::get_if<Message>(&parsed);
  if (message == nullptr) {
    out << "unreadable, " << packet.size() << " bytes";
    return out.str();
  }
  const auto point = [&out](std::uint16_t object, const PayloadId &id) {
    out << " " << object << ":" << id.block << ":" << id.symbol;
  };
  const auto requests = [&](Bytes raw) {
    std::vector<RepairRequest> all;
    parse_repair_requests(raw, all);
    for (const auto &request : all) {
      out << " [" << int{request.flags};
      point(request.first.object, request.first.id);
      if (request.form == RepairForm::ranges) {
        out << " to";
        point(request.last.object, request.last.id);
      }
      out << "]";
    }
  };
  if (const auto *data = std::get_if<DataMessage>(&message->body)) {
    out << "DATA";
    point(data->object.object, data->id);
    out << ((data->object.flags & object_flag::repair) != 0 ? " repair" : "");
  } else if (const auto *info = std::get_if<InfoMessage>(&message->body)) {
    out << "INFO " << info->object.object;
  } else if (const auto *flush = std::get_if<FlushCommand>(&message->body)) {
    out << "FLUSH";
    point(flush->object, flush->id);
    out << " for " << flush->acking_nodes.size();
  } else if (std::holds_alternative<EndOfTransmission>(message->body)) {
    out << "EOT";
  } else if (const auto *squelch = std::get_if<SquelchCommand>(&message->body)) {
    out << "SQUELCH";
    point(squelch->object, squelch->id);
  } else if (std::holds_alternative<CongestionCommand>(message->body)) {
    out << "CC, grtt " << unquantise_rtt(message->sender.grtt) / 1000 << " us";
  } else if (const auto *adv = std::get_if<RepairAdvertisement>(&message->body)) {
    out << "REPAIR_ADV";
    requests(adv->requests);
  } else if (const auto *request = std::get_if<AckRequest>(&message->body)) {
    out << "ACK_REQ " << int{request->ack_type} << " " << int{request->ack_id};
  } else if (const auto *nack = std::get_if<Nack>(&message->body)) {
    out << "NACK " << nack->sender;
    requests(nack->requests);
  } else if (const auto *ack = std::get_if<Ack>(&message->body)) {
    out << "ACK " << ack->sender << " type " << static_cast<int>(ack->type) << " "
        << int{ack->ack_id};
    point(ack->object, ack->id);
  }
  return out.str();
}

}  // namespace kam::sim
