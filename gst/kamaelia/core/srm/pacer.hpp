// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/srm/policy.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kam::srm {

// Holds a stream of packets to a rate, exactly in the long run: who comes late may catch up
// for two milliseconds, not more.
class Pacer {
 public:
  explicit Pacer(std::uint64_t bits_per_second) : rate_{bits_per_second} {}

  void set_rate(std::uint64_t bits_per_second) { rate_ = bits_per_second; }
  std::uint64_t rate() const { return rate_; }
  bool is_limited() const { return rate_ != 0; }
  bool ready(std::uint64_t now) const { return rate_ == 0 || due_ <= now; }
  // When it is ready again.
  std::uint64_t due() const { return due_; }
  void spend(std::size_t bytes, std::uint64_t now)
  {
    if (rate_ == 0)
      return;
    const auto earliest = now > max_lag ? now - max_lag : 0;
    if (due_ < earliest) {
      due_ = earliest;
      fraction_ = 0;
    }
    // In whole nanoseconds, with the rest kept for the next time.
    const auto bits = std::uint64_t{bytes} * 8 * second + fraction_;
    due_ += bits / rate_;
    fraction_ = bits % rate_;
  }
  // The most that should go at once: half a millisecond's worth.
  std::size_t chunk() const
  {
    return rate_ == 0 ? ~std::size_t{0} : static_cast<std::size_t>(rate_ / 8 / 2000);
  }

 private:
  static constexpr std::uint64_t max_lag = 2 * millisecond;
  std::uint64_t rate_;
  std::uint64_t due_ = 0;
  std::uint64_t fraction_ = 0;
};

}  // namespace kam::srm
