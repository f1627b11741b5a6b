// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/reorder.hpp"

#include "support/check_main.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>

using namespace kam;
using namespace kam::framing;
using Numbers = std::vector<std::uint64_t>;
using Order = Reorder<std::uint64_t>;

namespace {

// Each ck_assert costs a system call; this one costs nothing while it holds.
void require(bool held, const char *what)
{
  if (!held)
    ck_abort_msg("%s", what);
}

// What it takes to check an output: what left, and what was told about it.
struct Log {
  Numbers out;
  Numbers discont;
  Numbers missing;  // each number that was given up
  std::size_t late = 0;
  std::size_t duplicate = 0;
};

void collect(Order &order, Log &log)
{
  while (auto released = order.poll()) {
    require(released->number == released->item, "number");
    log.out.push_back(released->item);
    if (released->discont)
      log.discont.push_back(released->item);
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(released->missing, 1000); ++i)
      log.missing.push_back(released->first_missing + i);
  }
  while (const auto dropped = order.poll_dropped())
    ++(dropped->reason == Order::DropReason::late ? log.late : log.duplicate);
}

void feed(Order &order, Log &log, const Numbers &in, std::uint64_t now = 0)
{
  for (const auto number : in) {
    order.handle_item(number, number, now);
    collect(order, log);
  }
}

void drain(Order &order, Log &log)
{
  order.drain();
  collect(order, log);
}

Log run(const ReorderOptions &options, const Numbers &in)
{
  Order order{options};
  Log log;
  feed(order, log, in);
  drain(order, log);
  if (options.late == LatePolicy::drop)
    ck_assert_uint_eq(in.size(), log.out.size() + log.late + log.duplicate);
  return log;
}

std::string text(const Numbers &numbers)
{
  std::string result;
  for (const auto number : numbers)
    result += std::to_string(number) + " ";
  return result;
}

void assert_numbers(const Numbers &got, const Numbers &want, const std::string &what)
{
  ck_assert_msg(got == want, "%s\n got  %s\n want %s", what.c_str(), text(got).c_str(),
                text(want).c_str());
}

Numbers numbers_of(const test::Json &list)
{
  Numbers numbers;
  for (const auto &item : list.items())
    numbers.push_back(item.unsigned_integer());
  return numbers;
}

Numbers iota(std::uint64_t from, std::uint64_t count)
{
  Numbers numbers(count);
  std::iota(numbers.begin(), numbers.end(), from);
  return numbers;
}

// Holds until the window is full, as Kamaelia's docs say; drops what comes twice or late.
Numbers hold_until_full(const Numbers &in, std::size_t window)
{
  std::set<std::uint64_t> held;
  Numbers out;
  std::set<std::uint64_t> seen;
  for (const auto number : in) {
    if ((!out.empty() && number <= out.back()) || !held.insert(number).second)
      continue;
    if (held.size() >= window) {
      out.push_back(*held.begin());
      held.erase(held.begin());
    }
  }
  out.insert(out.end(), held.begin(), held.end());
  return out;
}

// A network: some lost, some doubled, all moved by no more than `spread`.
Numbers broken(std::mt19937 &random, std::uint64_t first, std::size_t count, unsigned spread,
               unsigned loss)
{
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sent;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (random() % 100 < loss)
      continue;
    sent.emplace_back(i * 4 + random() % (4U * spread + 1U), first + i);
    if (random() % 10 == 0)
      sent.emplace_back(i * 4 + random() % (4U * spread + 1U), first + i);
  }
  std::stable_sort(sent.begin(), sent.end(),
                   [](const auto &a, const auto &b) { return a.first < b.first; });
  Numbers numbers;
  for (const auto &[when, number] : sent)
    numbers.push_back(number);
  return numbers;
}

}  // namespace

START_TEST(does_what_the_vectors_want)
{
  const auto cases = test::load_vectors("recoverorder");
  ck_assert_uint_gt(cases.size(), 0);
  for (const auto &vector : cases) {
    const auto &params = vector["params"];
    ReorderOptions options;
    options.window = params["bufsize"].unsigned_integer();
    const auto in = numbers_of(vector["in"]);
    // Those without wrap hold for both kinds of arithmetic.
    Numbers moduli;
    if (params.has("modulo"))
      moduli = {params["modulo"].unsigned_integer()};
    else
      moduli = {0, vector["want_modulo"].unsigned_integer()};
    for (const auto modulo : moduli) {
      options.modulo = modulo;
      options.late = LatePolicy::drop;
      assert_numbers(run(options, in).out, numbers_of(vector["want"]), vector["id"].text());
      options.late = LatePolicy::forward;
      assert_numbers(run(options, in).out, numbers_of(vector["want_late_forward"]),
                     vector["id"].text() + " late=forward");
    }
  }
}
END_TEST

START_TEST(eager_release_drops_what_holding_would_drop)
{
  for (unsigned seed = 1; seed <= 600; ++seed) {
    std::mt19937 random{seed};
    ReorderOptions options;
    options.window = 1 + random() % 40;
    options.modulo = seed % 3 == 0 ? 65536 : 0;
    const auto in = broken(random, 1, 400, random() % 45, random() % 30);
    const auto log = run(options, in);
    assert_numbers(log.out, hold_until_full(in, options.window),
                   "seed " + std::to_string(seed));
  }
}
END_TEST

START_TEST(wraps_like_a_line)
{
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random{seed};
    const Numbers moduli{1000, 65536, 4294967296, std::uint64_t{1} << 63U};
    ReorderOptions options;
    options.modulo = moduli[seed % moduli.size()];
    options.window = 1 + random() % 40;
    auto in = broken(random, 1000, 400, random() % 30, random() % 30);
    auto want = hold_until_full(in, options.window);
    for (auto *numbers : {&in, &want})
      for (auto &number : *numbers)
        number = (number + options.modulo - 1200) % options.modulo;
    assert_numbers(run(options, in).out, want, "seed " + std::to_string(seed));
  }
}
END_TEST

START_TEST(lets_go_as_soon_as_the_order_is_certain)
{
  Order order{{}};
  Log log;
  feed(order, log, {1, 2, 4, 5});
  assert_numbers(log.out, {1, 2}, "nothing is before 1");
  feed(order, log, {3});
  assert_numbers(log.out, {1, 2, 3, 4, 5}, "the gap is filled");
  ck_assert_uint_eq(order.stats().reordered, 1);
  ck_assert_uint_eq(log.discont.size(), 0);

  Order joined{{}};
  Log from_the_middle;
  feed(joined, from_the_middle, iota(500, 29));
  ck_assert_uint_eq(from_the_middle.out.size(), 0);
  ck_assert_uint_eq(joined.size(), 29);
  feed(joined, from_the_middle, {529});
  assert_numbers(from_the_middle.out, iota(500, 30), "window full: the start is known");
  ck_assert_uint_eq(joined.stats().lost, 0);
}
END_TEST

START_TEST(starts_where_it_is_told)
{
  ReorderOptions options;
  options.first_sequence = 0;
  Order order{options};
  Log log;
  feed(order, log, {2, 1, 0});
  assert_numbers(log.out, {0, 1, 2}, "first-sequence=0");
}
END_TEST

START_TEST(tells_what_is_missing)
{
  ReorderOptions options;
  options.window = 3;
  const auto log = run(options, {1, 2, 5, 6, 7, 4, 8, 7, 3, 9, 12, 13});
  assert_numbers(log.out, {1, 2, 5, 6, 7, 8, 9, 12, 13}, "out");
  assert_numbers(log.missing, {3, 4, 10, 11}, "missing");
  assert_numbers(log.discont, {5, 12}, "discont");
  ck_assert_uint_eq(log.late, 2);
  ck_assert_uint_eq(log.duplicate, 1);
}
END_TEST

START_TEST(forwards_what_is_late)
{
  ReorderOptions options;
  options.window = 3;
  options.late = LatePolicy::forward;
  Order order{options};
  Log log;
  feed(order, log, {1, 3, 4, 5, 6, 7, 2});
  assert_numbers(log.out, {1, 3, 4, 5, 2}, "the smallest leaves at once");
  drain(order, log);
  assert_numbers(log.out, {1, 3, 4, 5, 2, 6, 7}, "all");
  assert_numbers(log.discont, {3, 2, 6}, "discont");
  assert_numbers(log.missing, {2}, "told once");
  ck_assert_uint_eq(order.stats().late, 1);
}
END_TEST

START_TEST(forward_never_restarts)
{
  ReorderOptions options;
  options.late = LatePolicy::forward;
  options.window = 4;
  std::mt19937_64 random{7};
  Numbers in(500);
  for (auto &number : in)
    number = random();
  // Sorted insertion, smallest out when full.
  std::set<std::uint64_t> held;
  Numbers want;
  for (const auto number : in) {
    held.insert(number);
    if (held.size() == options.window) {
      want.push_back(*held.begin());
      held.erase(held.begin());
    }
  }
  want.insert(want.end(), held.begin(), held.end());
  assert_numbers(run(options, in).out, want, "random numbers");
}
END_TEST

START_TEST(restarts_after_a_jump_ahead)
{
  const std::uint64_t far = std::uint64_t{5} << 32U;
  Order order{{}};
  Log log;
  feed(order, log, {1, 2, 4, far, far + 1});
  assert_numbers(log.out, {1, 2, 4, far, far + 1}, "flushed, then accepted");
  assert_numbers(log.discont, {4, far}, "discont");
  assert_numbers(log.missing, {3}, "the jump is no loss");
  ck_assert_uint_eq(order.stats().restarts, 1);
}
END_TEST

START_TEST(follows_a_sender_that_starts_anew)
{
  for (const std::uint64_t modulo : {0, 65536}) {
    ReorderOptions options;
    options.modulo = modulo;
    Order order{options};
    Log log;
    auto in = iota(10000, 30);
    feed(order, log, in);
    feed(order, log, {1});
    ck_assert_uint_eq(log.out.size(), 30);
    ck_assert_uint_eq(order.size(), 1);
    feed(order, log, {1, 2, 3, 5, 4});
    for (const std::uint64_t number : {1, 2, 3, 4, 5})
      in.push_back(number);
    assert_numbers(log.out, in, "both senders");
    assert_numbers(log.discont, {1}, "discont");
    ck_assert_uint_eq(log.duplicate, 1);
    ck_assert_uint_eq(log.late, 0);
    ck_assert_uint_eq(order.stats().restarts, 1);
  }
}
END_TEST

START_TEST(stragglers_are_no_restart)
{
  Order order{{}};
  Log log;
  feed(order, log, iota(1, 100));
  feed(order, log, iota(251, 60));  // 101 to 250 are given up
  ck_assert_uint_eq(log.missing.size(), 150);
  feed(order, log, iota(101, 50));  // a burst that took the long way
  ck_assert_uint_eq(log.late, 50);
  feed(order, log, {5, 311, 7, 312, 9, 10000, 313});
  ck_assert_uint_eq(order.stats().restarts, 0);
  drain(order, log);
  ck_assert_uint_eq(log.duplicate, 3);
  ck_assert_uint_eq(log.out.back(), 10000);
}
END_TEST

START_TEST(a_false_number_does_no_lasting_harm)
{
  ReorderOptions options;
  options.latency = 1000;
  Order order{options};
  Log log;
  feed(order, log, {1, 2, 3, 1'000'000'000});
  order.handle_timeout(1000);
  feed(order, log, iota(4, 50), 1001);
  drain(order, log);
  auto want = iota(1, 3);
  want.push_back(1'000'000'000);
  for (const auto number : iota(4, 50))
    want.push_back(number);
  assert_numbers(log.out, want, "goes on");
}
END_TEST

START_TEST(waits_no_longer_than_the_latency)
{
  ReorderOptions options;
  options.latency = 100;
  Order order{options};
  Log log;
  feed(order, log, {3}, 10);
  feed(order, log, {2}, 50);
  ck_assert_uint_eq(order.next_timeout().value(), 110);
  order.handle_timeout(109);
  collect(order, log);
  ck_assert_uint_eq(log.out.size(), 0);
  order.handle_timeout(110);
  collect(order, log);
  assert_numbers(log.out, {2, 3}, "3 has waited enough, and 2 is before it");
  ck_assert(!order.next_timeout());

  feed(order, log, {9}, 200);
  feed(order, log, {6}, 220);
  feed(order, log, {12}, 230);
  ck_assert_uint_eq(order.next_timeout().value(), 300);
  order.handle_timeout(300);
  collect(order, log);
  assert_numbers(log.out, {2, 3, 6, 9}, "not 12");
  ck_assert_uint_eq(order.next_timeout().value(), 330);
  feed(order, log, {10, 11}, 301);
  assert_numbers(log.out, {2, 3, 6, 9, 10, 11, 12}, "in time");
  ck_assert(!order.next_timeout());
}
END_TEST

START_TEST(a_window_can_shrink)
{
  ReorderOptions options;
  Order order{options};
  Log log;
  feed(order, log, {1, 3, 4, 5, 6, 10});
  options.window = 3;
  order.configure(options);
  collect(order, log);
  assert_numbers(log.out, {1, 3, 4, 5, 6}, "two fit");
}
END_TEST

START_TEST(forgets_on_reset)
{
  Order order{{}};
  Log log;
  feed(order, log, {1, 2, 5, 6});
  ck_assert_uint_eq(order.reset(), 2);
  ck_assert_uint_eq(order.size(), 0);
  drain(order, log);
  feed(order, log, {1, 2});
  assert_numbers(log.out, {1, 2, 1, 2}, "as new");
}
END_TEST

START_TEST(hostile_numbers_stay_in_the_window)
{
  for (const std::uint64_t modulo :
       {std::uint64_t{0}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{1} << 63U})
    for (const auto late : {LatePolicy::drop, LatePolicy::forward}) {
      ReorderOptions options;
      options.modulo = modulo;
      options.late = late;
      Reorder<std::shared_ptr<int>> order{options};
      std::mt19937_64 random{11};
      const auto item = std::make_shared<int>(1);
      std::uint64_t out = 0;
      std::uint64_t in = 0;
      for (; in < 20'000; ++in) {
        auto number = random();
        if (random() % 2 == 0)
          number >>= random() % 64;
        order.handle_item(number, item, 0);
        while (order.poll())
          ++out;
        while (order.poll_dropped())
          ++out;
        require(order.size() <= options.window, "window");
        require(static_cast<std::size_t>(item.use_count()) == 1 + order.size(), "kept");
        require(in + 1 == out + order.size(), "accounts");
      }
    }
}
END_TEST

CHECK_MAIN("reorder", does_what_the_vectors_want, eager_release_drops_what_holding_would_drop,
           wraps_like_a_line, lets_go_as_soon_as_the_order_is_certain, starts_where_it_is_told,
           tells_what_is_missing, forwards_what_is_late, forward_never_restarts,
           restarts_after_a_jump_ahead, follows_a_sender_that_starts_anew,
           stragglers_are_no_restart, a_false_number_does_no_lasting_harm,
           waits_no_longer_than_the_latency, a_window_can_shrink, forgets_on_reset,
           hostile_numbers_stay_in_the_window)
