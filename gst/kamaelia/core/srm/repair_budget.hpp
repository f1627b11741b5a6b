// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/srm/policy.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace kam::srm {

// How much may be sent again: so many bits per second, or no more than was sent for the first
// time lately, so that forged requests cannot make a sender flood its group.
class RepairBudget {
 public:
  // 0: as much as the data.
  explicit RepairBudget(std::uint64_t bits_per_second) : limit_{bits_per_second / 8} {}

  // Data has been sent for the first time. Pauses do not count.
  void note_data(std::size_t bytes, std::uint64_t now)
  {
    if (last_data_ != 0 && now > last_data_)
      measured_time_ += std::min(now - last_data_, longest_gap);
    last_data_ = std::max<std::uint64_t>(now, 1);
    measured_bytes_ += bytes;
    if (measured_time_ < interval)
      return;
    const auto sample = bytes_per_second(measured_time_);
    // A slow moment says little of what the network can take.
    data_rate_ = std::max(sample, data_rate_ / 4 * 3 + sample / 4);
    measured_time_ = measured_bytes_ = 0;
  }

  bool ready(std::uint64_t now) const { return due_ <= now; }
  std::uint64_t due() const { return due_; }
  void spend(std::size_t bytes, std::uint64_t now)
  {
    due_ = std::max(due_, now > savings ? now - savings : 0);
    due_ += std::uint64_t{bytes} * second / rate();
  }

 private:
  static constexpr std::uint64_t interval = 100 * millisecond;
  static constexpr std::uint64_t longest_gap = 20 * millisecond;
  // What was not needed for so long may be sent at once.
  static constexpr std::uint64_t savings = 200 * millisecond;
  static constexpr std::uint64_t least = 125'000;  // bytes per second

  std::uint64_t bytes_per_second(std::uint64_t time) const
  {
    return static_cast<std::uint64_t>(static_cast<double>(measured_bytes_) * 1e9 /
                                      static_cast<double>(time));
  }
  std::uint64_t rate() const
  {
    if (limit_ != 0)
      return limit_;
    // At the beginning, what there has been until now.
    return std::max(
        {least, data_rate_,
         data_rate_ == 0 ? bytes_per_second(std::max(measured_time_, longest_gap)) : 0});
  }

  std::uint64_t limit_;
  std::uint64_t data_rate_ = 0;  // bytes per second
  std::uint64_t measured_bytes_ = 0;
  std::uint64_t measured_time_ = 0;
  std::uint64_t last_data_ = 0;
  std::uint64_t due_ = 0;
};

}  // namespace kam::srm
