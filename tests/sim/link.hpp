// SPDX-License-Identifier: LGPL-2.1-or-later
// A one-way line that packets may not survive.
#pragma once

#include "dice.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace kam::sim {

struct Outage {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

struct LinkModel {
  double loss = 0;  // of each packet, by itself
  // Gilbert's model: how likely a burst of losses begins, and how likely it ends, per packet.
  double burst_begins = 0;
  double burst_ends = 1;
  std::uint64_t delay = 0;   // ns
  std::uint64_t jitter = 0;  // as much more at most; packets may overtake each other
  double straggler = 0;      // how many take ten times the jitter
  double duplicate = 0;
  double damage = 0;
  std::vector<Outage> outages;
};

// What becomes of one packet.
struct Passage {
  unsigned copies = 0;
  std::uint64_t delays[2] = {0, 0};
  bool damaged = false;
};

class Link {
 public:
  Link(LinkModel model, std::uint64_t seed) : model_{std::move(model)}, dice_{seed} {}

  Passage pass(std::uint64_t now)
  {
    Passage passage;
    if (in_burst_ ? dice_.chance(model_.burst_ends) : dice_.chance(model_.burst_begins))
      in_burst_ = !in_burst_;
    const auto lost = in_burst_ || dice_.chance(model_.loss) || is_out(now);
    if (lost)
      return passage;
    passage.copies = dice_.chance(model_.duplicate) ? 2 : 1;
    passage.damaged = dice_.chance(model_.damage);
    for (unsigned i = 0; i < passage.copies; ++i) {
      const auto slow = dice_.chance(model_.straggler) ? 10U : 1U;
      passage.delays[i] = model_.delay + slow * dice_.below(model_.jitter + 1);
    }
    return passage;
  }

  const LinkModel &model() const { return model_; }

 private:
  bool is_out(std::uint64_t now) const
  {
    for (const auto &outage : model_.outages)
      if (now >= outage.from && now < outage.to)
        return true;
    return false;
  }

  LinkModel model_;
  Dice dice_;
  bool in_burst_ = false;
};

}  // namespace kam::sim
