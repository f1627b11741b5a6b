// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/srm/codec.hpp"
#include "core/srm/policy.hpp"

#include <algorithm>
#include <cstdint>

namespace kam::srm {

// The greatest round trip time of a group, as its sender finds it from what receivers answer
// to its probes (RFC 5740, section 5.5.2): follows a longer one at once and forgets it slowly.
class GrttEstimator {
 public:
  GrttEstimator(std::uint64_t initial, std::uint64_t minimum)
      : minimum_{minimum}, grtt_{std::max(initial, minimum)}
  {
  }

  void handle_sample(std::uint64_t rtt)
  {
    rtt = std::clamp<std::uint64_t>(rtt, minimum_, longest_round_trip);
    if (!measured_) {
      measured_ = true;
      grtt_ = rtt;
    } else if (rtt > grtt_) {
      grtt_ = grtt_ / 4 + rtt / 4 * 3;
    }
    peak_ = std::max(peak_, rtt);
  }
  // At the end of a probing interval.
  void handle_interval()
  {
    if (peak_ != 0 && peak_ < grtt_)
      grtt_ = std::max(minimum_, grtt_ / 4 * 3 + peak_ / 4);
    peak_ = 0;
  }

  std::uint64_t value() const { return grtt_; }
  // As receivers will read it.
  std::uint8_t quantised() const { return quantise_rtt(grtt_); }

 private:
  std::uint64_t minimum_;
  std::uint64_t grtt_;
  std::uint64_t peak_ = 0;
  bool measured_ = false;
};

}  // namespace kam::srm
