// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "world.hpp"

namespace kam::sim {

struct World::SenderNode {
  SenderNode(const SenderPlan &its_plan, Dice &dice)
      : plan{its_plan}, up{its_plan.up, dice.next()}, down{its_plan.down, dice.next()}
  {
  }

  const SenderPlan &plan;
  Link up;
  Link down;
  std::optional<srm::Sender> core;  // not while it is dead
  unsigned lives = 0;
  std::uint16_t instance = 0;
  bool died = false;
  std::uint64_t began_at = 0;
  std::optional<std::uint64_t> wakes_at;

  // Its application.
  std::size_t object = 0;  // from 1, as they are numbered on the wire
  ByteVector message;
  std::size_t written = 0;  // of the message
  bool is_blocked = false;  // has something that did not fit yet
  bool is_done = false;
  std::uint64_t writes_at = 0;
  std::map<std::uint16_t, std::vector<std::uint64_t>> sent;  // bytes, by instance and object
};

struct World::ReceiverNode {
  ReceiverNode(const ReceiverPlan &its_plan, Dice &dice)
      : plan{its_plan}, up{its_plan.up, dice.next()}, down{its_plan.down, dice.next()}
  {
  }

  const ReceiverPlan &plan;
  Link up;
  Link down;
  std::optional<srm::Receiver> core;  // while it is there
  std::optional<std::uint64_t> wakes_at;
  std::map<srm::NodeId, std::uint16_t> instances;  // of the senders it sees
  std::map<ResultKey, Result> results;
  unsigned drains = 0;
};

}  // namespace kam::sim
