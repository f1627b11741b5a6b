// SPDX-License-Identifier: LGPL-2.1-or-later
// A sender's part in congestion control (NORM-CC, RFC 5740, section 5.5.2, after TFMCC, RFC
// 4654): it follows the receiver that can take the least, and shares a line with TCP.
#pragma once

#include "core/srm/codec.hpp"
#include "core/srm/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace kam::srm {

class CongestionController {
 public:
  // Begins with one packet of `packet_size` bytes in each `grtt`, and never sends less than
  // `min_rate` bits per second or one packet in a second, whatever it is told.
  CongestionController(std::size_t packet_size, std::uint64_t min_rate, std::uint64_t grtt);

  // `rtt` is that of this answer, if it could be found. `sent` is what has been sent by now:
  // who sends less than it may is not given more.
  void handle_feedback(NodeId node, const CongestionFeedback &feedback,
                       std::optional<std::uint64_t> rtt, std::uint64_t sent, std::uint64_t now,
                       std::uint64_t grtt);
  // Before each probe; `is_busy`: data has been sent since the last one. Who does not answer
  // any more is let go of, and if nobody does, the rate falls.
  void handle_probe(bool is_busy, std::uint64_t now, std::uint64_t grtt);
  // When the next probe should follow: in a round trip time of the receiver that is followed,
  // but not more often than packets.
  std::uint64_t probe_interval(std::uint64_t grtt) const;

  std::uint64_t bits_per_second() const;
  NodeId limiting() const { return limiting_; }  // no_node: nobody has answered yet
  // For a probe: the receiver that is followed, those that may be next, those to be told their
  // round trip time.
  const std::vector<CongestionNode> &list_nodes();

 private:
  struct Node {
    double rate = 0;        // bytes per second, as it says
    std::uint64_t rtt = 0;  // smoothed; 0: not known
    bool starts = false;    // it has not lost anything yet
    std::uint64_t heard_at = 0;

    void smooth(std::uint64_t sample, std::uint64_t now);
  };
  static bool is_worse(const Node &one, const Node &other, double margin = 1);
  bool make_room(const Node &node);
  void choose_limiting();
  void follow(const Node &node, std::uint64_t sent, std::uint64_t now, std::uint64_t grtt);
  std::uint64_t patience(std::uint64_t rtt, std::uint64_t grtt) const;

  double packet_size_;
  double least_rate_;  // bytes per second, as is
  double rate_;
  std::map<NodeId, Node> nodes_;
  NodeId limiting_ = no_node;
  std::uint64_t followed_at_ = 0;
  std::uint64_t sent_then_ = 0;
  std::uint64_t silent_since_ = 0;  // nobody has answered while data was sent; 0: not so
  std::vector<CongestionNode> listed_;
};

}  // namespace kam::srm
