// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/srm/sender.hpp"
#include "elements/base/srm/srmnetwork.hpp"
#include "net/burst_sender.hpp"
#include "net/packet_receiver.hpp"
#include "net/wait.hpp"

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

namespace kam {

// A sender of reliable multicast with its sockets. Who writes sends as well, in its own
// thread, and hears the receivers between two bursts; another thread listens to them the rest
// of the time, watches the clock and sends repairs.
class SrmTransmitter {
 public:
  struct Callbacks {
    // From either thread, without any lock.
    std::function<void(const srm::SenderEvent &)> report;
    // The network failed; if it may recover, data counts as lost on the way meanwhile.
    std::function<void(const net::Error &, bool may_recover)> complain;
  };
  SrmTransmitter(SrmSendingSockets sockets, const srm::SenderOptions &options,
                 Callbacks callbacks);
  ~SrmTransmitter();
  SrmTransmitter(const SrmTransmitter &) = delete;
  SrmTransmitter &operator=(const SrmTransmitter &) = delete;

  // False if there is no thread to be had.
  bool start();

  enum class Outcome { done, interrupted, failed };
  void begin_stream(Bytes info);
  void begin_object(srm::ObjectKind kind, std::uint64_t size, Bytes info);
  void set_info(Bytes info);
  // What is still to be written of a message.
  struct Message {
    std::array<Bytes, 2> parts;
    bool is_begun = false;

    std::size_t size() const { return parts[0].size() + parts[1].size(); }
  };
  // Waits for room as long as it takes. If interrupted it may be called again for the rest;
  // a message that has begun and will not be ended is to be abandoned.
  Outcome write(Message &message);
  void abandon(const Message &message);
  // Sends what was written; with `everything` also what does not fill a packet.
  void send(bool everything);
  // Ends what was begun, and waits until those who count have it.
  Outcome finish();
  // While it is on, nobody waits here.
  void interrupt(bool on);

  void set_max_rate(std::uint64_t bits_per_second);
  void set_min_receivers(std::uint32_t receivers);
  struct Report {
    srm::SenderStats sender;
    std::vector<srm::Sender::ReceiverState> receivers;
    net::SendStatistics network;
  };
  Report report() const;
  const SrmSendingSockets &sockets() const { return sockets_; }

 private:
  using Lock = std::unique_lock<std::mutex>;
  static constexpr std::size_t max_bursts = 8;

  void run();
  bool wait_for_work();
  // These hold the lock.
  void listen_all(int max_rounds);
  void listen(net::PacketReceiver &receiver, bool unicast, int max_rounds);
  Outcome write_bytes(Lock &lock, Bytes &bytes, bool &is_begun);
  bool wait_for_room(Lock &lock, std::size_t bytes);
  Outcome stopped() const { return has_failed_ ? Outcome::failed : Outcome::interrupted; }
  void announce();
  void send_ready();
  bool send_backlog();
  bool send_bursts(std::span<const net::Burst> bursts);
  void keep_unsent(std::span<const net::Burst> bursts, const net::BurstSender::Result &sent);
  void handle_error(const net::Error &error);
  void wake_for_timers();
  void after_input();
  // Lets the lock go and tells what has happened.
  void tell(Lock &lock);

  SrmSendingSockets sockets_;
  Callbacks callbacks_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  srm::Sender sender_;
  net::BurstSender output_;
  // What the socket had no room for: a copy, as the sender goes on.
  struct Unsent {
    ByteVector bytes;
    std::size_t packet_size = 0;
  };
  std::vector<Unsent> backlog_;
  std::vector<net::Error> complaints_;
  std::size_t owed_ = 0;  // bytes of a message that was abandoned
  bool is_interrupted_ = false;
  bool has_failed_ = false;
  bool has_complained_ = false;
  bool quits_ = false;
  std::uint64_t sleeps_until_ = 0;  // the network thread; 0: it is awake

  net::PacketReceiver main_input_;
  std::optional<net::PacketReceiver> group_input_;
  std::uint64_t listened_at_ = 0;

  std::array<net::Watch, 2> watches_;  // only of the network thread

  net::Waker waker_;
  std::thread thread_;
};

}  // namespace kam
