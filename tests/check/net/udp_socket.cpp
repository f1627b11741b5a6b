// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/udp_socket.hpp"

#include "net_support.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

using namespace kam;
using namespace kam::net;
using test::address;
using test::assert_done;
using test::local_of;
using test::loopback;
using test::open_at;
using test::value_of;
using Texts = std::vector<std::string>;

namespace {

// Nothing of it leaves the host.
const MulticastOutput by_loopback{test::loopback(), 0, true};

UdpSocket sender_by_loopback()
{
  auto socket = open_at("127.0.0.1");
  assert_done(socket.set_multicast_output(by_loopback));
  return socket;
}

Texts received(const UdpSocket &socket)
{
  return test::texts_of(test::receive_all(socket));
}

int option(const UdpSocket &socket, int level, int name)
{
  int value = 0;
  socklen_t size = sizeof value;
  ck_assert_int_eq(getsockopt(socket.fd(), level, name, &value, &size), 0);
  return value;
}

}  // namespace

START_TEST(takes_a_free_port)
{
  for (const auto *text : {"127.0.0.1", "::1", "0.0.0.0", "::"}) {
    const auto socket = open_at(text);
    const auto local = local_of(socket);
    ck_assert_uint_gt(local.port(), 0);
    ck_assert(local.has_address_of(address(text)));
  }
}
END_TEST

START_TEST(says_why_it_cannot_bind)
{
  const auto first = value_of(UdpSocket::open({address("127.0.0.1"), false}));
  const auto again = UdpSocket::open({local_of(first), false});
  ck_assert_int_eq(std::get<Error>(again).code.value(), EADDRINUSE);
  ck_assert(std::get<Error>(again).what.find("another program") != std::string::npos);
  const auto elsewhere = UdpSocket::open({address("192.0.2.254", 9)});
  ck_assert_int_eq(std::get<Error>(elsewhere).code.value(), EADDRNOTAVAIL);
  ck_assert(std::get<Error>(elsewhere).what.find("192.0.2.254:9") != std::string::npos);
}
END_TEST

START_TEST(ports_are_shared_if_wanted)
{
  const auto first = open_at("239.255.77.1");
  const auto again = UdpSocket::open({local_of(first)});
  ck_assert(std::holds_alternative<UdpSocket>(again));
}
END_TEST

START_TEST(adopts_only_udp_sockets)
{
  const auto mine = open_at("::1");
  {
    const auto adopted = value_of(UdpSocket::adopt(mine.fd()));
    ck_assert(adopted.family() == Family::ipv6);
    ck_assert(local_of(adopted) == local_of(mine));
  }
  ck_assert_uint_gt(local_of(mine).port(), 0);  // still open

  const auto tcp = FileDescriptor::own(socket(AF_INET, SOCK_STREAM, 0));
  ck_assert_int_eq(std::get<Error>(UdpSocket::adopt(tcp.get())).code.value(), EPROTOTYPE);
  const auto local = FileDescriptor::own(socket(AF_UNIX, SOCK_DGRAM, 0));
  ck_assert_int_eq(std::get<Error>(UdpSocket::adopt(local.get())).code.value(), EPROTOTYPE);
  ck_assert_int_eq(std::get<Error>(UdpSocket::adopt(-1)).code.value(), EBADF);
}
END_TEST

START_TEST(joins_and_leaves_a_group)
{
  // Whoever may open a socket may do this.
  if (getuid() == 0)
    ck_assert_int_eq(setuid(65534), 0);
  auto member = open_at("239.255.77.1");
  const auto group = local_of(member);
  const auto sender = sender_by_loopback();
  test::send_text(sender, "too early", group);
  assert_done(member.join(group, loopback()));
  test::send_text(sender, "hello", group);
  const auto packets = test::receive_all(member);
  ck_assert(test::texts_of(packets) == Texts{"hello"});
  ck_assert(packets[0].from == local_of(sender));
  assert_done(member.leave(group, loopback()));
  test::send_text(sender, "too late", group);
  ck_assert(received(member).empty());
  ck_assert(member.leave(group, loopback()).has_value());
}
END_TEST

START_TEST(other_groups_of_the_port_stay_away)
{
  auto member = open_at("0.0.0.0");
  const auto port = local_of(member).port();
  auto neighbour = open_at("0.0.0.0", port);
  const auto ours = address("239.255.77.1", port);
  const auto theirs = address("239.255.77.2", port);
  assert_done(member.join(ours, loopback()));
  assert_done(neighbour.join(theirs, loopback()));
  const auto sender = sender_by_loopback();
  test::send_text(sender, "ours", ours);
  test::send_text(sender, "theirs", theirs);
  ck_assert(received(member) == Texts{"ours"});
  ck_assert(received(neighbour) == Texts{"theirs"});
}
END_TEST

START_TEST(takes_only_the_sources_it_names)
{
  auto member = open_at("232.1.77.1");
  const auto group = local_of(member);
  assert_done(member.join(group, loopback(), address("127.0.0.1")));
  const auto wanted = sender_by_loopback();
  auto other = open_at("127.0.0.2");
  assert_done(other.set_multicast_output(by_loopback));
  test::send_text(other, "other", group);
  test::send_text(wanted, "wanted", group);
  ck_assert(received(member) == Texts{"wanted"});
  assert_done(member.join(group, loopback(), address("127.0.0.2")));
  test::send_text(other, "other", group);
  ck_assert(received(member) == Texts{"other"});
  assert_done(member.leave(group, loopback(), address("127.0.0.1")));
  test::send_text(wanted, "wanted", group);
  ck_assert(received(member).empty());
}
END_TEST

START_TEST(says_why_it_cannot_join)
{
  auto socket = open_at("0.0.0.0");
  const auto error = socket.join(address("127.0.0.1", 9), loopback());
  ck_assert(error.has_value());
  ck_assert(error->what.find("127.0.0.1 on lo") != std::string::npos);
}
END_TEST

START_TEST(loop_can_be_off)
{
  auto member = open_at("239.255.77.1");
  const auto group = local_of(member);
  assert_done(member.join(group, loopback()));
  auto sender = open_at("127.0.0.1");
  assert_done(sender.set_multicast_output({loopback(), 0, false}));
  ck_assert_int_eq(option(sender, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
  ck_assert_int_eq(option(sender, IPPROTO_IP, IP_MULTICAST_TTL), 0);
}
END_TEST

START_TEST(sets_what_the_packets_carry)
{
  auto ipv4 = open_at("127.0.0.1");
  assert_done(ipv4.set_ttl(7));
  assert_done(ipv4.set_dscp(46));
  ck_assert_int_eq(option(ipv4, IPPROTO_IP, IP_TTL), 7);
  ck_assert_int_eq(option(ipv4, IPPROTO_IP, IP_TOS), 46 << 2);
  auto ipv6 = open_at("::1");
  assert_done(ipv6.set_ttl(7));
  assert_done(ipv6.set_dscp(46));
  assert_done(ipv6.set_multicast_output(by_loopback));
  ck_assert_int_eq(option(ipv6, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 7);
  ck_assert_int_eq(option(ipv6, IPPROTO_IPV6, IPV6_TCLASS), 46 << 2);
  ck_assert_int_eq(option(ipv6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 0);
  ck_assert_int_eq(option(ipv6, IPPROTO_IPV6, IPV6_MULTICAST_IF),
                   static_cast<int>(loopback().index));
  ck_assert(ipv4.set_ttl(1000).has_value());
}
END_TEST

START_TEST(says_how_much_it_was_granted)
{
  auto socket = open_at("127.0.0.1");
  ck_assert_uint_eq(socket.set_receive_buffer(65536), 65536);
  ck_assert_uint_eq(socket.set_send_buffer(65536), 65536);
  if (getuid() == 0)
    ck_assert_int_eq(setuid(65534), 0);
  // Beyond the system's limit: as much as there is, and no lie about it.
  const auto granted = socket.set_receive_buffer(std::size_t{1} << 40U);
  ck_assert_uint_ge(granted, 65536);
  ck_assert_uint_lt(granted, std::size_t{1} << 30U);
  ck_assert_uint_eq(granted,
                    static_cast<std::size_t>(option(socket, SOL_SOCKET, SO_RCVBUF)) / 2);
}
END_TEST

START_TEST(a_filter_keeps_packets_away)
{
  auto socket = open_at("127.0.0.1");
  // The first byte of the payload has to be 'y'.
  const std::array program{sock_filter{BPF_LD | BPF_B | BPF_ABS, 0, 0, 8},
                           sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 'y'},
                           sock_filter{BPF_RET | BPF_K, 0, 0, 0xffffffffU},
                           sock_filter{BPF_RET | BPF_K, 0, 0, 0}};
  assert_done(socket.set_filter(program));
  const auto sender = open_at("127.0.0.1");
  for (const auto *text : {"no", "yes", "n", "y"})
    test::send_text(sender, text, local_of(socket));
  ck_assert((received(socket) == Texts{"yes", "y"}));
  const std::array wrong{sock_filter{BPF_JMP | BPF_JA, 0, 0, 100}};
  ck_assert(socket.set_filter(wrong).has_value());
}
END_TEST

// Loopback takes no multicast of IPv6; hops of 0 keep it on the host by any interface.
START_TEST(ipv6_groups)
{
  auto member = open_at("::");
  assert_done(member.join(address("ff12::7:7"), loopback()));
  assert_done(member.leave(address("ff12::7:7"), loopback()));

  ifaddrs *list = nullptr;
  ck_assert_int_eq(getifaddrs(&list), 0);
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, freeifaddrs};
  for (; list; list = list->ifa_next) {
    constexpr unsigned wanted = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
    const bool is_usable = (list->ifa_flags & wanted) == wanted && list->ifa_addr &&
                           list->ifa_addr->sa_family == AF_INET6;
    const auto own = is_usable ? Endpoint::from(list->ifa_addr, sizeof(sockaddr_in6))
                               : std::optional<Endpoint>{};
    if (!own || !IN6_IS_ADDR_LINKLOCAL(&own->ipv6()))
      continue;
    const auto interface = value_of(Interface::find(list->ifa_name));
    const auto group =
        address("ff12::7:7", local_of(member).port()).with_scope(interface.index);
    assert_done(member.join(group, interface));
    auto sender = open_at("::");
    assert_done(sender.set_multicast_output({interface, 0, true}));
    test::send_text(sender, "hello", group);
    const auto packets = test::receive_all(member);
    ck_assert(test::texts_of(packets) == Texts{"hello"});
    ck_assert_uint_eq(packets[0].from.port(), local_of(sender).port());
    return;
  }
}
END_TEST

CHECK_MAIN("udp_socket", takes_a_free_port, says_why_it_cannot_bind, ports_are_shared_if_wanted,
           adopts_only_udp_sockets, joins_and_leaves_a_group,
           other_groups_of_the_port_stay_away, takes_only_the_sources_it_names,
           says_why_it_cannot_join, loop_can_be_off, sets_what_the_packets_carry,
           says_how_much_it_was_granted, a_filter_keeps_packets_away, ipv6_groups)
