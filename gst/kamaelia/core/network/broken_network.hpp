// SPDX-License-Identifier: LGPL-2.1-or-later
// A network that doubles, loses, damages and reorders what it carries:
// Kamaelia.Internet.Simulate.BrokenNetwork, whose Reorder kept its last items for ever.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace kam::network {

// An event that happens `times` in `of` draws on average.
struct Chance {
  std::uint64_t times = 0;
  std::uint64_t of = 1;
  static Chance from_probability(double probability);
};

// Gives a number from 0 to limit - 1.
using Draw = std::function<std::uint64_t(std::uint64_t limit)>;

// Draws that depend on nothing but the seed, on every platform.
class SeededDraws {
 public:
  explicit SeededDraws(std::uint64_t seed) : random_{seed} {}
  std::uint64_t operator()(std::uint64_t limit);

 private:
  std::mt19937_64 random_;
};

// Kamaelia's figures, and no damage.
struct BrokenNetworkOptions {
  Chance duplicate{1, 10};
  Chance drop{1, 10};
  Chance corrupt{0, 1};
  // So many items are held, then one of them leaves, never the newest; 1: no reordering.
  std::size_t reorder_window = 8;
};

struct BrokenNetworkStats {
  std::uint64_t duplicated = 0;
  std::uint64_t dropped = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t reordered = 0;  // items that left after one that came later
};

// Items pass three stages: duplicate, drop (and damage), reorder.
template <class Item>
class BrokenNetwork {
 public:
  struct Out {
    Item item;
    std::optional<std::uint64_t> flip_bit;  // the bit of it to invert
  };
  using Copy = std::function<Item(const Item &)>;

  BrokenNetwork(const BrokenNetworkOptions &options, Draw draw, Copy copy)
      : options_{options}, draw_{std::move(draw)}, copy_{std::move(copy)}
  {
  }

  void configure(const BrokenNetworkOptions &options)
  {
    options_ = options;
    while (held_.size() >= std::max<std::size_t>(options_.reorder_window, 1) && !held_.empty())
      release_one();
  }

  // `size` is that of the item in bytes: which bits there are to damage.
  void handle_item(Item item, std::uint64_t size)
  {
    const auto serial = next_serial_++;
    if (happens(options_.duplicate)) {
      ++stats_.duplicated;
      carry(copy_(item), size, serial);
    }
    carry(std::move(item), size, serial);
  }

  std::optional<Out> poll()
  {
    if (next_out_ == out_.size()) {
      out_.clear();
      next_out_ = 0;
      return std::nullopt;
    }
    return std::optional<Out>{std::move(out_[next_out_++])};
  }

  // Lets go of what is held, in the order of arrival.
  void drain()
  {
    for (auto &held : held_)
      release(std::move(held));
    held_.clear();
  }
  // Forgets what is held; returns how many items that were.
  std::size_t reset()
  {
    const auto forgotten = held_.size();
    held_.clear();
    return forgotten;
  }

  std::size_t size() const { return held_.size(); }
  const BrokenNetworkStats &stats() const { return stats_; }

 private:
  struct Held {
    Out out;
    std::uint64_t serial = 0;
  };

  bool happens(const Chance &chance)
  {
    return chance.times > 0 && draw_(chance.of) < chance.times;
  }

  void carry(Item item, std::uint64_t size, std::uint64_t serial)
  {
    if (happens(options_.drop)) {
      ++stats_.dropped;
      return;
    }
    Held held{{std::move(item), std::nullopt}, serial};
    if (size > 0 && happens(options_.corrupt)) {
      ++stats_.corrupted;
      constexpr std::uint64_t bits_in_byte = 8;
      held.out.flip_bit = draw_(size * bits_in_byte);
    }
    held_.push_back(std::move(held));
    if (held_.size() >= options_.reorder_window)
      release_one();
  }

  void release_one()
  {
    const auto others = held_.size() - 1;
    const auto picked =
        held_.begin() + static_cast<std::ptrdiff_t>(others == 0 ? 0 : draw_(others));
    auto held = std::move(*picked);
    held_.erase(picked);
    release(std::move(held));
  }

  void release(Held held)
  {
    if (held.serial < newest_released_)
      ++stats_.reordered;
    newest_released_ = std::max(newest_released_, held.serial);
    out_.push_back(std::move(held.out));
  }

  BrokenNetworkOptions options_;
  Draw draw_;
  Copy copy_;
  BrokenNetworkStats stats_;
  std::vector<Held> held_;
  std::uint64_t next_serial_ = 1;
  std::uint64_t newest_released_ = 0;
  std::vector<Out> out_;
  std::size_t next_out_ = 0;
};

}  // namespace kam::network
