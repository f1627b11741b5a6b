// SPDX-License-Identifier: LGPL-2.1-or-later
// Puts numbered items back in order: Kamaelia's RecoverOrder (SimpleReliableMulticast and
// Kamaelia.Protocol.RecoverOrder), which held items until its buffer was full, sent the
// smallest, and never let go of the last ones.
//
// late=drop lets an item go as soon as the order is certain. That drops the same items as
// holding until the window is full would: a gap is given up exactly when `window` items wait
// behind it, whether or not the ones before it have left already.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

namespace kam::framing {

// Sequence numbers that may wrap, laid out on a line of keys that does not.
class SequenceKeys {
 public:
  // Numbers are 0 to modulo - 1; 0 means that they never wrap. At most 2^63.
  explicit SequenceKeys(std::uint64_t modulo);

  bool wraps() const { return modulo_ != 0; }
  std::uint64_t number(std::uint64_t any) const;
  std::uint64_t next(std::uint64_t number) const;
  // The key of the first number of a stretch.
  std::uint64_t first_key(std::uint64_t number) const;
  // The key of `number` that is closest to `reference`, another key.
  std::uint64_t key_near(std::uint64_t number, std::uint64_t reference) const;
  std::uint64_t number_of(std::uint64_t key) const;

 private:
  std::uint64_t modulo_;
  std::uint64_t bias_ = 0;
};

// The last ranges of numbers that were given up, so that an item that comes too late can be
// told from one that comes a second time.
class SkippedRanges {
 public:
  enum class Known { skipped, skipped_in_long_range, taken, forgotten };

  void reset(std::uint64_t first_key);
  void add(std::uint64_t first_key, std::uint64_t count);
  // Of a key below all that may still come.
  Known find(std::uint64_t key) const;

 private:
  struct Range {
    std::uint64_t first;
    std::uint64_t count;
  };
  std::array<Range, 64> ranges_{};
  std::size_t oldest_ = 0;
  std::size_t size_ = 0;
  std::uint64_t horizon_ = 0;  // nothing is known of keys below
};

enum class LatePolicy { drop, forward };

struct ReorderOptions {
  std::size_t window = 30;  // items held at most, minus one; 1 to 65536
  std::uint64_t modulo = 0;
  LatePolicy late = LatePolicy::drop;
  // With modulo 0 nothing can come before this one.
  std::uint64_t first_sequence = 1;
  // An item waits at most so many nanoseconds for those before it; 0: as long as it takes.
  std::uint64_t latency = 0;
};

struct ReorderStats {
  std::uint64_t lost = 0;       // numbers given up; some may have come later and be `late`
  std::uint64_t late = 0;       // items that came after their number was given up
  std::uint64_t duplicate = 0;  // items dropped because their number had come before
  std::uint64_t restarts = 0;
  std::uint64_t reordered = 0;  // items that came after a larger number and were put back
};

// RFC 3550, appendix A.1: an item further behind than this may come from a sender that
// started anew.
inline constexpr std::uint64_t max_misorder = 100;
// A gap larger than this (MAX_DROPOUT there) is no proof that a number in it was on its way.
inline constexpr std::uint64_t max_dropout = 3000;
// A jump ahead by more than this is another stretch, not a loss.
inline constexpr std::uint64_t max_jump = std::uint64_t{1} << 31U;

// Orders items by their sequence number. Times are in nanoseconds, from any one clock.
template <class Item>
class Reorder {
 public:
  struct Released {
    Item item;
    std::uint64_t number = 0;
    bool discont = false;             // does not follow the item released before
    std::uint64_t first_missing = 0;  // the numbers given up just before this one
    std::uint64_t missing = 0;
  };
  enum class DropReason { late, duplicate };
  struct Dropped {
    Item item;
    DropReason reason;
  };

  explicit Reorder(const ReorderOptions &options)
      : options_{options}, keys_{options.modulo}, first_{keys_.number(options.first_sequence)}
  {
  }

  // Sets what may change on the way: window, late and latency.
  void configure(const ReorderOptions &options)
  {
    options_.window = options.window;
    options_.late = options.late;
    options_.latency = options.latency;
    release_full_window();
  }

  // 2^64 - 1 is no number: nothing could follow it.
  void handle_item(std::uint64_t number, Item item, std::uint64_t now);
  // Lets go of what has waited for options.latency.
  void handle_timeout(std::uint64_t now);
  // When to call handle_timeout() next.
  std::optional<std::uint64_t> next_timeout() const;
  // Lets go of everything in order; what comes next goes on from there.
  void drain();
  // Forgets everything; returns how many items that were.
  std::size_t reset();

  // The items that are ready, until there is none.
  std::optional<Released> poll() { return take(released_, next_released_); }
  std::optional<Dropped> poll_dropped() { return take(dropped_, next_dropped_); }

  // Items that wait, and the one that may be the first of a restarted sender.
  std::size_t size() const { return held() + (aside_ ? 1U : 0U); }
  const ReorderStats &stats() const { return stats_; }

 private:
  using Slot = std::uint32_t;
  static constexpr Slot no_slot = std::numeric_limits<Slot>::max();

  struct Held {
    std::uint64_t key = 0;
    std::uint64_t arrived = 0;
    Slot older = no_slot;  // in the order of arrival
    Slot newer = no_slot;
    std::optional<Item> item;
  };
  struct Aside {
    std::uint64_t number;
    Item item;
    DropReason reason;  // if it turns out not to be a restart
  };

  template <class T>
  static std::optional<T> take(std::vector<T> &queue, std::size_t &next)
  {
    if (next == queue.size()) {
      queue.clear();
      next = 0;
      return std::nullopt;
    }
    return std::optional<T>{std::move(queue[next++])};
  }

  bool drops_late() const { return options_.late == LatePolicy::drop; }
  std::size_t held() const { return order_.size() - order_begin_; }
  const Held &smallest() const { return slots_[order_[order_begin_]]; }

  bool is_repeated_aside(std::uint64_t number, std::uint64_t now);
  void place(std::uint64_t number, Item item, std::uint64_t now);
  void handle_behind(std::uint64_t key, std::uint64_t number, Item item);
  void hold(std::uint64_t key, std::uint64_t number, Item item, std::uint64_t now);
  bool insert(std::uint64_t key, Slot slot);
  Slot new_slot(std::uint64_t key, Item item, std::uint64_t now);
  void free_slot(Slot slot);
  void release(std::uint64_t key, std::uint64_t number, Item item);
  void release_smallest();
  void release_up_to(std::uint64_t key);
  void release_consecutive();
  void release_full_window();
  void restart_with(std::uint64_t number, Item item, std::uint64_t now);
  void give_up_aside();
  void drop(Item item, DropReason reason)
  {
    ++(reason == DropReason::late ? stats_.late : stats_.duplicate);
    dropped_.push_back({std::move(item), reason});
  }

  ReorderOptions options_;
  SequenceKeys keys_;
  std::uint64_t first_;
  ReorderStats stats_;

  // Whether something has left since the start or the last restart; then next_ is what
  // follows it.
  bool started_ = false;
  std::uint64_t next_ = 0;
  std::uint64_t next_number_ = 0;
  std::uint64_t highest_ = 0;  // key of the most advanced item, if there was one
  bool discont_ = false;       // for the next to leave
  SkippedRanges skipped_;

  std::vector<Held> slots_;  // in no order, reused
  Slot free_ = no_slot;      // list of free slots, by `newer`
  Slot oldest_ = no_slot;
  Slot newest_ = no_slot;
  std::vector<Slot> order_;  // sorted by key, from order_begin_ on
  std::size_t order_begin_ = 0;
  std::optional<Aside> aside_;

  std::vector<Released> released_;
  std::size_t next_released_ = 0;
  std::vector<Dropped> dropped_;
  std::size_t next_dropped_ = 0;
};

template <class Item>
void Reorder<Item>::handle_item(std::uint64_t number, Item item, std::uint64_t now)
{
  number = keys_.number(number);
  if (aside_ && is_repeated_aside(number, now))
    return drop(std::move(item), DropReason::duplicate);
  if (started_ && number == next_number_ && drops_late()) {
    if (held() > 0)
      ++stats_.reordered;
    release(next_, number, std::move(item));
    return release_consecutive();
  }
  place(number, std::move(item), now);
}

// Settles what the item set aside was, unless `number` is the same again. The second number
// in a row from somewhere far behind says that the sender started anew.
template <class Item>
bool Reorder<Item>::is_repeated_aside(std::uint64_t number, std::uint64_t now)
{
  if (number == aside_->number)
    return true;
  if (number == keys_.next(aside_->number)) {
    auto first = std::move(*aside_);
    aside_.reset();
    restart_with(first.number, std::move(first.item), now);
  } else {
    give_up_aside();
  }
  return false;
}

template <class Item>
void Reorder<Item>::place(std::uint64_t number, Item item, std::uint64_t now)
{
  const bool any_before = started_ || held() > 0;
  const auto key = any_before ? keys_.key_near(number, highest_) : keys_.first_key(number);
  // Kamaelia knew no restarts: late=forward only has those that its arithmetic needs.
  if (any_before && key > highest_ && key - highest_ > max_jump &&
      (drops_late() || keys_.wraps()))
    return restart_with(number, std::move(item), now);
  if (started_ && key < next_) {
    if (drops_late())
      return handle_behind(key, number, std::move(item));
  } else if (any_before && key < highest_) {
    ++stats_.reordered;
  }
  hold(key, number, std::move(item), now);
}

template <class Item>
void Reorder<Item>::handle_behind(std::uint64_t key, std::uint64_t number, Item item)
{
  using Known = SkippedRanges::Known;
  const auto known = skipped_.find(key);
  const auto reason = known == Known::taken ? DropReason::duplicate : DropReason::late;
  if (next_ - key <= std::max<std::uint64_t>(max_misorder, options_.window) ||
      known == Known::skipped)
    return drop(std::move(item), reason);
  aside_.emplace(Aside{number, std::move(item), reason});
}

template <class Item>
void Reorder<Item>::hold(std::uint64_t key, std::uint64_t number, Item item, std::uint64_t now)
{
  const bool is_late = started_ && key < next_;
  const auto slot = new_slot(key, std::move(item), now);
  if (!insert(key, slot)) {
    auto doubled = std::move(*slots_[slot].item);
    free_slot(slot);
    if (!is_late && key < highest_)
      --stats_.reordered;
    return drop(std::move(doubled), DropReason::duplicate);
  }
  if (is_late)
    ++stats_.late;
  highest_ = std::max(highest_, key);
  if (drops_late() && !started_ && !keys_.wraps() && number == first_)
    release_up_to(key);
  release_full_window();
}

// False if there is an item with that key. Most items come last or nearly so.
template <class Item>
bool Reorder<Item>::insert(std::uint64_t key, Slot slot)
{
  const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(order_begin_);
  if (held() == 0 || slots_[order_.back()].key < key) {
    order_.push_back(slot);
    return true;
  }
  const auto at = std::lower_bound(begin, order_.end(), key, [this](Slot other, auto wanted) {
    return slots_[other].key < wanted;
  });
  if (slots_[*at].key == key)
    return false;
  if (order_begin_ > 0 && at - begin < order_.end() - at) {
    *std::move(begin, at, begin - 1) = slot;
    --order_begin_;
  } else {
    order_.insert(at, slot);
  }
  return true;
}

template <class Item>
typename Reorder<Item>::Slot Reorder<Item>::new_slot(std::uint64_t key, Item item,
                                                     std::uint64_t now)
{
  auto slot = free_;
  if (slot == no_slot) {
    slot = static_cast<Slot>(slots_.size());
    slots_.emplace_back();
  } else {
    free_ = slots_[slot].newer;
  }
  auto &held = slots_[slot];
  held.key = key;
  held.arrived = now;
  held.older = newest_;
  held.newer = no_slot;
  held.item.emplace(std::move(item));
  (newest_ == no_slot ? oldest_ : slots_[newest_].newer) = slot;
  newest_ = slot;
  return slot;
}

template <class Item>
void Reorder<Item>::free_slot(Slot slot)
{
  auto &held = slots_[slot];
  (held.older == no_slot ? oldest_ : slots_[held.older].newer) = held.newer;
  (held.newer == no_slot ? newest_ : slots_[held.newer].older) = held.older;
  held.item.reset();
  held.newer = free_;
  free_ = slot;
}

template <class Item>
void Reorder<Item>::release(std::uint64_t key, std::uint64_t number, Item item)
{
  Released out{std::move(item), number, std::exchange(discont_, false), 0, 0};
  if (!started_) {
    skipped_.reset(key);
    started_ = true;
  } else if (key > next_) {
    out.discont = true;
    out.first_missing = next_number_;
    out.missing = key - next_;
    stats_.lost += out.missing;
    skipped_.add(next_, out.missing);
  } else if (key < next_) {
    // late=forward: out of its place, and so is the one after it.
    out.discont = true;
    discont_ = true;
    released_.push_back(std::move(out));
    return;
  }
  next_ = key + 1;
  next_number_ = keys_.next(number);
  highest_ = std::max(highest_, key);
  released_.push_back(std::move(out));
}

template <class Item>
void Reorder<Item>::release_smallest()
{
  const auto slot = order_[order_begin_++];
  if (order_begin_ == order_.size()) {
    order_.clear();
    order_begin_ = 0;
  } else if (order_begin_ > order_.size() / 2) {
    order_.erase(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(order_begin_));
    order_begin_ = 0;
  }
  const auto key = slots_[slot].key;
  auto item = std::move(*slots_[slot].item);
  free_slot(slot);
  release(key, keys_.number_of(key), std::move(item));
}

template <class Item>
void Reorder<Item>::release_up_to(std::uint64_t key)
{
  while (held() > 0 && smallest().key <= key)
    release_smallest();
  release_consecutive();
}

template <class Item>
void Reorder<Item>::release_consecutive()
{
  while (drops_late() && started_ && held() > 0 && smallest().key == next_)
    release_smallest();
}

template <class Item>
void Reorder<Item>::release_full_window()
{
  while (held() >= options_.window)
    release_smallest();
  release_consecutive();
}

template <class Item>
void Reorder<Item>::handle_timeout(std::uint64_t now)
{
  if (options_.latency == 0)
    return;
  while (oldest_ != no_slot && now >= slots_[oldest_].arrived &&
         now - slots_[oldest_].arrived >= options_.latency)
    release_up_to(slots_[oldest_].key);
}

template <class Item>
std::optional<std::uint64_t> Reorder<Item>::next_timeout() const
{
  if (options_.latency == 0 || oldest_ == no_slot)
    return std::nullopt;
  return slots_[oldest_].arrived + options_.latency;
}

template <class Item>
void Reorder<Item>::drain()
{
  give_up_aside();
  while (held() > 0)
    release_smallest();
}

template <class Item>
void Reorder<Item>::give_up_aside()
{
  if (!aside_)
    return;
  auto aside = std::move(*aside_);
  aside_.reset();
  drop(std::move(aside.item), aside.reason);
}

// After a restart the first item is taken to be in its place, as RFC 3550 does it.
template <class Item>
void Reorder<Item>::restart_with(std::uint64_t number, Item item, std::uint64_t now)
{
  drain();
  ++stats_.restarts;
  started_ = false;
  discont_ = true;
  highest_ = 0;
  const auto key = keys_.first_key(number);
  if (drops_late())
    release(key, number, std::move(item));
  else
    hold(key, number, std::move(item), now);
}

template <class Item>
std::size_t Reorder<Item>::reset()
{
  const auto forgotten = size() + (released_.size() - next_released_);
  order_.clear();
  order_begin_ = 0;
  slots_.clear();
  free_ = oldest_ = newest_ = no_slot;
  aside_.reset();
  released_.clear();
  next_released_ = 0;
  dropped_.clear();
  next_dropped_ = 0;
  started_ = false;
  discont_ = false;
  highest_ = 0;
  return forgotten;
}

}  // namespace kam::framing
