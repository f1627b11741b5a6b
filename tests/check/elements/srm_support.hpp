// SPDX-License-Identifier: LGPL-2.1-or-later
// srmsink and srmsrc on loopback, and a network between them that loses packets.
#pragma once

#include "net/burst_sender.hpp"
#include "net/packet_receiver.hpp"
#include "net/udp_socket.hpp"
#include "net/wait.hpp"

#include "support/harness.hpp"
#include "support/random.hpp"

#include <gio/gio.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kam::test {

inline constexpr auto group = "239.255.77.3";

// One element with its properties, in a harness.
inline GstHarness *harness_of(const std::string &launch)
{
  auto *element = gst_parse_launch(launch.c_str(), nullptr);
  ck_assert(element != nullptr);
  gst_object_ref_sink(element);
  const bool is_sink = GST_OBJECT_FLAG_IS_SET(element, GST_ELEMENT_FLAG_SINK);
  auto *harness = gst_harness_new_with_element(element, is_sink ? "sink" : nullptr,
                                               is_sink ? nullptr : "src");
  gst_object_unref(element);
  return harness;
}

// The UDP port that an element has opened.
inline int used_port(GstElement *element)
{
  GSocket *socket = nullptr;
  g_object_get(element, "used-socket", &socket, nullptr);
  ck_assert(socket != nullptr);
  GSocketAddress *address = g_socket_get_local_address(socket, nullptr);
  const int port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address));
  g_object_unref(address);
  g_object_unref(socket);
  return port;
}

// A srmsrc that plays, and what comes out of it.
class SrmReceiving {
 public:
  explicit SrmReceiving(const std::string &properties)
      : h_{harness_of("srmsrc port=0 " + properties)}
  {
    bus_ = gst_bus_new();
    gst_element_set_bus(h_->element, bus_);
    gst_harness_use_systemclock(h_);
    gst_harness_play(h_);
  }
  ~SrmReceiving()
  {
    gst_element_set_bus(h_->element, nullptr);
    gst_object_unref(bus_);
    gst_harness_teardown(h_);
  }
  SrmReceiving(const SrmReceiving &) = delete;
  SrmReceiving &operator=(const SrmReceiving &) = delete;

  GstHarness *get() const { return h_; }
  GstElement *element() const { return h_->element; }
  GstBus *bus() const { return bus_; }
  int port() const { return used_port(h_->element); }
  // Waits for it.
  GstBuffer *pull() const
  {
    auto *buffer = gst_harness_pull(h_);
    ck_assert(buffer != nullptr);
    return buffer;
  }
  std::vector<ByteVector> pull(std::size_t count) const
  {
    std::vector<ByteVector> all;
    while (all.size() < count) {
      auto *buffer = pull();
      all.push_back(bytes_of(buffer));
      gst_buffer_unref(buffer);
    }
    return all;
  }
  // Waits for the next event of this type that is not sticky from before.
  GstEvent *pull_event(GstEventType type) const
  {
    for (;;) {
      auto *event = gst_harness_pull_event(h_);
      ck_assert_msg(event != nullptr, "no %s comes", gst_event_type_get_name(type));
      if (GST_EVENT_TYPE(event) == type)
        return event;
      gst_event_unref(event);
    }
  }
  void wait_for_eos() const { gst_event_unref(pull_event(GST_EVENT_EOS)); }

 private:
  GstHarness *h_;
  GstBus *bus_;
};

// A srmsink that plays.
class SrmSending {
 public:
  SrmSending(const std::string &properties, const char *caps = "application/octet-stream")
      : h_{harness_of("srmsink sync=false " + properties)}
  {
    bus_ = gst_bus_new();
    gst_element_set_bus(h_->element, bus_);
    gst_harness_use_systemclock(h_);
    gst_harness_set_src_caps_str(h_, caps);
  }
  ~SrmSending()
  {
    gst_element_set_bus(h_->element, nullptr);
    gst_object_unref(bus_);
    gst_harness_teardown(h_);
  }
  SrmSending(const SrmSending &) = delete;
  SrmSending &operator=(const SrmSending &) = delete;

  GstHarness *get() const { return h_; }
  GstElement *element() const { return h_->element; }
  GstBus *bus() const { return bus_; }
  void push(Bytes bytes) const
  {
    ck_assert_int_eq(gst_harness_push(h_, buffer_of(bytes)), GST_FLOW_OK);
  }
  bool end() const { return gst_harness_push_event(h_, gst_event_new_eos()) == TRUE; }

 private:
  GstHarness *h_;
  GstBus *bus_;
};

inline std::string to_group(int port)
{
  return "multicast-iface=lo ttl-mc=0 host=" + std::string{group} +
         " port=" + std::to_string(port) + " ";
}
inline std::string from_group()
{
  return "multicast-iface=lo ttl-mc=0 address=" + std::string{group} + " ";
}

inline GstMessage *pop_message(GstBus *bus, const char *name)
{
  for (;;) {
    auto *message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_ELEMENT);
    ck_assert_msg(message != nullptr, "no message %s", name);
    if (gst_structure_has_name(gst_message_get_structure(message), name))
      return message;
    gst_message_unref(message);
  }
}

inline guint64 srm_stat(GstElement *element, const char *key)
{
  GstStructure *stats = nullptr;
  g_object_get(element, "stats", &stats, nullptr);
  guint64 value = 0;
  ck_assert_msg(gst_structure_get_uint64(stats, key, &value), "no statistic %s", key);
  gst_structure_free(stats);
  return value;
}

// Carries unicast between a srmsink that sends to port() and a srmsrc, and loses some.
class LossyRelay {
 public:
  // Parts of a thousand, of what the sender and of what the receiver sends.
  LossyRelay(int receiver_port, unsigned data_loss, unsigned feedback_loss, std::uint32_t seed)
      : receiver_{*net::Endpoint::parse("127.0.0.1",
                                        static_cast<std::uint16_t>(receiver_port))},
        near_{open()},
        far_{open()},
        data_loss_{data_loss},
        feedback_loss_{feedback_loss},
        random_{seed}
  {
    thread_ = std::thread{[this] { run(); }};
  }
  ~LossyRelay()
  {
    quits_ = true;
    waker_.wake();
    thread_.join();
  }
  LossyRelay(const LossyRelay &) = delete;
  LossyRelay &operator=(const LossyRelay &) = delete;

  int port() const { return std::get<net::Endpoint>(near_.local()).port(); }

 private:
  static net::UdpSocket open()
  {
    auto socket = std::get<net::UdpSocket>(
        net::UdpSocket::open({*net::Endpoint::parse("127.0.0.1", 0), false}));
    socket.set_receive_buffer(std::size_t{8} << 20U);
    return socket;
  }

  void run()
  {
    net::PacketReceiver from_sender{near_.fd()};
    net::PacketReceiver from_receiver{far_.fd()};
    net::BurstSender to_sender{near_.fd()};
    net::BurstSender to_receiver{far_.fd()};
    while (!quits_) {
      std::array watches{net::Watch{near_.fd()}, net::Watch{far_.fd()}};
      if (net::wait(watches, waker_, std::nullopt) == net::WaitResult::woken)
        return;
      for (const auto &arrival : from_sender.receive().arrivals) {
        sender_ = arrival.from;
        pass(arrival.packets, data_loss_, to_receiver, receiver_);
      }
      for (const auto &arrival : from_receiver.receive().arrivals)
        pass(arrival.packets, feedback_loss_, to_sender, sender_);
    }
  }

  void pass(const net::Burst &packets, unsigned loss, net::BurstSender &output,
            const net::Endpoint &to)
  {
    net::for_each_packet(packets, [&](Bytes packet) {
      const net::Burst burst{packet, packet.size()};
      if (random_.below(1000) >= loss)
        output.send({&burst, 1}, to);
    });
  }

  net::Endpoint receiver_;
  net::Endpoint sender_;
  net::UdpSocket near_;
  net::UdpSocket far_;
  unsigned data_loss_;
  unsigned feedback_loss_;
  Random random_;
  net::Waker waker_;
  std::atomic<bool> quits_ = false;
  std::thread thread_;
};

}  // namespace kam::test
