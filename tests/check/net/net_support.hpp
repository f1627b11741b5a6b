// SPDX-License-Identifier: LGPL-2.1-or-later
// Sockets on loopback for the tests of net/.
#pragma once

#include "net/packet_receiver.hpp"
#include "net/udp_socket.hpp"
#include "net/wait.hpp"

#include "support/check_main.hpp"

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace kam::test {

template <class Value>
Value value_of(std::variant<Value, net::Error> result)
{
  if (const auto *error = std::get_if<net::Error>(&result))
    ck_abort_msg("%s", error->what.c_str());
  return std::get<Value>(std::move(result));
}

inline void assert_done(const std::optional<net::Error> &error)
{
  if (error)
    ck_abort_msg("%s", error->what.c_str());
}

inline net::Endpoint address(const std::string &text, std::uint16_t port = 0)
{
  return net::Endpoint::parse(text, port).value();
}

inline net::UdpSocket open_at(const std::string &text, std::uint16_t port = 0)
{
  return value_of(net::UdpSocket::open({address(text, port)}));
}

inline net::Endpoint local_of(const net::UdpSocket &socket)
{
  return value_of(socket.local());
}

inline net::Interface loopback()
{
  return value_of(net::Interface::find("lo"));
}

struct Packet {
  ByteVector bytes;
  net::Endpoint from;
};

// What has come by now; loopback delivers within the send.
inline std::vector<Packet> receive_all(net::PacketReceiver &receiver)
{
  std::vector<Packet> packets;
  for (;;) {
    const auto result = receiver.receive();
    assert_done(result.error);
    if (result.arrivals.empty())
      return packets;
    for (const auto &arrival : result.arrivals)
      net::for_each_packet(arrival.packets, [&](Bytes bytes) {
        packets.push_back({{bytes.begin(), bytes.end()}, arrival.from});
      });
  }
}

inline std::vector<Packet> receive_all(const net::UdpSocket &socket)
{
  net::PacketReceiver receiver{socket.fd()};
  return receive_all(receiver);
}

inline void send_text(const net::UdpSocket &socket, std::string_view text,
                      const net::Endpoint &to)
{
  net::BurstSender sender{socket.fd()};
  const net::Burst burst{as_bytes(text), text.size()};
  const auto result = sender.send({&burst, 1}, to);
  assert_done(result.error);
  ck_assert_uint_eq(result.bursts, 1);
}

inline std::vector<std::string> texts_of(const std::vector<Packet> &packets)
{
  std::vector<std::string> texts;
  for (const auto &packet : packets)
    texts.emplace_back(as_text(packet.bytes));
  return texts;
}

}  // namespace kam::test
