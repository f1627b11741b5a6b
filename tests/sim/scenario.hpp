// SPDX-License-Identifier: LGPL-2.1-or-later
// What a run simulates, all of it drawn from one number.
#pragma once

#include "core/srm/receiver.hpp"
#include "core/srm/sender.hpp"
#include "link.hpp"

#include <optional>
#include <string>
#include <vector>

namespace kam::sim {

// A clock that began at another time and runs at another speed.
struct Clock {
  std::uint64_t offset = 1;
  std::int64_t skew = 0;  // in millionths

  std::uint64_t local(std::uint64_t world) const;
  // The first moment of the world at which it shows `local` or more.
  std::uint64_t world(std::uint64_t local) const;
};

struct ObjectPlan {
  srm::ObjectKind kind = srm::ObjectKind::stream;
  std::uint64_t size = 0;
  std::size_t message = 1000;  // bytes that are written at once, at most
  std::uint64_t interval = 0;  // ns between messages
  double flushes = 0;          // how many messages are flushed
};

struct SenderPlan {
  srm::SenderOptions options;
  std::vector<ObjectPlan> objects;
  std::uint64_t begins_at = 0;
  // Dies without a word, and comes back so much later as another instance.
  std::optional<std::uint64_t> dies_at;
  std::uint64_t stays_dead = 0;
  Clock clock;
  LinkModel up;
  LinkModel down;
};

struct ReceiverPlan {
  srm::ReceiverOptions options;
  std::uint64_t joins_at = 0;
  std::optional<std::uint64_t> dies_at;
  // Its application reads nothing in these times.
  std::vector<Outage> pauses;
  Clock clock;
  LinkModel up;
  LinkModel down;
  // Has to get all that each instance of each sender sends, from its first byte on.
  bool gets_all = false;
};

struct Scenario {
  std::uint64_t seed = 0;
  srm::Policy policy = srm::Policy::latency;
  std::vector<SenderPlan> senders;
  std::vector<ReceiverPlan> receivers;
  std::uint64_t limit = 0;  // when all has to be over
};

Scenario draw_scenario(std::uint64_t seed);
// One sender, very many receivers.
Scenario crowd_scenario(std::uint64_t seed, std::size_t receivers, std::size_t packets);
// A live stream to receivers so far away, who lose so much each.
Scenario reach_scenario(std::uint64_t rtt_ms, double loss, std::uint64_t latency_ms);
std::string describe(const Scenario &scenario);

}  // namespace kam::sim
