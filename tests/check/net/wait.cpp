// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/wait.hpp"

#include "net_support.hpp"

#include <array>
#include <atomic>
#include <thread>

using namespace kam;
using namespace kam::net;
using test::local_of;
using test::open_at;

namespace {

constexpr std::uint64_t hour = 3'600'000'000'000;

}  // namespace

START_TEST(comes_back_at_the_deadline)
{
  const Waker waker;
  ck_assert(waker.is_usable());
  ck_assert(wait({}, waker, 0) == WaitResult::timed_out);
  const auto deadline = now_ns() + 2'000'000;
  ck_assert(wait({}, waker, deadline) == WaitResult::timed_out);
  ck_assert_uint_ge(now_ns(), deadline);
}
END_TEST

START_TEST(tells_what_is_ready)
{
  const Waker waker;
  const auto quiet = open_at("127.0.0.1");
  const auto busy = open_at("127.0.0.1");
  test::send_text(quiet, "x", local_of(busy));
  std::array watches{Watch{quiet.fd()}, Watch{busy.fd()}};
  ck_assert(wait(watches, waker, now_ns() + hour) == WaitResult::ready);
  ck_assert(!watches[0].is_readable);
  ck_assert(watches[1].is_readable);
  ck_assert(!watches[1].is_writable);
  watches[0].for_writing = true;
  ck_assert(wait(watches, waker, std::nullopt) == WaitResult::ready);
  ck_assert(watches[0].is_writable);
}
END_TEST

START_TEST(stays_woken_until_cleared)
{
  Waker waker;
  waker.wake();
  waker.wake();
  ck_assert(wait({}, waker, now_ns() + hour) == WaitResult::woken);
  ck_assert(wait({}, waker, std::nullopt) == WaitResult::woken);
  waker.clear();
  ck_assert(wait({}, waker, 0) == WaitResult::timed_out);
  waker.clear();
  waker.wake();
  ck_assert(wait({}, waker, now_ns() + hour) == WaitResult::woken);
}
END_TEST

START_TEST(is_woken_by_another_thread)
{
  Waker waker;
  std::thread other{[&waker] { waker.wake(); }};
  ck_assert(wait({}, waker, std::nullopt) == WaitResult::woken);
  other.join();
}
END_TEST

// Each side waits for the other's wake-up: one that got lost would be the end of it.
START_TEST(no_wake_up_is_lost)
{
  constexpr int rounds = 20'000;
  Waker ping;
  Waker pong;
  std::atomic<int> pings = 0;
  std::atomic<int> pongs = 0;
  std::thread other{[&] {
    for (int round = 1; round <= rounds; ++round) {
      while (pings < round)
        if (wait({}, ping, std::nullopt) == WaitResult::woken)
          ping.clear();
      ++pongs;
      pong.wake();
    }
  }};
  for (int round = 1; round <= rounds; ++round) {
    ++pings;
    ping.wake();
    while (pongs < round)
      if (wait({}, pong, std::nullopt) == WaitResult::woken)
        pong.clear();
  }
  other.join();
}
END_TEST

CHECK_MAIN("wait", comes_back_at_the_deadline, tells_what_is_ready, stays_woken_until_cleared,
           is_woken_by_another_thread, no_wake_up_is_lost)
