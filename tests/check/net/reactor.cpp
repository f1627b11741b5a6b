// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/reactor.hpp"

#include "net_support.hpp"

#include "net/wait.hpp"

#include <functional>
#include <memory>
#include <random>
#include <thread>

using namespace kam;
using namespace kam::net;

namespace {

constexpr std::uint64_t millisecond = 1'000'000;

// A deadline that calls a function.
struct Alarm final : Timer::Handler {
  Alarm(Reactor &reactor, std::function<void(std::uint64_t)> what)
      : timer{reactor, *this}, rings{std::move(what)}
  {
  }
  void handle_time(std::uint64_t now) override { rings(now); }

  Timer timer;
  std::function<void(std::uint64_t)> rings;
};

struct Watcher final : ReadyHandler {
  explicit Watcher(std::function<void(Readiness)> what) : told{std::move(what)} {}
  void handle_ready(Readiness ready) override { told(ready); }

  std::function<void(Readiness)> told;
};

}  // namespace

START_TEST(meets_deadlines_in_their_order)
{
  Reactor reactor;
  std::mt19937 random{1};
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<std::uint64_t> met;
  const auto begin = now_ns();
  for (int i = 0; i < 200; ++i) {
    alarms.push_back(std::make_unique<Alarm>(reactor, [&, i](std::uint64_t now) {
      const auto deadline = alarms[static_cast<std::size_t>(i)]->timer.deadline();
      ck_assert_uint_ge(now, deadline);
      met.push_back(deadline);
    }));
    alarms.back()->timer.set(begin + random() % (5 * millisecond));
  }
  for (std::size_t i = 0; i < alarms.size(); i += 3)
    alarms[i]->timer.cancel();
  for (std::size_t i = 1; i < alarms.size(); i += 7)
    alarms[i]->timer.set(begin + random() % (5 * millisecond));
  std::size_t set = 0;
  for (const auto &alarm : alarms)
    set += alarm->timer.is_set() ? 1U : 0U;
  Alarm last{reactor, [&](std::uint64_t) { reactor.stop(); }};
  last.timer.set(begin + 10 * millisecond);
  reactor.run();
  ck_assert_uint_eq(met.size(), set);
  ck_assert(std::is_sorted(met.begin(), met.end()));
}
END_TEST

START_TEST(meets_deadlines_together)
{
  Reactor reactor{5 * millisecond};
  Alarm first{reactor, [](std::uint64_t) {}};
  Alarm second{reactor, [](std::uint64_t) {}};
  const auto tick = now_ns() / (5 * millisecond) * 5 * millisecond;
  first.timer.set(tick + 1);
  second.timer.set(tick + 5 * millisecond);
  ck_assert_uint_eq(first.timer.deadline(), second.timer.deadline());
}
END_TEST

// An alarm that is always due leaves room for descriptors and tasks.
START_TEST(nobody_starves)
{
  Reactor reactor;
  std::uint64_t rings = 0;
  std::unique_ptr<Alarm> busy;
  busy = std::make_unique<Alarm>(reactor, [&](std::uint64_t) {
    if (++rings == 1000)
      reactor.post([&] { reactor.stop(); });
    busy->timer.set(0);
  });
  busy->timer.set(0);
  reactor.run();
  ck_assert_uint_ge(rings, 1000);
  busy.reset();
}
END_TEST

START_TEST(runs_tasks_of_other_threads)
{
  Reactor reactor;
  int sum = 0;
  std::thread thread{[&] { reactor.run(); }};
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i)
    others.emplace_back([&] {
      for (int k = 0; k < 1000; ++k)
        ck_assert(reactor.post([&] {
          ck_assert(reactor.is_in_thread());
          ++sum;
        }));
    });
  for (auto &other : others)
    other.join();
  ck_assert(!reactor.is_in_thread());
  reactor.stop();
  thread.join();
  ck_assert_int_eq(sum, 4000);
  ck_assert(!reactor.post([] {}));
}
END_TEST

START_TEST(tells_what_is_ready)
{
  Reactor reactor;
  const auto quiet = test::open_at("127.0.0.1");
  const auto busy = test::open_at("127.0.0.1");
  Watcher never{[](Readiness) { ck_abort_msg("nothing came"); }};
  int told = 0;
  Watcher watcher{[&](Readiness ready) {
    ck_assert(ready.is_readable && !ready.is_writable && !ready.is_broken);
    if (++told == 2)
      reactor.stop();
  }};
  test::assert_done(reactor.add(quiet.fd(), Interest::reading, never));
  test::assert_done(reactor.add(busy.fd(), Interest::reading, watcher));
  test::send_text(quiet, "x", test::local_of(busy));
  reactor.run();
  ck_assert_int_ge(told, 2);
  reactor.remove(quiet.fd(), never);
  reactor.remove(busy.fd(), watcher);
  ck_assert(reactor.add(busy.fd(), Interest::none, watcher) == std::nullopt);
  ck_assert(reactor.add(-1, Interest::reading, watcher) != std::nullopt);
}
END_TEST

// The second of two that are ready in one turn is removed by the first.
START_TEST(who_was_removed_is_not_told)
{
  Reactor reactor;
  const auto one = test::open_at("127.0.0.1");
  const auto other = test::open_at("127.0.0.1");
  int told = 0;
  std::vector<std::unique_ptr<Watcher>> watchers;
  const auto remove_both = [&](Readiness) {
    ++told;
    reactor.remove(one.fd(), *watchers[0]);
    reactor.remove(other.fd(), *watchers[1]);
    reactor.stop();
  };
  watchers.push_back(std::make_unique<Watcher>(remove_both));
  watchers.push_back(std::make_unique<Watcher>(remove_both));
  test::assert_done(reactor.add(one.fd(), Interest::reading, *watchers[0]));
  test::assert_done(reactor.add(other.fd(), Interest::reading, *watchers[1]));
  test::send_text(one, "x", test::local_of(other));
  test::send_text(other, "x", test::local_of(one));
  reactor.run();
  ck_assert_int_eq(told, 1);
}
END_TEST

START_TEST(a_gate_tells_who_waits)
{
  struct Waiter final : Gate::Waiter {
    void handle_open() override
    {
      ++told;
      if (closes)
        gate->close();
    }
    Gate *gate = nullptr;
    int told = 0;
    bool closes = false;
  };
  Gate gate;
  ck_assert(gate.is_open());
  gate.close();
  Waiter first;
  first.gate = &gate;
  first.closes = true;
  Waiter second;
  Waiter third;
  gate.wait(first);
  gate.wait(first);
  gate.wait(second);
  gate.wait(third);
  gate.leave(third);
  gate.open();
  ck_assert_int_eq(first.told, 1);
  ck_assert_int_eq(second.told, 0);
  gate.open();
  ck_assert_int_eq(first.told, 1);
  ck_assert_int_eq(second.told, 1);
  ck_assert_int_eq(third.told, 0);
}
END_TEST

CHECK_MAIN("reactor", meets_deadlines_in_their_order, meets_deadlines_together, nobody_starves,
           runs_tasks_of_other_threads, tells_what_is_ready, who_was_removed_is_not_told,
           a_gate_tells_who_waits)
