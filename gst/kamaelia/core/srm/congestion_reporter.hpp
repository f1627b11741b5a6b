// SPDX-License-Identifier: LGPL-2.1-or-later
// A receiver's part in congestion control (NORM-CC, RFC 5740, section 5.5.2, after TFMCC, RFC
// 4654): it finds the rate that its way would carry beside TCP, and says so when the sender
// has to know.
#pragma once

#include "core/srm/codec.hpp"
#include "core/srm/loss_history.hpp"

#include <cstdint>
#include <optional>

namespace kam::srm {

class CongestionReporter {
 public:
  // From each packet of the sender, of `size` bytes.
  void handle_packet(std::uint16_t sequence, std::size_t size, std::uint64_t now,
                     std::uint64_t grtt);
  // What is to be answered to a probe: at once, after a random while, not at all. `wait` is
  // the while that chance has given.
  void handle_probe(const CongestionCommand &probe, NodeId self, std::uint64_t wait,
                    std::uint64_t now, std::uint64_t grtt);
  // When an answer is due. 0: none is.
  std::uint64_t due() const { return due_; }
  // What goes with an answer, or with a NACK, which is one too: nothing is due then any more.
  // Nothing before there has been something to measure.
  std::optional<CongestionFeedback> report(std::uint64_t now, std::uint64_t grtt);

 private:
  std::uint64_t rtt(std::uint64_t grtt) const { return rtt_ != 0 ? rtt_ : grtt; }
  bool has_measured() const { return received_rate_ > 0 || losses_.has_loss(); }
  void measure(std::uint64_t now, std::uint64_t grtt);
  double acceptable_rate(std::uint64_t grtt) const;
  void assume_loss_before(std::uint64_t grtt);

  LossHistory losses_;
  std::uint16_t cc_sequence_ = 0;
  std::uint8_t flags_ = 0;  // what the sender takes us for
  std::uint64_t rtt_ = 0;   // ours, as the sender has found it; 0: not yet
  std::uint64_t due_ = 0;
  double packet_size_ = 0;    // smoothed
  std::uint64_t since_ = 0;   // when what is measured begins; 0: nothing has come
  std::uint64_t bytes_ = 0;   // that came after that
  double received_rate_ = 0;  // bytes per second, in the last round trip or so
};

}  // namespace kam::srm
