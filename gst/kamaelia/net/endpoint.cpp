// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/endpoint.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace kam::net {

namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

int family_number(Family family)
{
  switch (family) {
  case Family::ipv4: return AF_INET;
  case Family::ipv6: return AF_INET6;
  case Family::any: break;
  }
  return AF_UNSPEC;
}

std::string without_brackets(const std::string &host)
{
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']')
    return host.substr(1, host.size() - 2);
  return host;
}

int look_up(const std::string &host, Family family, int flags, AddressList &found)
{
  addrinfo hints{};
  hints.ai_family = family_number(family);
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = flags;
  addrinfo *list = nullptr;
  const int result = getaddrinfo(without_brackets(host).c_str(), nullptr, &hints, &list);
  found.reset(list);
  return result;
}

std::optional<Endpoint> first_of(const addrinfo *list, std::uint16_t port)
{
  for (; list; list = list->ai_next)
    if (const auto endpoint = Endpoint::from(list->ai_addr, list->ai_addrlen))
      return endpoint->with_port(port);
  return std::nullopt;
}

}  // namespace

std::optional<Endpoint> Endpoint::from(const sockaddr *address, socklen_t size)
{
  Endpoint endpoint;
  if (size >= sizeof(sockaddr_in) && address->sa_family == AF_INET) {
    std::memcpy(&endpoint.address_.ipv4, address, sizeof(sockaddr_in));
    return endpoint;
  }
  if (size >= sizeof(sockaddr_in6) && address->sa_family == AF_INET6) {
    std::memcpy(&endpoint.address_.ipv6, address, sizeof(sockaddr_in6));
    return endpoint;
  }
  return std::nullopt;
}

Endpoint Endpoint::wildcard(Family family, std::uint16_t port)
{
  Endpoint endpoint;
  if (family == Family::ipv6) {
    endpoint.address_.ipv6 = {};
    endpoint.address_.ipv6.sin6_family = AF_INET6;
  } else {
    endpoint.address_.ipv4 = {};
    endpoint.address_.ipv4.sin_family = AF_INET;
  }
  return endpoint.with_port(port);
}

std::optional<Endpoint> Endpoint::parse(const std::string &host, std::uint16_t port)
{
  AddressList found{nullptr, freeaddrinfo};
  if (host.empty() || look_up(host, Family::any, AI_NUMERICHOST, found) != 0)
    return std::nullopt;
  return first_of(found.get(), port);
}

std::variant<Endpoint, Error> Endpoint::resolve(const std::string &host, std::uint16_t port,
                                                Family family)
{
  if (const auto numeric = parse(host, port);
      numeric && (family == Family::any || family == numeric->family()))
    return *numeric;
  AddressList found{nullptr, freeaddrinfo};
  const int result = host.empty() ? EAI_NONAME : look_up(host, family, AI_ADDRCONFIG, found);
  if (result == 0)
    if (const auto endpoint = first_of(found.get(), port))
      return *endpoint;
  const int code = result == EAI_SYSTEM ? errno : ENOENT;
  return Error{{code, std::system_category()},
               "The address of \"" + host +
                   "\" was not found: " + gai_strerror(result == 0 ? EAI_NODATA : result)};
}

Family Endpoint::family() const
{
  switch (address_.generic.sa_family) {
  case AF_INET: return Family::ipv4;
  case AF_INET6: return Family::ipv6;
  default: return Family::any;
  }
}

bool Endpoint::is_multicast() const
{
  switch (family()) {
  case Family::ipv4: return IN_MULTICAST(ntohl(ipv4().s_addr));
  case Family::ipv6: return IN6_IS_ADDR_MULTICAST(&ipv6());
  case Family::any: break;
  }
  return false;
}

bool Endpoint::is_source_specific() const
{
  if (family() == Family::ipv4)
    return ntohl(ipv4().s_addr) >> 24U == 232;
  return family() == Family::ipv6 && is_multicast() && ipv6().s6_addr[1] >> 4U == 3;
}

bool Endpoint::is_wildcard() const
{
  switch (family()) {
  case Family::ipv4: return ipv4().s_addr == INADDR_ANY;
  case Family::ipv6: return IN6_IS_ADDR_UNSPECIFIED(&ipv6());
  case Family::any: break;
  }
  return false;
}

std::uint16_t Endpoint::port() const
{
  switch (family()) {
  case Family::ipv4: return ntohs(address_.ipv4.sin_port);
  case Family::ipv6: return ntohs(address_.ipv6.sin6_port);
  case Family::any: break;
  }
  return 0;
}

Endpoint Endpoint::with_port(std::uint16_t port) const
{
  auto copy = *this;
  if (family() == Family::ipv6)
    copy.address_.ipv6.sin6_port = htons(port);
  else if (family() == Family::ipv4)
    copy.address_.ipv4.sin_port = htons(port);
  return copy;
}

std::uint32_t Endpoint::scope() const
{
  return family() == Family::ipv6 ? address_.ipv6.sin6_scope_id : 0;
}

Endpoint Endpoint::with_scope(std::uint32_t interface_index) const
{
  auto copy = *this;
  if (family() == Family::ipv6)
    copy.address_.ipv6.sin6_scope_id = interface_index;
  return copy;
}

bool Endpoint::has_address_of(const Endpoint &other) const
{
  if (family() != other.family())
    return false;
  if (family() == Family::ipv4)
    return ipv4().s_addr == other.ipv4().s_addr;
  return family() == Family::any || IN6_ARE_ADDR_EQUAL(&ipv6(), &other.ipv6());
}

std::string Endpoint::address_text() const
{
  std::array<char, INET6_ADDRSTRLEN + IF_NAMESIZE + 1> text{};
  if (!*this ||
      getnameinfo(data(), size(), text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
    return "nowhere";
  return text.data();
}

std::string Endpoint::text() const
{
  const auto address = address_text();
  const auto port_text = std::string{":"}.append(std::to_string(port()));
  return family() == Family::ipv6 ? "[" + address + "]" + port_text : address + port_text;
}

socklen_t Endpoint::size() const
{
  switch (family()) {
  case Family::ipv4: return sizeof(sockaddr_in);
  case Family::ipv6: return sizeof(sockaddr_in6);
  case Family::any: break;
  }
  return 0;
}

std::variant<Interface, Error> Interface::find(const std::string &name_or_address)
{
  if (name_or_address.empty())
    return Interface{};
  if (const auto index = if_nametoindex(name_or_address.c_str()); index != 0)
    return Interface{index, name_or_address};
  const auto wanted = Endpoint::parse(name_or_address, 0);
  ifaddrs *list = nullptr;
  if (wanted && getifaddrs(&list) == 0) {
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner{list, freeifaddrs};
    for (; list; list = list->ifa_next) {
      const auto has =
          list->ifa_addr ? Endpoint::from(list->ifa_addr, sizeof(sockaddr_in6)) : std::nullopt;
      if (has && has->has_address_of(*wanted))
        return Interface{if_nametoindex(list->ifa_name), list->ifa_name};
    }
  }
  return error_of(ENODEV, "There is no network interface \"" + name_or_address + "\"");
}

}  // namespace kam::net
