// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/congestion_controller.hpp"

#include <algorithm>
#include <cmath>

namespace kam::srm {

namespace {

// Of a group, so many can be told apart: the one that is followed and some that may be next.
constexpr std::size_t most_nodes = 5;
constexpr auto shortest_probe_interval = 10 * millisecond;
constexpr auto longest_probe_interval = second;
// Who has not answered for so many round trips or probes, which can be lost too, is gone.
constexpr std::uint64_t silent_round_trips = 10;
constexpr std::uint64_t silent_probes = 4;
constexpr auto shortest_silence = 500 * millisecond;
// Somebody else is followed when he can take clearly less, or the choice would flutter.
constexpr double clearly_less = 0.9;
// A round trip time is the mean of some ten, and of a second at least, or a rate that empties a
// queue would look like one that a line could carry for good.
constexpr double smoothing = 0.1;
constexpr auto shortest_mean = second;

double in_seconds(std::uint64_t time)
{
  return static_cast<double>(time) / static_cast<double>(second);
}

}  // namespace

CongestionController::CongestionController(std::size_t packet_size, std::uint64_t min_rate,
                                           std::uint64_t grtt)
    : packet_size_{static_cast<double>(packet_size)},
      least_rate_{std::max(packet_size_, static_cast<double>(min_rate) / 8)},
      rate_{std::max(least_rate_,
                     packet_size_ / in_seconds(std::max<std::uint64_t>(grtt, microsecond)))}
{
}

std::uint64_t CongestionController::bits_per_second() const
{
  return static_cast<std::uint64_t>(rate_ * 8);
}

std::uint64_t CongestionController::probe_interval(std::uint64_t grtt) const
{
  const auto found = nodes_.find(limiting_);
  const auto rtt = found != nodes_.end() && found->second.rtt != 0 ? found->second.rtt : grtt;
  const auto packet_gap = static_cast<std::uint64_t>(packet_size_ / rate_ * 1e9);
  return std::clamp(std::max(rtt, packet_gap), shortest_probe_interval, longest_probe_interval);
}

std::uint64_t CongestionController::patience(std::uint64_t rtt, std::uint64_t grtt) const
{
  return std::max({silent_round_trips * std::max(rtt, grtt),
                   silent_probes * probe_interval(grtt), shortest_silence});
}

void CongestionController::handle_feedback(NodeId node, const CongestionFeedback &feedback,
                                           std::optional<std::uint64_t> rtt, std::uint64_t sent,
                                           std::uint64_t now, std::uint64_t grtt)
{
  silent_since_ = 0;
  if ((feedback.flags & congestion_flag::leaves) != 0) {
    nodes_.erase(node);
    choose_limiting();
    return;
  }
  const Node news{unquantise_rate(feedback.rate), 0,
                  (feedback.flags & congestion_flag::start) != 0, now};
  auto found = nodes_.find(node);
  if (found == nodes_.end()) {
    if (!make_room(news))
      return;
    found = nodes_.emplace(node, news).first;
  }
  auto &known = found->second;
  if (rtt)
    known.smooth(*rtt, now);
  known.rate = news.rate;
  known.starts = news.starts;
  known.heard_at = now;
  const auto limiting = nodes_.find(limiting_);
  if (limiting == nodes_.end() || is_worse(known, limiting->second, clearly_less))
    limiting_ = node;
  if (node == limiting_)
    follow(known, sent, now, grtt);
}

void CongestionController::Node::smooth(std::uint64_t sample, std::uint64_t now)
{
  sample = std::clamp<std::uint64_t>(sample, microsecond, longest_round_trip);
  if (rtt == 0)
    rtt = sample;
  const auto passed = in_seconds(now - heard_at) / in_seconds(shortest_mean);
  const auto weight = starts ? smoothing : std::min(smoothing, passed);
  const auto before = static_cast<double>(rtt);
  rtt = static_cast<std::uint64_t>(before + weight * (static_cast<double>(sample) - before));
}

// Who has lost nothing yet has no say beside one who has: what it asks for is a guess.
bool CongestionController::is_worse(const Node &one, const Node &other, double margin)
{
  return one.starts == other.starts ? one.rate < margin * other.rate : other.starts;
}

// For another one, at the cost of the one that matters least, if that matters less.
bool CongestionController::make_room(const Node &node)
{
  if (nodes_.size() < most_nodes)
    return true;
  const auto best = std::max_element(
      nodes_.begin(), nodes_.end(),
      [](const auto &one, const auto &other) { return is_worse(one.second, other.second); });
  if (!is_worse(node, best->second))
    return false;
  nodes_.erase(best);
  return true;
}

void CongestionController::choose_limiting()
{
  if (nodes_.contains(limiting_))
    return;
  const auto worst = std::min_element(
      nodes_.begin(), nodes_.end(),
      [](const auto &one, const auto &other) { return is_worse(one.second, other.second); });
  limiting_ = worst == nodes_.end() ? no_node : worst->first;
}

// Down at once; up by a packet per round trip and round trip, or while nobody has lost
// anything, as far as the receiver asks for, to the double in a round trip at most.
void CongestionController::follow(const Node &node, std::uint64_t sent, std::uint64_t now,
                                  std::uint64_t grtt)
{
  const auto elapsed = in_seconds(now - followed_at_);
  const auto used = static_cast<double>(sent - sent_then_) / std::max(elapsed, 1e-6);
  const bool is_used = followed_at_ != 0 && used > rate_ / 2;
  const auto rtt = in_seconds(node.rtt != 0 ? node.rtt : std::max(grtt, microsecond));
  if (node.rate < rate_) {
    if (!node.starts)
      rate_ = node.rate;
  } else if (is_used) {
    const auto round_trips = std::min(elapsed / rtt, 1.0);
    const auto more = node.starts ? rate_ * std::exp2(round_trips)
                                  : rate_ + packet_size_ * elapsed / (rtt * rtt);
    rate_ = std::min(node.rate, more);
  }
  rate_ = std::max(rate_, least_rate_);
  followed_at_ = std::max<std::uint64_t>(now, 1);
  sent_then_ = sent;
}

void CongestionController::handle_probe(bool is_busy, std::uint64_t now, std::uint64_t grtt)
{
  std::erase_if(nodes_, [&](const auto &entry) {
    return now >= entry.second.heard_at + patience(entry.second.rtt, grtt);
  });
  choose_limiting();
  if (!is_busy) {
    silent_since_ = 0;
  } else if (silent_since_ == 0) {
    silent_since_ = std::max<std::uint64_t>(now, 1);
  } else if (now >= silent_since_ + patience(0, grtt)) {
    silent_since_ = now;
    rate_ = std::max(rate_ / 2, least_rate_);
  }
}

const std::vector<CongestionNode> &CongestionController::list_nodes()
{
  listed_.clear();
  for (const auto &[node, known] : nodes_) {
    auto flags = node == limiting_ ? congestion_flag::limiting : congestion_flag::candidate;
    if (known.rtt != 0)
      flags |= congestion_flag::has_rtt;
    if (known.starts)
      flags |= congestion_flag::start;
    listed_.push_back({node, flags, quantise_rtt(known.rtt), quantise_rate(known.rate)});
  }
  return listed_;
}

}  // namespace kam::srm
