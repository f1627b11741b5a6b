// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/congestion_reporter.hpp"

#include "core/srm/policy.hpp"

#include <algorithm>

namespace kam::srm {

namespace {

// A rate that is measured over less is chance.
constexpr auto shortest_measure = 10 * millisecond;
constexpr double smoothing = 0.05;
// Who can take that much of what the one who decides can, or more, has nothing to say (RFC
// 4654, section 2.5.2); so a crowd on one line does not answer as a crowd.
constexpr double clearly_less = 0.9;

}  // namespace

void CongestionReporter::handle_packet(std::uint16_t sequence, std::size_t size,
                                       std::uint64_t now, std::uint64_t grtt)
{
  const auto bytes = static_cast<double>(size);
  packet_size_ = packet_size_ == 0 ? bytes : packet_size_ + smoothing * (bytes - packet_size_);
  if (since_ == 0)
    since_ = std::max<std::uint64_t>(now, 1);
  else
    bytes_ += size;
  measure(now, grtt);
  if (losses_.handle_packet(sequence, now, rtt(grtt)))
    assume_loss_before(grtt);
}

void CongestionReporter::measure(std::uint64_t now, std::uint64_t grtt)
{
  const auto span = now - since_;
  // A sender sends a packet in each GRTT at least, however slow it is.
  if (since_ == 0 || span < std::max(grtt, shortest_measure))
    return;
  received_rate_ = static_cast<double>(bytes_) * 1e9 / static_cast<double>(span);
  bytes_ = 0;
  since_ = now;
}

// The first loss says nothing of how often there are any, but at which rate it came (RFC 5348,
// section 6.3.1).
void CongestionReporter::assume_loss_before(std::uint64_t grtt)
{
  const auto round_trip = static_cast<double>(std::max<std::uint64_t>(rtt(grtt), 1)) / 1e9;
  const auto rate = received_rate_ > 0 ? received_rate_ : packet_size_ / round_trip;
  double low = 1e-8;
  double high = 1;
  for (int i = 0; i < 40; ++i) {
    const auto middle = (low + high) / 2;
    const bool is_too_fast = tcp_friendly_rate(packet_size_, rtt(grtt), middle) > rate;
    (is_too_fast ? low : high) = middle;
  }
  losses_.assume_before(high);
}

double CongestionReporter::acceptable_rate(std::uint64_t grtt) const
{
  if (!losses_.has_loss())
    return 2 * received_rate_;
  return tcp_friendly_rate(packet_size_, rtt(grtt), losses_.event_rate());
}

void CongestionReporter::handle_probe(const CongestionCommand &probe, NodeId self,
                                      std::uint64_t wait, std::uint64_t now, std::uint64_t grtt)
{
  cc_sequence_ = probe.cc_sequence;
  flags_ = 0;
  double limit = 0;
  for (std::size_t i = 0; i < probe.nodes.size(); ++i) {
    const auto node = probe.nodes[i];
    if (node.node == self) {
      flags_ = node.flags & (congestion_flag::limiting | congestion_flag::candidate);
      if ((node.flags & congestion_flag::has_rtt) != 0)
        rtt_ = unquantise_rtt(node.rtt);
    } else if ((node.flags & congestion_flag::limiting) != 0) {
      limit = unquantise_rate(node.rate);
    }
  }
  measure(now, grtt);
  if (flags_ != 0) {
    due_ = std::max<std::uint64_t>(now, 1);
  } else if (!has_measured() || (limit != 0 && acceptable_rate(grtt) >= clearly_less * limit)) {
    due_ = 0;
  } else if (due_ == 0) {
    due_ = std::max<std::uint64_t>(now + wait, 1);
  }
}

std::optional<CongestionFeedback> CongestionReporter::report(std::uint64_t now,
                                                             std::uint64_t grtt)
{
  measure(now, grtt);
  due_ = 0;
  if (!has_measured())
    return std::nullopt;
  auto flags = flags_;
  if (rtt_ != 0)
    flags |= congestion_flag::has_rtt;
  if (!losses_.has_loss())
    flags |= congestion_flag::start;
  return CongestionFeedback{cc_sequence_, flags, quantise_rtt(rtt(grtt)),
                            quantise_loss(losses_.event_rate()),
                            quantise_rate(acceptable_rate(grtt))};
}

}  // namespace kam::srm
