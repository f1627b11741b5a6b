// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/endpoint.hpp"

#include "net_support.hpp"

#include <net/if.h>

using namespace kam;
using namespace kam::net;
using test::address;
using test::value_of;

namespace {

void assert_text(const std::string &got, const std::string &want)
{
  ck_assert_str_eq(got.c_str(), want.c_str());
}

}  // namespace

START_TEST(reads_and_writes_addresses)
{
  const auto ipv4 = value_of(Endpoint::resolve("239.1.2.3", 5004));
  ck_assert(ipv4.family() == Family::ipv4);
  assert_text(ipv4.text(), "239.1.2.3:5004");
  ck_assert_uint_eq(ipv4.port(), 5004);
  ck_assert_uint_eq(ipv4.scope(), 0);

  const auto ipv6 = address("[2001:db8::1]", 80);
  ck_assert(ipv6.family() == Family::ipv6);
  assert_text(ipv6.text(), "[2001:db8::1]:80");
  ck_assert(ipv6 == address("2001:db8:0::1", 80));
  ck_assert(!(ipv6 == ipv6.with_port(81)));
  ck_assert(ipv6.has_address_of(ipv6.with_port(81)));

  const auto local = address("ff02::1%lo", 1);
  ck_assert_uint_eq(local.scope(), if_nametoindex("lo"));
  assert_text(local.text(), "[ff02::1%lo]:1");
  ck_assert(!(local == local.with_scope(99)));

  assert_text(Endpoint{}.text(), "nowhere:0");
  ck_assert(!Endpoint{});
}
END_TEST

START_TEST(knows_what_an_address_is_for)
{
  ck_assert(address("224.0.0.1").is_multicast());
  ck_assert(address("239.255.255.255").is_multicast());
  ck_assert(address("ff02::1").is_multicast());
  ck_assert(!address("223.255.255.255").is_multicast());
  ck_assert(!address("240.0.0.1").is_multicast());
  ck_assert(!address("fe80::1").is_multicast());
  ck_assert(address("232.1.2.3").is_source_specific());
  ck_assert(address("ff3e::8000:1").is_source_specific());
  ck_assert(!address("233.1.2.3").is_source_specific());
  ck_assert(!address("ff0e::1").is_source_specific());
  ck_assert(!address("3e::1").is_source_specific());
  ck_assert(address("0.0.0.0").is_wildcard());
  ck_assert(address("::").is_wildcard());
  ck_assert(!address("127.0.0.1").is_wildcard());
  ck_assert(Endpoint::wildcard(Family::ipv6, 7) == address("::", 7));
  ck_assert(!Endpoint{}.is_multicast());
}
END_TEST

START_TEST(resolves_names)
{
  const auto here = value_of(Endpoint::resolve("localhost", 1, Family::ipv4));
  assert_text(here.text(), "127.0.0.1:1");
  for (const auto *wrong : {"", "300.1.2.3.4", "a name with blanks", "::1::2"}) {
    const auto result = Endpoint::resolve(wrong, 1);
    const auto *error = std::get_if<Error>(&result);
    ck_assert_msg(error != nullptr, "\"%s\"", wrong);
    ck_assert(error->what.find(wrong) != std::string::npos);
    ck_assert(static_cast<bool>(error->code));
  }
  ck_assert(!Endpoint::parse("localhost", 1));
}
END_TEST

START_TEST(takes_only_whole_addresses)
{
  const auto ipv4 = address("127.0.0.1", 9);
  const auto ipv6 = address("::1", 9);
  ck_assert(*Endpoint::from(ipv4.data(), ipv4.size()) == ipv4);
  ck_assert(*Endpoint::from(ipv6.data(), ipv6.size()) == ipv6);
  ck_assert(!Endpoint::from(ipv4.data(), ipv4.size() - 1));
  ck_assert(!Endpoint::from(ipv6.data(), ipv6.size() - 1));
  sockaddr other{};
  other.sa_family = AF_UNIX;
  ck_assert(!Endpoint::from(&other, sizeof(sockaddr_in6)));
}
END_TEST

START_TEST(finds_interfaces)
{
  ck_assert_uint_eq(value_of(Interface::find("lo")).index, if_nametoindex("lo"));
  const auto by_address = value_of(Interface::find("127.0.0.1"));
  ck_assert_uint_eq(by_address.index, if_nametoindex("lo"));
  assert_text(by_address.name, "lo");
  ck_assert_uint_eq(value_of(Interface::find("")).index, 0);
  for (const auto *wrong : {"no-such-interface", "192.0.2.254", "fe80::dead:beef:1"}) {
    const auto result = Interface::find(wrong);
    ck_assert(std::get<Error>(result).what.find(wrong) != std::string::npos);
  }
}
END_TEST

CHECK_MAIN("endpoint", reads_and_writes_addresses, knows_what_an_address_is_for, resolves_names,
           takes_only_whole_addresses, finds_interfaces)
