// SPDX-License-Identifier: LGPL-2.1-or-later
// The way of packets from a BurstSender to a PacketReceiver.
#include "net/burst_sender.hpp"
#include "net/packet_receiver.hpp"

#include "net_support.hpp"
#include "support/random.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>

using namespace kam;
using namespace kam::net;
using test::address;
using test::assert_done;
using test::local_of;
using test::open_at;
using test::value_of;
using Packets = std::vector<ByteVector>;

namespace {

constexpr std::array both{Offload::if_possible, Offload::never};

Packets packets_of(const std::vector<Burst> &bursts)
{
  Packets packets;
  for (const auto &burst : bursts)
    for_each_packet(burst,
                    [&](Bytes bytes) { packets.emplace_back(bytes.begin(), bytes.end()); });
  return packets;
}

Packets bytes_of(const std::vector<test::Packet> &received)
{
  Packets packets;
  for (const auto &packet : received)
    packets.push_back(packet.bytes);
  return packets;
}

// A sender and a receiver, joined by loopback.
struct Path {
  explicit Path(const char *host, Offload sending = Offload::if_possible,
                Offload receiving = Offload::if_possible)
      : from{open_at(host)},
        to{open_at(host)},
        sender{from.fd(), sending},
        receiver{to.fd(), {receiving}}
  {
    to.set_receive_buffer(std::size_t{1} << 20U);
  }

  void carry(const std::vector<Burst> &bursts)
  {
    const auto result = sender.send(bursts, local_of(to));
    assert_done(result.error);
    ck_assert_uint_eq(result.bursts, bursts.size());
    const auto received = test::receive_all(receiver);
    const auto wanted = packets_of(bursts);
    ck_assert_uint_eq(received.size(), wanted.size());
    ck_assert(bytes_of(received) == wanted);
    for (const auto &packet : received)
      ck_assert(packet.from == local_of(from));
  }

  UdpSocket from;
  UdpSocket to;
  BurstSender sender;
  PacketReceiver receiver;
};

}  // namespace

START_TEST(every_size_arrives_with_and_without_offload)
{
  test::Random random{1};
  const auto data = random.bytes(max_udp_payload);
  for (const auto *host : {"127.0.0.1", "::1"})
    for (const auto sending : both)
      for (const auto receiving : both) {
        Path path{host, sending, receiving};
        for (std::size_t size = 1; size <= max_udp_payload; size += 1 + size / 7) {
          const auto count = std::min<std::size_t>(3 + size % 70, data.size() / size);
          const Bytes whole{data};
          path.carry({{whole.first(size), size}});
          path.carry({{whole.first(size * count), size}});
          // The last one shorter, and by as much as can be.
          path.carry({{whole.first(size * count - (size - 1)), size}});
        }
        path.carry({{data, max_udp_payload}});
      }
}
END_TEST

START_TEST(several_bursts_go_by_one_call)
{
  test::Random random{2};
  const auto data = random.bytes(100'000);
  const Bytes whole{data};
  for (const auto sending : both) {
    Path path{"127.0.0.1", sending};
    path.carry({});
    path.carry({{whole.first(0), 100}, {whole.first(0), 0}});
    path.carry({{whole.first(1000), 100},
                {whole.first(0), 100},
                {whole.subspan(1000, 1), 100},
                {whole.subspan(5000, 20'000), 1400},
                {whole.subspan(100, 64), 1},
                {whole.subspan(100, 65), 1},
                {whole.first(0), 7}});
  }
  Path path{"127.0.0.1"};
  path.carry({{whole.first(44 * 1400), 1400}, {whole.first(10), 5}, {whole.first(300), 100}});
  ck_assert_uint_eq(path.sender.statistics().packets, 44 + 2 + 3);
  ck_assert_uint_eq(path.sender.statistics().bytes, 44 * 1400 + 10 + 300);
  ck_assert_uint_eq(path.receiver.statistics().packets, 44 + 2 + 3);
  ck_assert_uint_eq(path.receiver.statistics().bytes, 44 * 1400 + 10 + 300);
  ck_assert_uint_eq(path.sender.statistics().calls, 1);
  ck_assert_uint_eq(path.receiver.statistics().calls, 1);
}
END_TEST

// A socket without checksums cannot offload, as little as one behind IPsec.
START_TEST(does_without_offload_where_there_is_none)
{
  test::Random random{3};
  const auto data = random.bytes(140'000);
  Path path{"127.0.0.1"};
  const int on = 1;
  ck_assert_int_eq(setsockopt(path.from.fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
  ck_assert(path.sender.is_offloading());
  path.carry({{Bytes{data}.first(10), 10}, {data, 1400}});
  ck_assert(!path.sender.is_offloading());
  path.carry({{data, 1400}});
}
END_TEST

START_TEST(says_what_was_too_long)
{
  const ByteVector data(2 * max_udp_payload + 2);
  for (const auto sending : both) {
    Path path{"127.0.0.1", sending};
    const std::array bursts{Burst{Bytes{data}.first(100), 100},
                            Burst{data, max_udp_payload + 1}};
    const auto result = path.sender.send(bursts, local_of(path.to));
    ck_assert(result.error.has_value());
    ck_assert_int_eq(result.error->code.value(), EMSGSIZE);
    ck_assert(result.error->what.find("65508 bytes") != std::string::npos);
    ck_assert_uint_eq(result.bursts, 1);
    ck_assert_uint_eq(result.bytes, 0);
    ck_assert(!result.is_blocked);
  }
}
END_TEST

START_TEST(says_how_much_went)
{
  // A socket that fills up, which one of UDP on loopback does not.
  std::array<int, 2> pair{};
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair.data()), 0);
  const auto from = FileDescriptor::own(pair[0]);
  const auto to = FileDescriptor::own(pair[1]);
  const int small = 4608;
  setsockopt(from.get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  test::Random random{4};
  const auto data = random.bytes(200'000);
  const std::array all{Burst{Bytes{data}.first(100'050), 100},
                       Burst{Bytes{data}.subspan(100'050), 100}};
  BurstSender sender{from.get(), Offload::never};
  PacketReceiver receiver{to.get()};
  Packets received;
  std::vector<Burst> rest{all.begin(), all.end()};
  unsigned blocked = 0;
  while (!rest.empty()) {
    const auto result = sender.send(rest, {});
    assert_done(result.error);
    ck_assert(result.is_blocked == (result.bursts < rest.size()));
    blocked += result.is_blocked ? 1U : 0U;
    rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(result.bursts));
    if (!rest.empty())
      rest.front().bytes = rest.front().bytes.subspan(result.bytes);
    for (auto &packet : bytes_of(test::receive_all(receiver)))
      received.push_back(std::move(packet));
  }
  ck_assert_uint_gt(blocked, 10);
  ck_assert(received == packets_of({all.begin(), all.end()}));
}
END_TEST

START_TEST(drops_what_does_not_fit)
{
  const auto to = open_at("127.0.0.1");
  const auto from = open_at("127.0.0.1");
  PacketReceiver receiver{to.fd(), {Offload::never, 100}};
  for (const auto *text : {"first", "second"}) {
    test::send_text(from, text, local_of(to));
    test::send_text(from, std::string(101, 'x'), local_of(to));
    test::send_text(from, std::string(100, 'y'), local_of(to));
  }
  const auto texts = test::texts_of(test::receive_all(receiver));
  const std::string fits(100, 'y');
  ck_assert((texts == std::vector<std::string>{"first", fits, "second", fits}));
  ck_assert_uint_eq(receiver.statistics().truncated, 2);
}
END_TEST

START_TEST(counts_what_the_system_dropped)
{
  Path path{"127.0.0.1", Offload::never, Offload::never};
  path.to.set_receive_buffer(0);
  const ByteVector data(200'000);
  const std::array bursts{Burst{data, 1000}};
  std::size_t received = 0;
  for (int round = 0; round < 3; ++round) {
    const auto result = path.sender.send(bursts, local_of(path.to));
    ck_assert_uint_eq(result.bursts, 1);
    received += test::receive_all(path.receiver).size();
  }
  test::send_text(path.from, "tells the count", local_of(path.to));
  received += test::receive_all(path.receiver).size();
  ck_assert_uint_gt(path.receiver.statistics().dropped, 0);
  ck_assert_uint_eq(path.receiver.statistics().dropped + received, 601);
}
END_TEST

START_TEST(empty_packets_are_left_out)
{
  const auto to = open_at("127.0.0.1");
  const auto from = open_at("127.0.0.1");
  const auto destination = local_of(to);
  ck_assert_int_eq(sendto(from.fd(), nullptr, 0, 0, destination.data(), destination.size()), 0);
  PacketReceiver receiver{to.fd()};
  const auto result = receiver.receive();
  assert_done(result.error);
  ck_assert_uint_eq(result.arrivals.size(), 0);
}
END_TEST

// A connected socket is told by ICMP that nobody listens; a receiver may start any time.
START_TEST(nobody_listening_is_no_error)
{
  const auto from = open_at("127.0.0.1");
  auto to = open_at("127.0.0.1");
  const auto destination = local_of(to);
  ck_assert_int_eq(connect(from.fd(), destination.data(), destination.size()), 0);
  to = open_at("127.0.0.1");
  const auto adopted = value_of(UdpSocket::adopt(from.fd()));
  BurstSender sender{adopted.fd()};
  PacketReceiver receiver{adopted.fd()};
  const auto data = as_bytes("0123456789");
  const std::array bursts{Burst{data, 2}};
  for (int round = 0; round < 5; ++round) {
    const auto result = sender.send(bursts, {});
    assert_done(result.error);
    ck_assert_uint_eq(result.bursts, 1);
    ck_assert_uint_eq(test::receive_all(receiver).size(), 0);
  }
}
END_TEST

START_TEST(a_closed_socket_is_an_error)
{
  int closed = -1;
  {
    const auto socket = open_at("127.0.0.1");
    closed = socket.fd();
  }
  PacketReceiver receiver{closed};
  ck_assert(receiver.receive().error.has_value());
  BurstSender sender{closed};
  const std::array bursts{Burst{as_bytes("x"), 1}};
  const auto result = sender.send(bursts, address("127.0.0.1", 9));
  ck_assert_int_eq(result.error->code.value(), EBADF);
  ck_assert(!is_transient(result.error->code));
  ck_assert(result.error->what.find("127.0.0.1:9") != std::string::npos);
}
END_TEST

CHECK_MAIN("burst", every_size_arrives_with_and_without_offload, several_bursts_go_by_one_call,
           does_without_offload_where_there_is_none, says_what_was_too_long, says_how_much_went,
           drops_what_does_not_fit, counts_what_the_system_dropped, empty_packets_are_left_out,
           nobody_listening_is_no_error, a_closed_socket_is_an_error)
