// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/srm/receiver.hpp"
#include "elements/base/srm/srmnetwork.hpp"
#include "net/burst_sender.hpp"
#include "net/packet_receiver.hpp"
#include "net/wait.hpp"

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace kam {

// Handles for the senders' addresses; the oldest are forgotten, so that forged ones cost
// nothing.
class SrmPeers {
 public:
  srm::PeerId id_of(const net::Endpoint &endpoint);
  // Nowhere if it has been forgotten.
  net::Endpoint endpoint_of(srm::PeerId id) const;

 private:
  static constexpr std::size_t capacity = 64;
  std::array<net::Endpoint, capacity> endpoints_;
  srm::PeerId next_ = 0;
  srm::PeerId last_ = 0;
};

// A receiver of reliable multicast with its socket. Who wants data receives it itself, in its
// own thread, so that none is handed from thread to thread. While it is away for more than a
// moment another thread listens instead, so that what is lost is asked for and acknowledged in
// time; the data waits in the receiver, whose buffer is bounded.
class SrmListener {
 public:
  SrmListener(SrmReceivingSocket socket, const srm::ReceiverOptions &options,
              std::uint64_t seed);
  ~SrmListener();
  SrmListener(const SrmListener &) = delete;
  SrmListener &operator=(const SrmListener &) = delete;

  // False if there is no thread to be had.
  bool start();

  enum class Outcome { done, interrupted, failed };
  // Waits until there is something, and appends some of it. The first sender that is heard is
  // the one that is followed, until it leaves, or is quiet while another is heard.
  Outcome receive(std::vector<srm::ReceiverEvent> &events);
  // Everything has come, but the sender has to learn that: answers it until it ends, or is not
  // heard any more.
  Outcome linger();
  // While it is on, nobody waits in receive().
  void interrupt(bool on);

  void set_latency(std::uint64_t latency);
  void set_policy(srm::Policy policy);
  struct Report {
    srm::ReceiverStats receiver;
    std::uint64_t dropped_packets = 0;  // by the kernel
    std::uint64_t refused_packets = 0;  // from where none are wanted
  };
  Report report() const;
  const SrmReceivingSocket &socket() const { return socket_; }
  // Why receive() has failed.
  std::optional<net::Error> failure() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  enum class Leader { nobody, streamer, helper };

  void run();
  void lead_or_wait(Lock &lock, std::optional<std::uint64_t> until);
  void leave();
  bool collect(std::vector<srm::ReceiverEvent> &events);
  std::optional<srm::SenderLeft> change_sender(const srm::ReceiverEvent &event);
  bool is_quiet() const;
  bool is_followed(const srm::ReceiverEvent &event);
  // One round of listening; lets the lock go meanwhile.
  void lead(Lock &lock, std::optional<std::uint64_t> until);
  void handle(const net::PacketReceiver::Result &received);
  void handle_packet(Bytes packet, const net::Endpoint &from, std::uint64_t now);
  void send_feedback();

  SrmReceivingSocket socket_;
  mutable std::mutex mutex_;
  std::condition_variable leader_changed_;
  std::condition_variable helper_needed_;
  srm::Receiver receiver_;
  net::BurstSender output_;
  SrmPeers peers_;
  srm::NodeId followed_ = srm::no_node;
  std::uint64_t heard_at_ = 0;  // the one that is followed
  std::uint64_t refused_packets_ = 0;
  std::uint64_t dropped_packets_ = 0;
  std::optional<net::Error> failure_;
  bool is_interrupted_ = false;
  bool quits_ = false;
  Leader leader_ = Leader::nobody;
  bool is_streamer_away_ = false;
  bool helper_sleeps_ = false;  // until it is told that the streamer has left
  std::uint64_t away_since_ = 0;

  net::PacketReceiver input_;  // the leader's
  net::Waker waker_;
  std::thread thread_;
};

}  // namespace kam
