// SPDX-License-Identifier: LGPL-2.1-or-later
// How often a receiver loses something, counted as TFRC does (RFC 5348, section 5): losses
// within a round trip time are one event, and what counts is the mean of the last intervals
// between events, the newer ones more.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace kam::srm {

// The bytes per second that TCP would send in packets of so many bytes (RFC 5348, section
// 3.1; RFC 5740, section 5.5.2.2). `rtt` in ns; `loss` is the share of loss events, above 0.
double tcp_friendly_rate(double packet_size, std::uint64_t rtt, double loss);

class LossHistory {
 public:
  // A packet that came, of those that the sender numbers. Losses are one event if they are
  // less than `rtt` apart. True if a first loss has come to light.
  bool handle_packet(std::uint16_t sequence, std::uint64_t now, std::uint64_t rtt);
  bool has_loss() const { return events_ > 0; }
  // What was before the first event is not known: as many packets as such a share of losses
  // would mean.
  void assume_before(double loss);
  // Events per packet; 0 if nothing was lost.
  double event_rate() const;

 private:
  static constexpr std::size_t intervals = 8;

  bool note_loss(std::uint64_t at, std::uint64_t now, std::uint64_t rtt);

  bool is_begun_ = false;
  std::uint64_t next_ = 0;       // the number that should come, counted on beyond 16 bits
  std::uint64_t hole_ = 0;       // the first that is missing and may still come
  unsigned missing_ = 0;         // how many from there; 0: none
  unsigned since_hole_ = 0;      // packets that came after it
  std::uint64_t hole_seen_ = 0;  // when
  std::uint64_t events_ = 0;
  std::uint64_t event_at_ = 0;  // when the last one began, and with which packet
  std::uint64_t event_number_ = 0;
  std::array<double, intervals> lengths_{};  // the newest first
  std::size_t known_ = 0;
};

}  // namespace kam::srm
