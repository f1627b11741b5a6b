// SPDX-License-Identifier: LGPL-2.1-or-later
#include "content.hpp"

#include "dice.hpp"

#include <algorithm>
#include <cstring>

namespace kam::sim {
namespace {

constexpr std::size_t word_size = 8;
constexpr std::uint64_t step = 0x9e3779b97f4a7c15U;

// The inverse of an odd number modulo 2^64, by Newton's method.
constexpr std::uint64_t inverse(std::uint64_t odd)
{
  auto result = odd;
  for (int i = 0; i < 6; ++i)
    result *= 2 - odd * result;
  return result;
}
static_assert(inverse(step) * step == 1);

}  // namespace

std::uint64_t Content::word(std::uint64_t index) const
{
  return mix(key_ + index * step);
}

void Content::write(std::uint64_t offset, MutableBytes out) const
{
  std::size_t done = 0;
  while (done < out.size()) {
    const auto at = (offset + done) % word_size;
    const auto value = word((offset + done) / word_size);
    const auto size = std::min<std::size_t>(word_size - at, out.size() - done);
    std::memcpy(out.data() + done, reinterpret_cast<const char *>(&value) + at, size);
    done += size;
  }
}

bool Content::is_at(std::uint64_t offset, Bytes bytes) const
{
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto at = (offset + done) % word_size;
    const auto value = word((offset + done) / word_size);
    const auto size = std::min<std::size_t>(word_size - at, bytes.size() - done);
    if (std::memcmp(bytes.data() + done, reinterpret_cast<const char *>(&value) + at, size) !=
        0)
      return false;
    done += size;
  }
  return true;
}

std::optional<std::uint64_t> Content::find(Bytes bytes, std::uint64_t from,
                                           std::uint64_t end) const
{
  if (bytes.size() < telling_size) {
    for (auto at = from; at + bytes.size() <= end; ++at)
      if (is_at(at, bytes))
        return at;
    return std::nullopt;
  }
  for (std::size_t skipped = 0; skipped < word_size; ++skipped) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + skipped, word_size);
    const auto index = (unmix(value) - key_) * inverse(step);
    if (index > end / word_size || index * word_size < skipped)
      continue;
    const auto at = index * word_size - skipped;
    if (at >= from && at + bytes.size() <= end && is_at(at, bytes))
      return at;
  }
  return std::nullopt;
}

std::optional<std::string> Track::take(Bytes bytes, std::uint64_t sent)
{
  delivered_ += bytes.size();
  if (!at_) {
    unplaced_.insert(unplaced_.end(), bytes.begin(), bytes.end());
    return unplaced_.size() < Content::telling_size ? std::nullopt : locate(sent);
  }
  if (*at_ + bytes.size() > sent)
    return "delivered up to " + std::to_string(*at_ + bytes.size()) + " where " +
           std::to_string(sent) + " were sent";
  if (!content_.is_at(*at_, bytes))
    return "what was delivered at " + std::to_string(*at_) + " is not what was sent";
  *at_ += bytes.size();
  return std::nullopt;
}

std::optional<std::string> Track::locate(std::uint64_t sent)
{
  const auto found = content_.find(unplaced_, floor_, sent);
  if (!found)
    return std::to_string(unplaced_.size()) +
           " bytes were delivered that were not sent between " + std::to_string(floor_) +
           " and " + std::to_string(sent);
  if (!first_)
    first_ = found;
  at_ = *found + unplaced_.size();
  unplaced_.clear();
  return std::nullopt;
}

std::optional<std::string> Track::lose(std::uint64_t sent)
{
  ++losses_;
  if (!at_ && !unplaced_.empty()) {
    if (auto fault = locate(sent))
      return fault;
  }
  floor_ = at_.value_or(floor_);
  at_.reset();
  return std::nullopt;
}

std::optional<std::string> Track::end(bool complete, std::uint64_t sent)
{
  // A few bytes stand in many places, but the last ones only there.
  if (!at_ && !unplaced_.empty() && complete && losses_ == 0 && unplaced_.size() <= sent)
    floor_ = sent - unplaced_.size();
  if (!at_ && !unplaced_.empty()) {
    if (auto fault = locate(sent))
      return fault;
  }
  if (complete && losses_ > 0)
    return "said to be complete after a loss";
  // Who came late may have nothing of it but its end.
  if (complete && at_.value_or(sent) != sent)
    return "said to be complete at " + std::to_string(at_.value_or(0)) + " of " +
           std::to_string(sent);
  return std::nullopt;
}

}  // namespace kam::sim
