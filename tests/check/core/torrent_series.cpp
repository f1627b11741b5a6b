// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/series_follower.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <set>
#include <string>

using namespace kam;
using namespace kam::torrent;
using namespace std::chrono_literals;

namespace {

using Event = SeriesFollower::Event;
using Refusal = SeriesFollower::Refusal;
using Work = SeriesFollower::Work;

// A server with parts from `oldest` to `newest` but for those that are missing, and a follower
// that does what it is told.
struct Following {
  explicit Following(const SeriesFollower::Options &options, std::uint64_t newest_now)
      : newest{newest_now}, follower{options, {.newest = newest_now}, now}
  {
  }

  // Works until there is nothing to do before the next look at the index.
  void work()
  {
    while (follower.next_work().kind != Work::Kind::poll)
      fetch();
    drain();
  }
  void fetch()
  {
    drain();
    const auto todo = follower.next_work();
    ++fetches;
    if (todo.number < oldest || todo.number > newest || missing.contains(todo.number)) {
      follower.handle_refusal(todo.number, Refusal::absent);
      return;
    }
    if (todo.kind == Work::Kind::fetch)
      held.insert(todo.number);
    follower.handle_torrent(todo.number);
  }
  void poll()
  {
    now = std::max(now, follower.next_work().at);
    if (is_up)
      follower.handle_index({.newest = newest, .has_ended = has_ended}, now);
    else
      follower.handle_no_index(now);
    work();
  }
  void drain()
  {
    for (const auto number : follower.take_released())
      ck_assert_uint_eq(held.erase(number), 1);
    while (const auto event = follower.poll_event())
      events.push_back(*event);
  }
  // Plays all that can be played now.
  void play()
  {
    for (work(); follower.playing(); work()) {
      ck_assert(held.contains(*follower.playing()));
      played.push_back(*follower.playing());
      breaks += follower.is_discontinuous() ? 1 : 0;
      follower.handle_played();
    }
  }

  SeriesFollower::Time now{1h};
  std::uint64_t oldest = 1;
  std::uint64_t newest;
  bool has_ended = false;
  bool is_up = true;
  std::set<std::uint64_t> missing;
  SeriesFollower follower;
  std::set<std::uint64_t> held;
  std::vector<std::uint64_t> played;
  std::vector<Event> events;
  int breaks = 0;
  int fetches = 0;
};

using Numbers = std::vector<std::uint64_t>;

}  // namespace

START_TEST(begins_where_it_is_told)
{
  const struct {
    std::int64_t first;
    std::uint64_t newest;
    std::uint64_t head;
  } cases[] = {{0, 7, 7}, {3, 7, 3}, {9, 7, 9}, {-2, 7, 5}, {-9, 7, 1}, {0, 0, 1}};
  for (const auto &c : cases) {
    const Following f{{.first_number = c.first}, c.newest};
    ck_assert_uint_eq(f.follower.head(), c.head);
  }
}
END_TEST

START_TEST(plays_part_after_part)
{
  Following f{{}, 5};
  f.play();
  ck_assert(f.played == Numbers{5});
  ck_assert(!f.follower.has_ended());
  for (f.newest = 6; f.newest <= 20; ++f.newest) {
    f.poll();
    f.play();
  }
  ck_assert_uint_eq(f.played.size(), 16);
  ck_assert(std::ranges::is_sorted(f.played));
  ck_assert_int_eq(f.breaks, 0);
  ck_assert_uint_eq(f.follower.skipped(), 0);
  f.newest = 20;
  f.has_ended = true;
  f.poll();
  ck_assert(f.follower.has_ended());
}
END_TEST

START_TEST(has_the_next_while_one_is_played)
{
  Following f{{.first_number = 3, .parts_ahead = 2}, 9};
  f.work();
  ck_assert(f.held == (std::set<std::uint64_t>{3, 4, 5}));
  ck_assert(f.follower.playing() == 3U);
  f.follower.handle_played();
  f.work();
  ck_assert(f.held == (std::set<std::uint64_t>{3, 4, 5, 6}));
}
END_TEST

START_TEST(shares_some_and_lets_the_others_go)
{
  for (const std::uint32_t shared : {0, 1, 3}) {
    Following f{{.first_number = 1, .parts_ahead = 0, .parts_shared = shared}, 9};
    f.play();
    ck_assert_uint_eq(f.played.size(), 9);
    ck_assert_uint_eq(f.held.size(), shared);
    for (std::uint32_t i = 0; i < shared; ++i)
      ck_assert(f.held.contains(9 - i));
  }
}
END_TEST

START_TEST(ends_with_the_last_number)
{
  Following f{{.first_number = 2, .last_number = 4}, 9};
  f.play();
  ck_assert(f.played == (Numbers{2, 3, 4}));
  ck_assert(f.follower.has_ended());
  ck_assert_int_eq(f.fetches, 3);
}
END_TEST

// Its first numbers may not be there yet.
START_TEST(waits_for_what_is_not_there_yet)
{
  Following f{{.first_number = 4}, 1};
  f.play();
  ck_assert_int_eq(f.fetches, 0);
  f.newest = 4;
  f.poll();
  f.play();
  ck_assert(f.played == Numbers{4});
}
END_TEST

START_TEST(a_part_that_is_late_is_not_skipped)
{
  Following f{{}, 5};
  f.missing = {5};
  f.work();
  f.poll();
  ck_assert(!f.follower.playing());
  f.missing.clear();
  f.poll();
  f.play();
  ck_assert(f.played == Numbers{5});
  ck_assert(f.events.empty());
}
END_TEST

START_TEST(a_part_that_is_missing_is_skipped)
{
  Following f{{.first_number = 1}, 4};
  f.missing = {2};
  for (int i = 0; i < 4; ++i) {
    f.play();
    f.poll();
  }
  ck_assert(f.played == (Numbers{1, 3, 4}));
  ck_assert_int_eq(f.breaks, 1);
  ck_assert_uint_eq(f.follower.skipped(), 1);
  ck_assert_uint_eq(f.events.size(), 1);
  ck_assert(f.events[0].kind == Event::Kind::skipped);
  ck_assert_uint_eq(f.events[0].number, 2);
  ck_assert(f.events[0].why == Refusal::absent);
}
END_TEST

START_TEST(a_part_that_is_none_is_skipped_at_once)
{
  Following f{{.first_number = 1, .parts_ahead = 0}, 3};
  f.follower.handle_refusal(1, Refusal::useless);
  f.play();
  ck_assert(f.played == (Numbers{2, 3}));
  ck_assert_uint_eq(f.follower.skipped(), 1);
}
END_TEST

START_TEST(a_part_that_nobody_sends_is_skipped_if_there_is_another)
{
  Following f{{.first_number = 2}, 2};
  f.work();
  ck_assert(!f.follower.handle_failure(Refusal::silent));
  ck_assert(f.follower.playing() == 2U);
  f.newest = 3;
  f.poll();
  ck_assert(f.follower.handle_failure(Refusal::silent));
  f.drain();
  ck_assert(f.held == std::set<std::uint64_t>{3});
  ck_assert(f.follower.playing() == 3U);
  ck_assert(f.follower.is_discontinuous());
  ck_assert(f.events[0].why == Refusal::silent);
}
END_TEST

// As with torrentsink's max-files.
START_TEST(old_parts_that_are_gone_are_passed_over)
{
  for (const std::uint64_t oldest : {2, 3, 4, 500, 999, 1000}) {
    Following f{{.first_number = 1, .parts_ahead = 0}, 1000};
    f.oldest = oldest;
    f.work();
    for (int i = 0; i < 12; ++i)
      f.poll();
    ck_assert_uint_eq(*f.follower.playing(), oldest);
    ck_assert_uint_eq(f.follower.skipped(), oldest - 1);
    ck_assert_int_lt(f.fetches, 40);
    ck_assert_uint_le(f.held.size(), 1);
    f.play();
    ck_assert_uint_eq(f.played.size(), 1001 - oldest);
  }
}
END_TEST

// What is had already ends the search for it; it is played, and nothing is looked for behind.
START_TEST(gone_parts_before_one_that_is_had_are_skipped)
{
  Following f{{.first_number = 1, .parts_ahead = 4}, 100};
  f.missing = {1, 2};
  f.work();
  f.poll();
  f.follower.handle_index({.newest = 100}, f.follower.next_work().at);
  while (!f.follower.playing())
    f.fetch();  // they are refused for the third time
  ck_assert_uint_eq(*f.follower.playing(), 3);
  ck_assert_uint_eq(f.follower.skipped(), 2);
  ck_assert(f.follower.next_work().kind != Work::Kind::probe);
  f.play();
  ck_assert_uint_eq(f.played.size(), 98);
  ck_assert_uint_eq(f.follower.skipped(), 2);
}
END_TEST

START_TEST(huge_numbers_cost_little)
{
  Following f{{.first_number = 1, .parts_ahead = 16, .parts_shared = 2}, 2};
  f.play();
  f.newest = max_series_number;
  f.oldest = max_series_number;
  for (int i = 0; i < 10; ++i)
    f.poll();
  f.play();
  ck_assert_uint_eq(f.played.back(), max_series_number);
  ck_assert_int_lt(f.fetches, 100);
  ck_assert_uint_le(f.held.size(), 3);
}
END_TEST

// What it does not say does not make parts be given up.
START_TEST(a_server_that_is_away_is_waited_for)
{
  Following f{{.first_number = 1}, 5};
  f.missing = {1, 2, 3, 4, 5};
  f.is_up = false;
  auto before = f.now;
  f.work();
  for (int i = 0; i < 50; ++i) {
    before = f.now;
    f.poll();
  }
  ck_assert(f.now - before >= 30s);
  ck_assert_uint_eq(f.follower.skipped(), 0);
  f.is_up = true;
  f.missing.clear();
  f.poll();
  f.play();
  ck_assert_uint_eq(f.played.size(), 5);
}
END_TEST

START_TEST(an_old_answer_changes_nothing)
{
  Following f{{}, 7};
  f.play();
  for (const std::uint64_t newest : {6, 8, 7, 7, 8, 9, 2, 9}) {
    f.newest = newest;
    f.poll();
    f.newest = std::max<std::uint64_t>(newest, 9);
    f.play();
  }
  ck_assert(f.played == (Numbers{7, 8, 9}));
  ck_assert(f.events.empty());
}
END_TEST

START_TEST(a_series_that_begins_anew_is_followed)
{
  Following f{{}, 57};
  f.work();
  f.newest = 2;
  f.has_ended = true;
  for (int i = 0; i < 2; ++i) {
    f.poll();
    ck_assert(f.events.empty());
    ck_assert(!f.follower.has_ended());
  }
  f.has_ended = false;
  f.poll();
  ck_assert(f.events.at(0).kind == Event::Kind::restarted);
  // What was begun is played to its end, and not shared under a number that is another's now.
  ck_assert(f.follower.playing() == 57U);
  f.follower.handle_played();
  f.drain();
  ck_assert(f.held.empty());
  f.play();
  f.newest = 3;
  f.poll();
  f.play();
  ck_assert(f.played == (Numbers{2, 3}));
  ck_assert_int_eq(f.breaks, 1);
}
END_TEST

START_TEST(looks_as_often_as_parts_come)
{
  Following f{{}, 1};
  ck_assert(f.follower.poll_interval() == 1s);
  const auto part_each = [&](SeriesFollower::Time time) {
    for (int i = 0; i < 20; ++i) {
      ++f.newest;
      f.now += time - f.follower.poll_interval();
      f.poll();
      f.play();
    }
    return f.follower.poll_interval();
  };
  const auto slow = part_each(40s);
  ck_assert(slow > 3s && slow < 6s);
  ck_assert(part_each(600s) == 15s);
  const Following told{{.poll_interval = 7s}, 1};
  ck_assert(told.follower.poll_interval() == 7s);
  ck_assert(told.follower.next_work().kind == Work::Kind::fetch);
}
END_TEST

// Whatever a server says: what is played goes forward, and little is held.
START_TEST(nothing_upsets_it)
{
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    test::Random random{seed};
    Following f{{.first_number = static_cast<std::int64_t>(random.below(40)) - 20,
                 .last_number = random.below(3) == 0 ? random.below(60) : 0,
                 .parts_ahead = static_cast<std::uint32_t>(random.below(4)),
                 .parts_shared = static_cast<std::uint32_t>(random.below(4))},
                random.below(40)};
    for (int step = 0; step < 60; ++step) {
      f.is_up = random.below(5) != 0;
      f.has_ended = random.below(9) == 0;
      f.newest = random.below(4) == 0 ? random.below(50) : f.newest + random.below(3);
      f.oldest = random.below(8);
      f.missing = {random.below(50), random.below(50)};
      f.poll();
      ck_assert_uint_le(f.held.size(), 8);
      const auto before = f.follower.playing();
      if (random.below(2) == 0)
        f.follower.handle_played();
      else
        f.follower.handle_failure(Refusal::silent);
      ck_assert(!before || !f.follower.playing() || f.follower.is_discontinuous() ||
                *f.follower.playing() == *before + 1 || *f.follower.playing() == *before);
      f.work();
    }
  }
}
END_TEST

CHECK_MAIN("torrent_series", begins_where_it_is_told, plays_part_after_part,
           has_the_next_while_one_is_played, shares_some_and_lets_the_others_go,
           ends_with_the_last_number, waits_for_what_is_not_there_yet,
           a_part_that_is_late_is_not_skipped, a_part_that_is_missing_is_skipped,
           a_part_that_is_none_is_skipped_at_once,
           a_part_that_nobody_sends_is_skipped_if_there_is_another,
           old_parts_that_are_gone_are_passed_over,
           gone_parts_before_one_that_is_had_are_skipped, huge_numbers_cost_little,
           a_server_that_is_away_is_waited_for, an_old_answer_changes_nothing,
           a_series_that_begins_anew_is_followed, looks_as_often_as_parts_come,
           nothing_upsets_it)
