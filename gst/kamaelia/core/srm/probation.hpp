// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/srm/policy.hpp"

#include <cstdint>

namespace kam::srm {

// What does not follow from what is known so far, as another instance of a sender or a place
// far ahead, is believed when several packets in a row say so, some time apart, and none says
// otherwise in between. One that is forged, damaged or from long ago moves nothing.
class Probation {
 public:
  // A packet says `claim`; claims up to `span` apart are the same one. True: believe it.
  bool suggest(std::uint64_t claim, std::uint64_t span, std::uint64_t now)
  {
    const auto apart = claim > claim_ ? claim - claim_ : claim_ - claim;
    if (count_ == 0 || apart > span) {
      count_ = 0;
      since_ = now;
    }
    claim_ = claim;
    if (++count_ < packets_needed || now < since_ + time_needed)
      return false;
    count_ = 0;
    return true;
  }
  // A packet that follows from what is known.
  void deny() { count_ = 0; }

 private:
  static constexpr unsigned packets_needed = 3;
  static constexpr std::uint64_t time_needed = 20 * millisecond;

  std::uint64_t claim_ = 0;
  std::uint64_t since_ = 0;
  unsigned count_ = 0;
};

}  // namespace kam::srm
