// SPDX-License-Identifier: LGPL-2.1-or-later
#include "scenario.hpp"

#include <algorithm>
#include <sstream>

namespace kam::sim {
namespace {

using srm::millisecond;
using srm::Policy;
using srm::second;

constexpr std::int64_t million = 1'000'000;
__extension__ using Wide = unsigned __int128;

constexpr std::uint64_t longest_short_outage = 8 * second;
constexpr std::uint64_t grace = 400 * second;

// How bad a run's network is; many runs have few troubles at a time, so that each shows.
struct Troubles {
  bool loss = false;
  bool bursts = false;
  bool jitter = false;
  bool duplicates = false;
  bool damage = false;
  bool outages = false;
  bool feedback = false;  // more of the feedback is lost than of the rest
};

Troubles draw_troubles(Dice &dice)
{
  Troubles troubles;
  if (dice.chance(0.1))
    return troubles;
  troubles.loss = dice.chance(0.8);
  troubles.bursts = dice.chance(0.25);
  troubles.jitter = dice.chance(0.4);
  troubles.duplicates = dice.chance(0.2);
  troubles.damage = dice.chance(0.15);
  troubles.outages = dice.chance(0.2);
  troubles.feedback = dice.chance(0.15);
  return troubles;
}

LinkModel draw_link(Dice &dice, const Troubles &troubles, std::uint64_t duration)
{
  LinkModel link;
  const std::uint64_t delays[] = {
      0, 50'000, millisecond, 5 * millisecond, 20 * millisecond, 80 * millisecond};
  const double losses[] = {0, 0.01, 0.05, 0.1, 0.2, 0.3};
  link.delay = dice.one_of(delays);
  if (troubles.loss)
    link.loss = dice.one_of(losses);
  if (troubles.bursts && dice.chance(0.5)) {
    link.burst_begins = static_cast<double>(dice.between(1, 20)) / 1000;
    link.burst_ends = static_cast<double>(dice.between(5, 50)) / 100;
  }
  if (troubles.jitter) {
    link.jitter = dice.below(link.delay / 2 + 2 * millisecond);
    link.straggler = dice.chance(0.3) ? 0.01 : 0;
  }
  link.duplicate = troubles.duplicates ? 0.02 : 0;
  link.damage = troubles.damage ? 0.01 : 0;
  if (troubles.outages && dice.chance(0.5)) {
    const auto from = dice.below(duration + second);
    const auto length =
        dice.chance(0.7) ? dice.below(second) : dice.below(longest_short_outage);
    link.outages.push_back({from, from + length});
  }
  return link;
}

Clock draw_clock(Dice &dice)
{
  Clock clock;
  const std::uint64_t offsets[] = {1, second, 86'400 * second, 1'763'000'000 * second};
  clock.offset = dice.one_of(offsets) + dice.below(second);
  if (dice.chance(0.5))
    clock.skew = static_cast<std::int64_t>(dice.below(401)) - 200;
  else if (dice.chance(0.1))
    clock.skew = static_cast<std::int64_t>(dice.below(100'001)) - 50'000;
  return clock;
}

ObjectPlan draw_object(Dice &dice, Policy policy, std::size_t segment_size,
                       std::uint64_t duration)
{
  ObjectPlan object;
  const auto kind = dice.below(4);
  object.kind = kind == 0   ? srm::ObjectKind::data
                : kind == 1 ? srm::ObjectKind::file
                            : srm::ObjectKind::stream;
  const auto segments = dice.chance(0.2) ? dice.between(1, 20) : dice.between(20, 500);
  object.size = 1 + dice.below(segments * segment_size);
  object.message = 1 + dice.below(dice.chance(0.5) ? 300 : 4 * segment_size);
  // Not so many that a run is about the application.
  object.message = std::max<std::size_t>(object.message, object.size / 500);
  const auto messages = object.size / object.message + 1;
  object.interval = dice.chance(0.3) ? 0 : duration / messages;
  object.flushes =
      policy == Policy::latency ? (dice.chance(0.8) ? 1 : 0.5) : (dice.chance(0.7) ? 0 : 0.2);
  return object;
}

srm::SenderOptions draw_sender_options(Dice &dice, Policy policy)
{
  srm::SenderOptions options;
  const std::uint16_t segments[] = {64, 200, 512, 1024, 1424};
  const std::uint16_t blocks[] = {1, 2, 8, 16, 32, 64};
  const std::uint16_t parities[] = {0, 1, 4, 8, 32};
  const double overheads[] = {0, 0, 0, 0.1, 0.25, 0.5};
  const std::uint64_t rates[] = {0, 0, 2'000'000, 10'000'000, 100'000'000};
  const std::uint64_t grtts[] = {millisecond, 10 * millisecond, 250 * millisecond};
  const std::uint8_t backoffs[] = {0, 1, 4, 4, 6};
  options.policy = policy;
  options.instance = static_cast<std::uint16_t>(dice.below(65536));
  options.segment_size = dice.one_of(segments);
  options.block_size = dice.one_of(blocks);
  options.parity = dice.one_of(parities);
  options.fec_overhead = dice.one_of(overheads);
  options.max_rate = dice.one_of(rates);
  options.grtt = dice.one_of(grtts);
  options.backoff_factor = dice.one_of(backoffs);
  options.buffer_bytes = std::size_t{1} << dice.between(16, 24);
  return options;
}

std::uint64_t total_outage(const LinkModel &link)
{
  std::uint64_t total = 0;
  for (const auto &outage : link.outages)
    total += outage.to - outage.from;
  return total;
}

ReceiverPlan draw_receiver(Dice &dice, Policy policy, const Troubles &troubles,
                           std::uint64_t duration)
{
  ReceiverPlan plan;
  const std::uint64_t latencies[] = {20 * millisecond, 100 * millisecond, 200 * millisecond,
                                     second};
  plan.options.policy = policy;
  plan.options.latency = dice.one_of(latencies);
  plan.options.silent = dice.chance(0.08);
  plan.options.unicast_nacks = dice.chance(0.3);
  plan.options.socket_buffer = dice.chance(0.5) ? 0 : std::size_t{1} << dice.between(14, 22);
  if (dice.chance(0.15))
    plan.joins_at = dice.below(duration + second);
  if (dice.chance(0.08))
    plan.dies_at = plan.joins_at + dice.below(duration + second);
  if (dice.chance(0.15)) {
    const auto from = dice.below(duration + second);
    plan.pauses.push_back({from, from + dice.below(5 * second)});
  }
  plan.clock = draw_clock(dice);
  plan.up = draw_link(dice, troubles, duration);
  plan.down = draw_link(dice, troubles, duration);
  if (troubles.feedback)
    plan.up.loss = 0.5;
  plan.gets_all =
      policy == Policy::bulk && !plan.options.silent && plan.joins_at == 0 && !plan.dies_at;
  return plan;
}

}  // namespace

std::uint64_t Clock::local(std::uint64_t world) const
{
  return offset +
         static_cast<std::uint64_t>(Wide{world} * static_cast<std::uint64_t>(million + skew) /
                                    static_cast<std::uint64_t>(million));
}

std::uint64_t Clock::world(std::uint64_t shown) const
{
  if (shown <= offset)
    return 0;
  const auto speed = static_cast<std::uint64_t>(million + skew);
  return static_cast<std::uint64_t>(
      (Wide{shown - offset} * static_cast<std::uint64_t>(million) + speed - 1) / speed);
}

namespace {

// On ways as bad as these that may mean a packet in a second.
void control_congestion(Dice &dice, Scenario &scenario)
{
  const std::uint64_t least_rates[] = {0, 100'000, 1'000'000};
  for (auto &sender : scenario.senders) {
    sender.options.congestion_control = true;
    sender.options.min_rate = dice.one_of(least_rates);
    for (const auto &object : sender.objects)
      scenario.limit += 4 * second * (1 + object.size / sender.options.segment_size);
  }
}

}  // namespace

Scenario draw_scenario(std::uint64_t seed)
{
  Dice dice{seed};
  Scenario scenario;
  scenario.seed = seed;
  scenario.policy = dice.chance(0.5) ? Policy::bulk : Policy::latency;
  const auto duration = dice.below(3 * second);
  const auto troubles = draw_troubles(dice);
  const auto receivers = dice.between(1, dice.chance(0.5) ? 2 : 8);
  const auto senders = dice.chance(0.75) ? 1 : dice.between(2, 3);

  for (std::uint64_t i = 0; i < receivers; ++i) {
    auto plan = draw_receiver(dice, scenario.policy, troubles, duration);
    plan.options.node = static_cast<srm::NodeId>(1 + i);
    scenario.receivers.push_back(plan);
  }
  for (std::uint64_t i = 0; i < senders; ++i) {
    SenderPlan plan;
    plan.options = draw_sender_options(dice, scenario.policy);
    plan.options.node = static_cast<srm::NodeId>(1000 + i);
    for (auto count = dice.between(1, 3); count > 0; --count)
      plan.objects.push_back(
          draw_object(dice, scenario.policy, plan.options.segment_size, duration));
    plan.begins_at = dice.chance(0.7) ? 0 : dice.below(second);
    if (dice.chance(0.12)) {
      plan.dies_at = plan.begins_at + dice.below(duration + second);
      plan.stays_dead = dice.between(500 * millisecond, 3 * second);
    }
    plan.clock = draw_clock(dice);
    plan.up = draw_link(dice, troubles, duration);
    plan.down = draw_link(dice, troubles, duration);
    scenario.senders.push_back(plan);
  }
  for (auto &receiver : scenario.receivers)
    for (const auto &sender : scenario.senders)
      if (total_outage(receiver.up) + total_outage(receiver.down) + total_outage(sender.up) +
              total_outage(sender.down) >
          2 * longest_short_outage)
        receiver.gets_all = false;
  const auto certain =
      std::count_if(scenario.receivers.begin(), scenario.receivers.end(),
                    [](const ReceiverPlan &receiver) { return receiver.gets_all; });
  const auto others = std::any_of(scenario.receivers.begin(), scenario.receivers.end(),
                                  [](const ReceiverPlan &receiver) {
                                    return !receiver.gets_all && !receiver.options.silent;
                                  });
  for (auto &sender : scenario.senders) {
    sender.options.min_receivers = static_cast<std::uint32_t>(certain);
    // Where others could be counted in the place of those, they have to be named.
    if (others || dice.chance(0.2))
      for (const auto &receiver : scenario.receivers)
        if (receiver.gets_all)
          sender.options.ack_receivers.push_back(receiver.options.node);
  }
  scenario.limit = 2 * duration + grace;
  if (dice.chance(0.2))
    control_congestion(dice, scenario);
  return scenario;
}

Scenario crowd_scenario(std::uint64_t seed, std::size_t receivers, std::size_t packets)
{
  Dice dice{seed};
  Scenario scenario;
  scenario.seed = seed;
  SenderPlan sender;
  sender.options.node = 1'000'000;
  sender.options.segment_size = 64;
  sender.options.block_size = 50;
  sender.options.parity = 50;
  sender.options.group_size = receivers;
  sender.options.grtt = 40 * millisecond;
  sender.options.fec_overhead = 0;
  ObjectPlan object;
  object.size = packets * sender.options.segment_size;
  object.message = sender.options.segment_size;
  object.interval = millisecond;
  object.flushes = 1;
  sender.objects.push_back(object);
  // What is lost there is lost for all, who would all ask for it; the rest each loses for
  // itself, and of many receivers there is always one that has lost something.
  sender.up.loss = 0.002;
  sender.up.delay = 5 * millisecond;
  sender.down.delay = 5 * millisecond;
  // Receivers are there before the first packet.
  sender.begins_at = second;
  scenario.senders.push_back(sender);
  // The nearest first: what arrives at the same time is one step then.
  constexpr std::uint64_t distances = 30;
  for (std::size_t i = 0; i < receivers; ++i) {
    ReceiverPlan receiver;
    receiver.options.node = static_cast<srm::NodeId>(1 + i);
    receiver.options.latency = 2 * second;
    receiver.down.delay = i * distances / receivers * millisecond / 2;
    receiver.up.delay = receiver.down.delay;
    receiver.down.loss = 0.01;
    receiver.up.loss = 0.01;
    scenario.receivers.push_back(receiver);
  }
  scenario.limit = packets * object.interval + grace;
  return scenario;
}

Scenario reach_scenario(std::uint64_t rtt_ms, double loss, std::uint64_t latency_ms)
{
  constexpr std::size_t receivers = 8;
  constexpr std::size_t packets = 20'000;
  Scenario scenario;
  scenario.seed = 1;
  SenderPlan sender;
  sender.options.node = 1'000'000;
  sender.options.segment_size = 1316;
  sender.options.grtt = std::max<std::uint64_t>(rtt_ms, 1) * millisecond;
  ObjectPlan object;
  object.message = sender.options.segment_size;
  object.size = packets * object.message;
  object.interval = 2'105'600;  // ns; messages have half that size on average: 2.5 Mbit/s
  object.flushes = 1;
  sender.objects.push_back(object);
  sender.up.delay = rtt_ms * millisecond / 2;
  sender.down.delay = rtt_ms * millisecond / 2;
  sender.begins_at = second;
  scenario.senders.push_back(sender);
  for (std::size_t i = 0; i < receivers; ++i) {
    ReceiverPlan receiver;
    receiver.options.node = static_cast<srm::NodeId>(1 + i);
    receiver.options.latency = latency_ms * millisecond;
    receiver.down.loss = loss;
    receiver.up.loss = loss;
    scenario.receivers.push_back(receiver);
  }
  scenario.limit = packets * object.interval + grace;
  return scenario;
}

namespace {

void describe(std::ostream &out, const LinkModel &link)
{
  out << link.delay / 1000 << " us";
  if (link.jitter > 0)
    out << " +" << link.jitter / 1000 << " us" << (link.straggler > 0 ? " and stragglers" : "");
  if (link.loss > 0)
    out << ", loss " << link.loss;
  if (link.burst_begins > 0)
    out << ", bursts " << link.burst_begins << "/" << link.burst_ends;
  if (link.duplicate > 0)
    out << ", duplicates " << link.duplicate;
  if (link.damage > 0)
    out << ", damage " << link.damage;
  for (const auto &outage : link.outages)
    out << ", out from " << outage.from / 1'000'000 << " to " << outage.to / 1'000'000 << " ms";
}

void describe(std::ostream &out, const Clock &clock)
{
  out << "clock +" << clock.offset << " ns " << clock.skew << " ppm";
}

}  // namespace

std::string describe(const Scenario &scenario)
{
  std::ostringstream out;
  out << "seed " << scenario.seed
      << (scenario.policy == Policy::bulk ? ", bulk\n" : ", latency\n");
  for (const auto &sender : scenario.senders) {
    const auto &options = sender.options;
    out << "sender " << options.node << " instance " << options.instance << ": segments of "
        << options.segment_size << ", k " << options.block_size << ", m " << options.parity
        << ", overhead " << options.fec_overhead << ", rate " << options.max_rate
        << (options.congestion_control ? " controlled from " : " not controlled from ")
        << options.min_rate << ", grtt " << options.grtt / 1000 << " us, backoff "
        << int{options.backoff_factor} << ", buffer " << options.buffer_bytes
        << ", min-receivers " << options.min_receivers
        << (options.ack_receivers.empty() ? "" : " by name") << ", begins at "
        << sender.begins_at / 1'000'000 << " ms";
    if (sender.dies_at)
      out << ", dies at " << *sender.dies_at / 1'000'000 << " ms for "
          << sender.stays_dead / 1'000'000 << " ms";
    out << "\n  ";
    describe(out, sender.clock);
    out << "\n  up: ";
    describe(out, sender.up);
    out << "\n  down: ";
    describe(out, sender.down);
    for (const auto &object : sender.objects)
      out << "\n  object of kind " << static_cast<int>(object.kind) << ", " << object.size
          << " bytes in messages of " << object.message << " each " << object.interval / 1000
          << " us, flushed " << object.flushes;
    out << "\n";
  }
  for (const auto &receiver : scenario.receivers) {
    const auto &options = receiver.options;
    out << "receiver " << options.node << ": latency " << options.latency / 1'000'000 << " ms"
        << (options.silent ? ", silent" : "") << (options.unicast_nacks ? ", unicast" : "")
        << ", socket " << options.socket_buffer << ", joins at "
        << receiver.joins_at / 1'000'000 << " ms" << (receiver.gets_all ? ", gets all" : "");
    if (receiver.dies_at)
      out << ", dies at " << *receiver.dies_at / 1'000'000 << " ms";
    for (const auto &pause : receiver.pauses)
      out << ", reads nothing from " << pause.from / 1'000'000 << " to " << pause.to / 1'000'000
          << " ms";
    out << "\n  ";
    describe(out, receiver.clock);
    out << "\n  up: ";
    describe(out, receiver.up);
    out << "\n  down: ";
    describe(out, receiver.down);
    out << "\n";
  }
  return out.str();
}

}  // namespace kam::sim
