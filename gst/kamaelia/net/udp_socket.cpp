// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/udp_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>

namespace kam::net {

namespace {

int ip_level(Family family)
{
  return family == Family::ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
}

int get_option(int fd, int level, int name)
{
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, name, &value, &size) == 0 ? value : -1;
}

std::optional<Error> set_option(int fd, int level, int name, int value, const char *failed)
{
  if (setsockopt(fd, level, name, &value, sizeof value) != 0)
    return last_error(failed);
  return std::nullopt;
}

// The kernel doubles what it is told, for its own needs, and says the double.
std::size_t set_buffer(int fd, int forced_option, int option, std::size_t bytes)
{
  const int size = static_cast<int>(std::min<std::size_t>(bytes, INT_MAX / 2));
  if (setsockopt(fd, SOL_SOCKET, forced_option, &size, sizeof size) != 0)
    setsockopt(fd, SOL_SOCKET, option, &size, sizeof size);
  return static_cast<std::size_t>(std::max(get_option(fd, SOL_SOCKET, option), 0)) / 2;
}

std::string cannot_bind(const Endpoint &local, int reason)
{
  auto text = "Cannot bind a socket to " + local.text();
  if (reason == EADDRINUSE)
    text += ", which another program has for itself";
  else if (reason == EADDRNOTAVAIL)
    text += ", which is no address of this machine";
  return text;
}

sockaddr_storage storage_of(const Endpoint &endpoint)
{
  sockaddr_storage storage{};
  std::memcpy(&storage, endpoint.data(), endpoint.size());
  return storage;
}

}  // namespace

std::variant<UdpSocket, Error> UdpSocket::open(const UdpOptions &options)
{
  const bool is_ipv6 = options.local.family() == Family::ipv6;
  auto fd = FileDescriptor::own(
      socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd)
    return last_error("Cannot make a UDP socket");
  UdpSocket opened{std::move(fd), is_ipv6 ? Family::ipv6 : Family::ipv4};
  if (options.reuse)
    if (auto error =
            set_option(opened.fd(), SOL_SOCKET, SO_REUSEADDR, 1, "Cannot share the port"))
      return *error;
  // So that [::]:port and 0.0.0.0:port are two, whatever the system's default is.
  if (is_ipv6)
    if (auto error =
            set_option(opened.fd(), IPPROTO_IPV6, IPV6_V6ONLY, 1, "Cannot use only IPv6"))
      return *error;
  if (auto error = opened.set_ip_option(IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, 0,
                                        "Cannot keep other groups' packets away"))
    return *error;
  if (bind(opened.fd(), options.local.data(), options.local.size()) != 0) {
    const int reason = errno;
    return error_of(reason, cannot_bind(options.local, reason));
  }
  return opened;
}

std::variant<UdpSocket, Error> UdpSocket::adopt(int fd)
{
  const int type = get_option(fd, SOL_SOCKET, SO_TYPE);
  if (type < 0)
    return last_error("The socket given cannot be used");
  const int domain = get_option(fd, SOL_SOCKET, SO_DOMAIN);
  if (type != SOCK_DGRAM || (domain != AF_INET && domain != AF_INET6))
    return error_of(EPROTOTYPE, "The socket given is none for UDP");
  UdpSocket adopted{FileDescriptor::borrow(fd),
                    domain == AF_INET6 ? Family::ipv6 : Family::ipv4};
  if (auto error = adopted.set_ip_option(IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, 0,
                                         "Cannot keep other groups' packets away"))
    return *error;
  return adopted;
}

std::variant<Endpoint, Error> UdpSocket::local() const
{
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto *address = reinterpret_cast<sockaddr *>(&storage);
  if (getsockname(fd(), address, &size) != 0)
    return last_error("Cannot find out the socket's own address");
  return Endpoint::from(address, size).value_or(Endpoint{});
}

std::optional<Error> UdpSocket::set_ip_option(int of_ipv4, int of_ipv6, int value,
                                              const char *failed)
{
  return set_option(fd(), ip_level(family_), family_ == Family::ipv6 ? of_ipv6 : of_ipv4, value,
                    failed);
}

std::optional<Error> UdpSocket::join(const Endpoint &group, const Interface &interface,
                                     const Endpoint &source)
{
  return change_membership(true, group, interface, source);
}

std::optional<Error> UdpSocket::leave(const Endpoint &group, const Interface &interface,
                                      const Endpoint &source)
{
  return change_membership(false, group, interface, source);
}

std::optional<Error> UdpSocket::change_membership(bool joins, const Endpoint &group,
                                                  const Interface &interface,
                                                  const Endpoint &source)
{
  const auto index = interface.index != 0 ? interface.index : group.scope();
  int result = 0;
  if (source) {
    group_source_req request{};
    request.gsr_interface = index;
    request.gsr_group = storage_of(group);
    request.gsr_source = storage_of(source);
    result = setsockopt(fd(), ip_level(family_),
                        joins ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP, &request,
                        sizeof request);
  } else {
    group_req request{};
    request.gr_interface = index;
    request.gr_group = storage_of(group);
    result = setsockopt(fd(), ip_level(family_), joins ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP,
                        &request, sizeof request);
  }
  if (result == 0)
    return std::nullopt;
  const int reason = errno;
  auto failed = std::string{joins ? "Cannot join " : "Cannot leave "} + group.address_text();
  if (source)
    failed += " from " + source.address_text();
  if (!interface.name.empty())
    failed += " on " + interface.name;
  else if (reason == ENODEV)
    failed += ", to which no interface has a route; name the interface to use";
  if (joins && reason == ENOBUFS)
    failed += ", as one of the limits in net.ipv4.igmp_max_* is reached";
  return error_of(reason, failed);
}

std::optional<Error> UdpSocket::set_multicast_output(const MulticastOutput &output)
{
  if (family_ == Family::ipv6) {
    if (output.interface.index != 0)
      if (auto error = set_option(fd(), IPPROTO_IPV6, IPV6_MULTICAST_IF,
                                  static_cast<int>(output.interface.index),
                                  "Cannot send multicast by this interface"))
        return error;
  } else if (output.interface.index != 0) {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(output.interface.index);
    if (setsockopt(fd(), IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) != 0)
      return last_error("Cannot send multicast by " + output.interface.name);
  }
  if (auto error = set_ip_option(IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, output.ttl,
                                 "Cannot set the time to live of multicast packets"))
    return error;
  return set_ip_option(IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, output.loop ? 1 : 0,
                       "Cannot set whether multicast packets come back to this host");
}

std::optional<Error> UdpSocket::set_ttl(int ttl)
{
  return set_ip_option(IP_TTL, IPV6_UNICAST_HOPS, ttl, "Cannot set the time to live");
}

std::optional<Error> UdpSocket::set_dscp(int dscp)
{
  constexpr int bits_of_ecn = 2;
  return set_ip_option(IP_TOS, IPV6_TCLASS, dscp << bits_of_ecn,
                       "Cannot set the packets' quality of service");
}

std::size_t UdpSocket::set_receive_buffer(std::size_t bytes) const
{
  return set_buffer(fd(), SO_RCVBUFFORCE, SO_RCVBUF, bytes);
}

std::size_t UdpSocket::set_send_buffer(std::size_t bytes) const
{
  return set_buffer(fd(), SO_SNDBUFFORCE, SO_SNDBUF, bytes);
}

std::optional<Error> UdpSocket::set_filter(std::span<const sock_filter> program)
{
  sock_fprog attached{static_cast<unsigned short>(program.size()),
                      const_cast<sock_filter *>(program.data())};
  if (setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) != 0)
    return last_error("Cannot filter what the socket receives");
  return std::nullopt;
}

}  // namespace kam::net
