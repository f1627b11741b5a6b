// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/reorder.hpp"

namespace kam::framing {

// Keys start far enough from 0 that half a round back does not run below it, and far enough
// from 2^64 that a stretch never reaches it.
SequenceKeys::SequenceKeys(std::uint64_t modulo) : modulo_{modulo}
{
  constexpr auto quarter = std::uint64_t{1} << 62U;
  assert(modulo <= 2 * quarter && modulo != 1);
  if (wraps() && modulo <= quarter)
    bias_ = (quarter + modulo - 1) / modulo * modulo;
}

std::uint64_t SequenceKeys::number(std::uint64_t any) const
{
  return wraps() && any >= modulo_ ? any % modulo_ : any;
}

std::uint64_t SequenceKeys::next(std::uint64_t number) const
{
  return wraps() && number + 1 == modulo_ ? 0 : number + 1;
}

std::uint64_t SequenceKeys::first_key(std::uint64_t number) const
{
  if (wraps() && bias_ == 0)
    return number < modulo_ / 2 ? number + modulo_ : number;
  return number + bias_;
}

// What is exactly half a round away counts as behind.
std::uint64_t SequenceKeys::key_near(std::uint64_t number, std::uint64_t reference) const
{
  if (!wraps())
    return number;
  const auto at = reference % modulo_;
  const auto ahead = number >= at ? number - at : modulo_ - (at - number);
  if (ahead <= (modulo_ - 1) / 2)
    return reference + ahead;
  return reference - (modulo_ - ahead);
}

std::uint64_t SequenceKeys::number_of(std::uint64_t key) const
{
  return wraps() ? key % modulo_ : key;
}

void SkippedRanges::reset(std::uint64_t first_key)
{
  oldest_ = 0;
  size_ = 0;
  horizon_ = first_key;
}

void SkippedRanges::add(std::uint64_t first_key, std::uint64_t count)
{
  if (size_ == ranges_.size()) {
    horizon_ = ranges_[oldest_].first + ranges_[oldest_].count;
    oldest_ = (oldest_ + 1) % ranges_.size();
    --size_;
  }
  ranges_[(oldest_ + size_) % ranges_.size()] = {first_key, count};
  ++size_;
}

SkippedRanges::Known SkippedRanges::find(std::uint64_t key) const
{
  if (key < horizon_)
    return Known::forgotten;
  // Most of what comes again or late comes soon: from the newest back.
  for (std::size_t i = size_; i > 0; --i) {
    const auto &range = ranges_[(oldest_ + i - 1) % ranges_.size()];
    if (key >= range.first + range.count)
      return Known::taken;
    if (key >= range.first)
      return range.count <= max_dropout ? Known::skipped : Known::skipped_in_long_range;
  }
  return Known::taken;
}

}  // namespace kam::framing
