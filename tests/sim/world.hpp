// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs a scenario: virtual time, a heap of what happens next, and the checks.
#pragma once

#include "content.hpp"
#include "scenario.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace kam::sim {

// What a core did that it must not do, or did not do that it must.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Summary {
  std::uint64_t events = 0;
  std::uint64_t nanoseconds = 0;  // of virtual time
  std::uint64_t packets = 0;      // sent by senders
  std::uint64_t repairs = 0;      // packets among them
  std::uint64_t repair_bursts = 0;
  std::uint64_t nacks = 0;
  std::uint64_t suppressed = 0;
  std::uint64_t segments_lost = 0;
  std::uint64_t bytes_delivered = 0;
};

class World {
 public:
  World(const Scenario &scenario, bool trace);
  ~World();
  World(const World &) = delete;
  World &operator=(const World &) = delete;

  // Until nothing happens any more.
  void run();
  // Is told of each packet that arrives: at which node, senders first, and when by its clock.
  std::function<void(std::uint32_t, std::uint64_t, Bytes)> observer;
  Summary summary() const;

 private:
  enum class What : std::uint8_t { arrivals, wake, write, join, die, revive, resume };
  struct Happening {
    std::uint64_t at = 0;
    std::uint64_t order = 0;
    std::uint32_t node = 0;
    What what = What::wake;
    std::uint32_t fan = 0;

    friend bool operator>(const Happening &left, const Happening &right)
    {
      return std::tie(left.at, left.order) > std::tie(right.at, right.order);
    }
  };
  struct Packet {
    ByteVector bytes;
    std::uint32_t from = 0;
    std::uint32_t uses = 0;
    bool unicast = false;
  };
  struct Arrival {
    std::uint64_t at = 0;
    std::uint32_t node = 0;
    std::uint32_t packet = 0;
  };
  // One packet on its way to all, in the order in which it arrives.
  struct Fan {
    std::vector<Arrival> arrivals;
    std::size_t next = 0;
  };
  struct SenderNode;
  struct ReceiverNode;
  // What became of one object, of a sender's instance, at one receiver.
  using ResultKey = std::tuple<std::uint32_t, std::uint16_t, std::uint16_t>;
  struct Result {
    bool begun = false;
    bool has_info = false;
    bool ended = false;
    bool complete = false;
    std::unique_ptr<Track> track;
  };

  [[noreturn]] void fail(const std::string &what) const;
  template <class... Words>
  void trace(const Words &...words);
  // A node's name, made only if somebody wants to read it.
  struct Name {
    const World *world;
    std::uint32_t node;

    std::string text() const;
    friend std::ostream &operator<<(std::ostream &out, const Name &name)
    {
      return out << name.text();
    }
    friend std::string operator+(const Name &name, const std::string &rest)
    {
      return name.text() + rest;
    }
  };
  Name name_of(std::uint32_t node) const { return {this, node}; }

  void schedule(std::uint64_t at, std::uint32_t node, What what, std::uint32_t fan = 0);
  void schedule_wake(std::uint32_t node, std::optional<std::uint64_t> local);
  void handle(const Happening &happening);
  bool is_sender(std::uint32_t node) const { return node < senders_.size(); }
  SenderNode &sender(std::uint32_t node) { return *senders_[node]; }
  ReceiverNode &receiver(std::uint32_t node) { return *receivers_[node - senders_.size()]; }
  std::uint64_t local(std::uint32_t node) const;
  Link &link(std::uint32_t node, bool up);
  bool is_there(std::uint32_t node) const;

  // --- the network
  void send(std::uint32_t from, Bytes bytes, std::optional<std::uint32_t> to);
  void carry(std::uint32_t fan, std::uint32_t to, std::uint32_t packet, std::uint64_t delay);
  std::uint32_t new_fan();
  void schedule_fan(std::uint32_t fan);
  void handle_arrivals(std::uint32_t fan);
  std::uint32_t store(ByteVector bytes, std::uint32_t from, bool unicast);
  void release(std::uint32_t packet);
  ByteVector damaged(Bytes bytes);
  void deliver(std::uint32_t node, std::uint32_t packet);

  // --- senders
  void begin_sender(std::uint32_t node);
  void drain_sender(std::uint32_t node);
  void write(std::uint32_t node);
  void go_on_writing(std::uint32_t node);
  bool begin_next_object(SenderNode &sender);
  std::uint64_t key_of(std::uint32_t node, std::uint16_t instance, std::uint16_t object) const;
  static std::string info_of(std::uint16_t instance, std::uint16_t object);
  void count_burst(const srm::Burst &burst);
  void check_rate(const SenderNode &sender) const;

  // --- receivers
  void begin_receiver(std::uint32_t node);
  void drain_receiver(std::uint32_t node);
  void check_event(std::uint32_t node, const srm::ReceiverEvent &event);
  Result *result_of(std::uint32_t node, srm::NodeId from, std::uint16_t object);
  std::uint64_t sent_of(std::uint32_t node, std::uint16_t instance, std::uint16_t object) const;
  void check_end() const;
  void check_received_all(std::uint32_t node) const;

  const Scenario &scenario_;
  bool is_traced_;
  Dice dice_;
  std::uint64_t now_ = 0;
  std::uint64_t orders_ = 0;
  std::uint64_t at_once_ = 0;  // happenings since time last went on
  std::priority_queue<Happening, std::vector<Happening>, std::greater<>> heap_;
  std::vector<Packet> packets_;
  std::vector<std::uint32_t> free_packets_;
  std::vector<Fan> fans_;
  std::vector<std::uint32_t> free_fans_;
  std::vector<std::unique_ptr<SenderNode>> senders_;
  std::vector<std::unique_ptr<ReceiverNode>> receivers_;
  Summary summary_;
};

// A line about a packet.
std::string describe_packet(Bytes packet);

}  // namespace kam::sim
