// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/admission.hpp"

#include "net_support.hpp"

using namespace kam;
using namespace kam::net;
using test::address;

namespace {

using Verdict = Admission::Verdict;

Verdict verdict(Admission &admission, std::uint64_t now_ns = 0)
{
  return admission.reserve(now_ns).verdict;
}

Admission::Limits at_once(std::uint64_t clients)
{
  Admission::Limits limits;
  limits.clients = clients;
  return limits;
}

Admission::Limits ever(std::uint64_t total)
{
  Admission::Limits limits;
  limits.total = total;
  return limits;
}

}  // namespace

START_TEST(has_so_many_places)
{
  Admission admission{at_once(2)};
  const auto peer = address("192.0.2.1", 1);
  ck_assert(verdict(admission) == Verdict::welcome && admission.count(peer));
  ck_assert(verdict(admission) == Verdict::welcome && admission.count(peer));
  ck_assert(verdict(admission) == Verdict::full);
  // Whoever waits is told of the first place only.
  ck_assert(admission.leave(peer));
  ck_assert(!admission.leave(peer));
  ck_assert(verdict(admission) == Verdict::welcome);
}
END_TEST

START_TEST(is_over_after_so_many)
{
  Admission admission{ever(2)};
  const auto peer = address("192.0.2.1", 1);
  ck_assert(verdict(admission) == Verdict::welcome && admission.count(peer));
  admission.leave(peer);
  ck_assert(!admission.is_over());
  ck_assert(verdict(admission) == Verdict::welcome && admission.count(peer));
  ck_assert(verdict(admission) == Verdict::over);
  ck_assert(!admission.is_over());
  admission.leave(peer);
  ck_assert(admission.is_over());
}
END_TEST

// A thread that looks for a connection and finds none must not be taken for the last client.
START_TEST(a_place_that_is_kept_is_not_taken)
{
  for (const auto &limits : {at_once(1), ever(1)}) {
    Admission admission{limits};
    ck_assert(verdict(admission) == Verdict::welcome);
    const auto answer = admission.reserve(5);
    ck_assert(answer.verdict == Verdict::held);
    ck_assert_uint_gt(answer.retry_ns, 5);
    ck_assert(!admission.is_over());
    admission.give_back();
    ck_assert(verdict(admission) == Verdict::welcome);
  }
}
END_TEST

START_TEST(nobody_has_to_come_when_it_is_closed)
{
  Admission admission{Admission::Limits{}};
  ck_assert(verdict(admission) == Verdict::welcome);
  admission.close();
  ck_assert(admission.is_over());
  ck_assert(verdict(admission) == Verdict::over);
  admission.give_back();
  ck_assert(admission.is_over());
}
END_TEST

START_TEST(an_address_has_so_many_places)
{
  Admission::Limits limits;
  limits.per_address = 1;
  Admission admission{limits};
  const auto first = address("192.0.2.1", 1);
  ck_assert(verdict(admission) == Verdict::welcome && admission.count(first));
  ck_assert(verdict(admission) == Verdict::welcome && !admission.count(first.with_port(2)));
  ck_assert(verdict(admission) == Verdict::welcome && admission.count(address("192.0.2.2", 1)));
  // One host has a /64.
  const auto house = address("2001:db8::1", 1);
  ck_assert(verdict(admission) == Verdict::welcome && admission.count(house));
  ck_assert(verdict(admission) == Verdict::welcome &&
            !admission.count(address("2001:db8::2", 1)));
  admission.leave(house);
  ck_assert(verdict(admission) == Verdict::welcome &&
            admission.count(address("2001:db8::2", 1)));
}
END_TEST

START_TEST(keeps_a_rate)
{
  constexpr std::uint64_t second = 1'000'000'000;
  Admission::Limits limits;
  limits.rate = 2;
  Admission admission{limits};
  const auto peer = address("192.0.2.1", 1);
  std::uint64_t now = second;
  ck_assert(verdict(admission, now) == Verdict::welcome && admission.count(peer));
  ck_assert(verdict(admission, now) == Verdict::welcome && admission.count(peer));
  const auto answer = admission.reserve(now);
  ck_assert(answer.verdict == Verdict::too_fast);
  ck_assert_uint_eq(answer.retry_ns, now + second / 2);
  now = answer.retry_ns;
  ck_assert(verdict(admission, now) == Verdict::welcome);
  // What is given back was not paid for.
  admission.give_back();
  ck_assert(verdict(admission, now) == Verdict::welcome);
}
END_TEST

CHECK_MAIN("admission", has_so_many_places, is_over_after_so_many,
           a_place_that_is_kept_is_not_taken, nobody_has_to_come_when_it_is_closed,
           an_address_has_so_many_places, keeps_a_rate)
