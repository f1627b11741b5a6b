// SPDX-License-Identifier: LGPL-2.1-or-later
// One sender and some receivers of reliable multicast, joined by links that lose packets, in
// virtual time.
#pragma once

#include "core/srm/receiver.hpp"
#include "core/srm/sender.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <queue>
#include <random>
#include <vector>

namespace kam::test {

class SrmPipe {
 public:
  struct Node {
    Node(const srm::ReceiverOptions &options, std::uint64_t seed) : receiver{options, seed} {}
    srm::Receiver receiver;
    double loss = 0;  // of what comes from the sender
    // The line to it: bits per second (0: no limit), and what waits in front of it at most.
    std::uint64_t line_rate = 0;
    std::size_t line_queue = std::size_t{64} << 10U;
    std::uint64_t line_busy_until = 0;
    std::size_t line_drops = 0;
    ByteVector bytes;  // of all objects, one behind the other
    std::uint64_t lost_segments = 0;
    std::vector<srm::ReceiverEvent> events;  // but data
    std::vector<std::size_t> message_starts;
    bool takes = true;  // fetches what is there
  };

  SrmPipe(const srm::SenderOptions &options, std::uint32_t seed)
      : sender{options}, random_{seed}
  {
  }

  Node &add_receiver(srm::ReceiverOptions options, double loss = 0)
  {
    options.node = static_cast<srm::NodeId>(100 + nodes.size());
    nodes.push_back(std::make_unique<Node>(options, 7 + nodes.size()));
    nodes.back()->loss = loss;
    return *nodes.back();
  }

  // Runs until `done` or for so long.
  bool run(std::uint64_t duration, const std::function<bool()> &done = {})
  {
    const auto end = now + duration;
    while (now < end) {
      if (done && done())
        return true;
      step();
    }
    return done && done();
  }

  // Writes all, waiting for room.
  void write(Bytes bytes, bool message_start = true)
  {
    while (!bytes.empty()) {
      const auto taken = sender.push(bytes, message_start, now);
      message_start = message_start && taken == 0;
      bytes = bytes.subspan(taken);
      step();
    }
  }

  void step()
  {
    drain_sender();
    for (auto &node : nodes)
      drain(*node);
    auto next = now + srm::millisecond;
    if (!queue_.empty())
      next = std::min(next, queue_.top().at);
    next = std::min(next, sender.next_timeout().value_or(next));
    for (auto &node : nodes)
      next = std::min(next, node->receiver.next_timeout().value_or(next));
    now = std::max(now + srm::microsecond, next);
    sender.handle_timeout(now);
    for (auto &node : nodes)
      node->receiver.handle_timeout(now);
    while (!queue_.empty() && queue_.top().at <= now) {
      const auto packet = queue_.top();
      queue_.pop();
      if (packet.to == to_sender)
        sender.handle_packet(packet.bytes, packet.unicast, now);
      else
        nodes[packet.to]->receiver.handle_packet(packet.bytes, 1, now);
    }
  }

  srm::Sender sender;
  std::vector<std::unique_ptr<Node>> nodes;
  double feedback_loss = 0;
  std::uint64_t delay = 200 * srm::microsecond;
  std::uint64_t now = srm::second;
  std::vector<srm::SenderEvent> events;
  std::size_t packets = 0;

 private:
  static constexpr std::size_t to_sender = ~std::size_t{0};
  struct Packet {
    std::uint64_t at;
    std::uint64_t order;
    std::size_t to;
    bool unicast;
    ByteVector bytes;
    bool operator<(const Packet &other) const
    {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  bool loses(double probability)
  {
    return std::uniform_real_distribution<double>{0, 1}(random_) < probability;
  }

  // When it leaves the line; 0: there was no room to wait for it.
  std::uint64_t pass_line(Node &node, std::size_t size) const
  {
    if (node.line_rate == 0)
      return now;
    const auto takes = [&](std::size_t bytes) {
      return bytes * 8 * srm::second / node.line_rate;
    };
    const auto begins = std::max(now, node.line_busy_until);
    if (begins - now > takes(node.line_queue)) {
      ++node.line_drops;
      return 0;
    }
    node.line_busy_until = begins + takes(size);
    return node.line_busy_until;
  }

  void drain_sender()
  {
    while (const auto burst = sender.poll_burst(now)) {
      for (std::size_t at = 0; at < burst->bytes.size(); at += burst->packet_size) {
        const auto packet =
            burst->bytes.subspan(at, std::min(burst->packet_size, burst->bytes.size() - at));
        ++packets;
        for (std::size_t i = 0; i < nodes.size(); ++i) {
          const auto left = loses(nodes[i]->loss) ? 0 : pass_line(*nodes[i], packet.size());
          if (left != 0)
            queue_.push({left + delay, order_++, i, false, {packet.begin(), packet.end()}});
        }
      }
    }
    while (auto event = sender.poll_event())
      events.push_back(std::move(*event));
  }

  void drain(Node &node)
  {
    while (auto event = node.takes ? node.receiver.poll_event() : std::nullopt) {
      if (const auto *const data = std::get_if<srm::ObjectData>(&*event)) {
        if (data->message_start)
          node.message_starts.push_back(node.bytes.size() + *data->message_start);
        node.bytes.insert(node.bytes.end(), data->piece.bytes.begin(), data->piece.bytes.end());
        continue;
      }
      if (const auto *const lost = std::get_if<srm::DataLost>(&*event))
        node.lost_segments += lost->segments;
      node.events.push_back(std::move(*event));
    }
    while (const auto feedback = node.receiver.poll_feedback()) {
      const ByteVector bytes{feedback->bytes.begin(), feedback->bytes.end()};
      if (!loses(feedback_loss))
        queue_.push({now + delay, order_++, to_sender, !feedback->to_group, bytes});
      for (std::size_t i = 0; feedback->to_group && i < nodes.size(); ++i) {
        if (nodes[i].get() != &node && !loses(feedback_loss))
          queue_.push({now + delay, order_++, i, false, bytes});
      }
    }
  }

  std::mt19937 random_;
  std::uint64_t order_ = 0;
  std::priority_queue<Packet> queue_;
};

template <class Event, class Events>
std::size_t count_events(const Events &events)
{
  return static_cast<std::size_t>(
      std::count_if(events.begin(), events.end(),
                    [](const auto &e) { return std::holds_alternative<Event>(e); }));
}

}  // namespace kam::test
