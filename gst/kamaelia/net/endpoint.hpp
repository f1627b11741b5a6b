// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "net/error.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace kam::net {

enum class Family { any, ipv4, ipv6 };

// An address and a port, of IPv4 or IPv6. Small enough to be copied with each packet.
class Endpoint {
 public:
  // Nowhere: no family, no address.
  Endpoint() : address_{.generic = {}} {}
  // Nothing if it is of another family, or too short for its own.
  static std::optional<Endpoint> from(const sockaddr *address, socklen_t size);
  // All addresses of this host; of IPv4 unless `family` says IPv6.
  static Endpoint wildcard(Family family, std::uint16_t port);
  // "192.0.2.1", "ff02::1%eth0" or "[::1]" at once; a name by asking the resolver, which may
  // take its time. The first address of `family` counts.
  static std::variant<Endpoint, Error> resolve(const std::string &host, std::uint16_t port,
                                               Family family = Family::any);
  // As resolve(), but only what needs no resolver.
  static std::optional<Endpoint> parse(const std::string &host, std::uint16_t port);

  explicit operator bool() const { return address_.generic.sa_family != AF_UNSPEC; }
  Family family() const;
  bool is_multicast() const;
  // Multicast from one source at a time: 232/8 and ff3x::/32 (RFC 4607).
  bool is_source_specific() const;
  bool is_wildcard() const;
  std::uint16_t port() const;
  Endpoint with_port(std::uint16_t port) const;
  // The interface of a link-local address; 0: none.
  std::uint32_t scope() const;
  Endpoint with_scope(std::uint32_t interface_index) const;
  bool has_address_of(const Endpoint &other) const;  // whatever the ports and scopes

  std::string address_text() const;  // "ff02::1%eth0"
  std::string text() const;          // "[ff02::1%eth0]:5004"

  const sockaddr *data() const { return &address_.generic; }
  socklen_t size() const;
  const in_addr &ipv4() const { return address_.ipv4.sin_addr; }
  const in6_addr &ipv6() const { return address_.ipv6.sin6_addr; }

  friend bool operator==(const Endpoint &a, const Endpoint &b)
  {
    return a.has_address_of(b) && a.port() == b.port() && a.scope() == b.scope();
  }

 private:
  union {
    sockaddr generic;
    sockaddr_in ipv4;
    sockaddr_in6 ipv6;
  } address_;
};

// A network interface; 0 lets the kernel's routes decide.
struct Interface {
  unsigned index = 0;
  std::string name;  // for messages

  // By name, or by an address that it has. Empty text: the kernel decides.
  static std::variant<Interface, Error> find(const std::string &name_or_address);
};

}  // namespace kam::net
