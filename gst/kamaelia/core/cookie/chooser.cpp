// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/chooser.hpp"

#include <cassert>
#include <numeric>
#include <utility>

namespace kam::cookie {

Chooser::Chooser(Order order, std::size_t count, std::uint64_t seed, std::uint64_t first)
    : order_{order}, count_{count}, random_{seed}
{
  assert(count > 0);
  if (order == Order::sequential)
    position_ = first % count;
}

std::size_t Chooser::next()
{
  if (order_ == Order::random)
    return random_.below(count_);
  if (order_ == Order::shuffle && position_ == shuffled_.size())
    shuffle();
  const auto position = position_++;
  if (order_ == Order::shuffle)
    return shuffled_[position];
  position_ %= count_;
  return position;
}

void Chooser::shuffle()
{
  position_ = 0;
  const bool is_first = shuffled_.empty();
  if (is_first) {
    shuffled_.resize(count_);
    std::iota(shuffled_.begin(), shuffled_.end(), 0U);
  }
  const auto last = shuffled_.back();
  for (std::size_t i = count_; i > 1; --i)
    std::swap(shuffled_[i - 1], shuffled_[random_.below(i)]);
  // Nobody wants to hear twice in a row what came last.
  if (!is_first && count_ > 1 && shuffled_.front() == last)
    std::swap(shuffled_.front(), shuffled_[1 + random_.below(count_ - 1)]);
}

}  // namespace kam::cookie
