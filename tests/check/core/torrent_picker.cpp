// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/picker.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam::torrent;
using namespace std::chrono_literals;

namespace {

// What a downloader would have been told by now.
class Told {
 public:
  explicit Told(std::uint32_t pieces) : picker{pieces}, priorities(pieces, 255) {}

  Orders plan(const std::vector<Reader> &readers, std::chrono::nanoseconds now = 0ns)
  {
    auto orders = picker.plan(readers, now);
    for (const auto &[piece, priority] : orders.priorities)
      priorities[piece] = priority;
    return orders;
  }
  // The priorities as digits.
  std::string shown() const
  {
    std::string text;
    for (const auto priority : priorities)
      text += priority == 255 ? '?' : static_cast<char>('0' + priority);
    return text;
  }

  Picker picker;
  std::vector<int> priorities;
};

Reader reader_of(std::uint64_t begin, std::uint64_t end)
{
  Reader reader;
  reader.id = 1;
  reader.pieces = {begin, end};
  reader.playhead = static_cast<std::uint32_t>(begin);
  reader.window = 3;
  return reader;
}

void expect(const std::string &got, const std::string &want)
{
  ck_assert_msg(got == want, "%s, not %s", got.c_str(), want.c_str());
}

void seek(Reader &reader, std::uint32_t piece)
{
  reader.playhead = piece;
  ++reader.seeks;
}

}  // namespace

START_TEST(nobody_wants_nothing)
{
  Told told{4};
  ck_assert(told.plan({}).deadlines.empty());
  expect(told.shown(), "0000");
  ck_assert(told.plan({}).empty());
  Told none{0};
  ck_assert(none.plan({}).empty());
}
END_TEST

START_TEST(a_reader_from_the_start)
{
  Told told{10};
  auto reader = reader_of(2, 9);
  const auto orders = told.plan({reader});
  expect(told.shown(), "0044411110");
  // Nothing is on its way that could be in the way.
  ck_assert(!orders.start_over && orders.deadlines.empty());
  told.picker.set_have(2);
  reader.playhead = 3;
  told.plan({reader});
  expect(told.shown(), "0044441110");
}
END_TEST

START_TEST(only_the_window_if_the_rest_is_not_wanted)
{
  Told told{8};
  auto reader = reader_of(0, 8);
  reader.wants_all = false;
  told.plan({reader});
  expect(told.shown(), "44400000");
  reader.playhead = 2;
  told.plan({reader});
  expect(told.shown(), "00444000");
}
END_TEST

START_TEST(a_seek_wants_two_pieces_first_and_takes_back_what_was_before)
{
  Told told{10};
  auto reader = reader_of(0, 10);
  told.plan({reader});
  seek(reader, 5);
  const auto orders = told.plan({reader}, 1s);
  ck_assert(orders.start_over == 5U);
  ck_assert(orders.deadlines.empty());
  expect(told.shown(), "0000077411");
  // Once.
  ck_assert(told.plan({reader}, 1100ms).empty());
  told.picker.set_have(5);
  told.plan({reader}, 1200ms);
  expect(told.shown().substr(6), "4411");
}
END_TEST

// A downloader that completes what it has begun would be busy with the place that was left.
START_TEST(what_was_begun_waits_for_what_is_sought)
{
  Told told{16};
  auto reader = reader_of(0, 16);
  reader.playhead = 8;
  told.plan({reader});
  expect(told.shown(), "0000000044411111");
  seek(reader, 2);
  told.plan({reader}, 1s);
  expect(told.shown(), "0077411100011111");
  // Not for ever.
  reader.is_waiting = true;
  reader.waiting_since = 1s;
  told.plan({reader}, 1600ms);
  expect(told.shown(), "0044411111111111");
}
END_TEST

START_TEST(what_was_begun_and_is_read_next_is_wanted)
{
  Told told{32};
  auto reader = reader_of(0, 32);
  reader.window = 12;
  told.plan({reader});
  seek(reader, 4);
  told.plan({reader}, 1s);
  expect(told.shown().substr(4, 14), "77440000444411");
}
END_TEST

// What is left has to be more than what is wanted now: who wants nothing is left by its peers.
START_TEST(what_was_begun_is_wanted_if_there_is_little_else)
{
  Told told{9};
  auto reader = reader_of(0, 9);
  reader.playhead = 5;
  told.plan({reader});
  for (const auto piece : {3, 4, 8})
    told.picker.set_have(static_cast<std::uint32_t>(piece));
  told.picker.set_have(2);
  seek(reader, 0);
  told.plan({reader}, 1s);
  expect(told.shown().substr(5, 3), "111");
}
END_TEST

START_TEST(a_seek_to_what_is_there_hurries_nothing)
{
  Told told{10};
  auto reader = reader_of(0, 10);
  told.picker.set_have(5);
  told.plan({reader});
  seek(reader, 5);
  const auto orders = told.plan({reader}, 1s);
  ck_assert(!orders.start_over && orders.deadlines.empty());
}
END_TEST

START_TEST(what_was_jumped_over_comes_last)
{
  Told told{6};
  auto reader = reader_of(0, 6);
  told.plan({reader});
  seek(reader, 4);
  told.plan({reader}, 1s);
  expect(told.shown(), "000077");
  told.picker.set_have(4);
  told.picker.set_have(5);
  told.plan({reader}, 2s);
  expect(told.shown().substr(0, 4), "1111");
}
END_TEST

START_TEST(both_ends_are_wanted_when_reading_has_begun)
{
  Told told{12};
  auto reader = reader_of(0, 12);
  reader.edge = 2;
  told.plan({reader});
  // Those at the beginning come in their order: "first" has none.
  expect(told.shown(), "444111111111");
  told.picker.set_have(0);
  told.plan({reader});
  expect(told.shown(), "444111111177");
  reader.playhead = 5;
  told.plan({reader});
  expect(told.shown().substr(1), "70004441177");
}
END_TEST

// Nobody may wait for the other end of the file before the piece that is read.
START_TEST(the_ends_do_not_hold_up_who_waits)
{
  Told told{12};
  auto reader = reader_of(0, 12);
  reader.edge = 2;
  told.plan({reader});
  told.picker.set_have(0);
  reader.playhead = 1;
  reader.is_waiting = true;
  told.plan({reader});
  expect(told.shown().substr(1), "44411111111");
  reader.playhead = 5;
  told.plan({reader}, 1ms);
  expect(told.shown().substr(1), "00004441111");
  reader.is_waiting = false;
  told.plan({reader}, 2ms);
  expect(told.shown().substr(1), "70004441177");
}
END_TEST

// The order would have what is missing in front of it.
START_TEST(the_end_is_read_from_the_piece_that_was_sought)
{
  Told told{12};
  auto reader = reader_of(0, 12);
  reader.edge = 6;
  reader.window = 6;
  reader.is_waiting = true;
  told.picker.set_have(0);
  told.plan({reader});
  seek(reader, 7);
  told.plan({reader}, 1ms);
  ck_assert(told.picker.is_awaited(7) && !told.picker.is_awaited(8));
  expect(told.shown().substr(7), "77444");
  told.picker.set_have(7);
  reader.playhead = 8;
  told.plan({reader}, 2ms);
  expect(told.shown().substr(8), "7777");
}
END_TEST

// A player looks at the end of the file and comes back.
START_TEST(a_look_at_the_end_moves_nothing)
{
  Told told{12};
  auto reader = reader_of(0, 12);
  reader.edge = 2;
  told.plan({reader});
  told.picker.set_have(0);
  seek(reader, 10);
  const auto orders = told.plan({reader}, 1s);
  ck_assert(orders.start_over == 10U);
  // What is there, and was not begun, has its time when that has come.
  expect(told.shown().substr(1), "00111111177");
  told.picker.set_have(10);
  seek(reader, 0);
  ck_assert(told.plan({reader}, 2s).deadlines.empty());
  expect(told.shown().substr(1, 9), "441111111");
}
END_TEST

START_TEST(a_late_piece_is_hurried_once)
{
  Told told{10};
  auto reader = reader_of(0, 10);
  told.plan({reader});
  reader.is_waiting = true;
  reader.waiting_since = 1s;
  ck_assert(told.plan({reader}, 1500ms).empty());
  const auto orders = told.plan({reader}, 1600ms);
  ck_assert(!orders.start_over);
  ck_assert(orders.deadlines == std::vector<std::uint32_t>{0});
  ck_assert(told.plan({reader}, 1700ms).empty());
}
END_TEST

// Nobody else could be asked, and the one may take what was asked for before amiss.
START_TEST(one_peer_alone_is_not_hurried)
{
  Picker picker{10};
  auto reader = reader_of(0, 10);
  reader.is_waiting = true;
  ck_assert(picker.plan({&reader, 1}, 10s, false).deadlines.empty());
  ck_assert(picker.plan({&reader, 1}, 20s, false).empty());
  ck_assert(picker.plan({&reader, 1}, 20s, true).deadlines == std::vector<std::uint32_t>{0});
}
END_TEST

START_TEST(if_that_does_not_help_everything_is_asked_for_anew)
{
  Told told{10};
  auto reader = reader_of(0, 10);
  reader.is_waiting = true;
  told.plan({reader}, 1s);
  ck_assert(told.plan({reader}, 4900ms).empty());
  const auto again = told.plan({reader}, 5s);
  ck_assert(again.start_over == 0U);
  ck_assert(again.deadlines == std::vector<std::uint32_t>{0});
  ck_assert(told.plan({reader}, 6s).empty());
  // What came is not waited for any more.
  told.picker.set_have(0);
  ck_assert(told.plan({reader}, 60s).deadlines.empty());
}
END_TEST

// The order of the pieces can favour one place only.
START_TEST(two_readers_of_one_file_both_go_on)
{
  Told told{20};
  auto one = reader_of(0, 20);
  auto two = reader_of(0, 20);
  two.id = 2;
  two.playhead = 10;
  one.window = two.window = 6;
  told.plan({one, two});
  expect(told.shown(), "77774411117777441111");
  // A second one that stops is forgotten.
  told.plan({one});
  expect(told.shown(), "44444411111111111111");
}
END_TEST

START_TEST(readers_of_two_files_of_one_torrent)
{
  Told told{9};
  auto one = reader_of(0, 4);
  auto two = reader_of(5, 9);
  two.id = 2;
  two.wants_all = false;
  told.plan({one, two});
  expect(told.shown(), "777107770");
}
END_TEST

START_TEST(everything_is_told_again_if_it_was_lost)
{
  Told told{5};
  const auto reader = reader_of(0, 5);
  told.plan({reader});
  told.picker.set_have(1);
  told.picker.forget_orders();
  ck_assert_uint_eq(told.plan({reader}).priorities.size(), 4);
}
END_TEST

START_TEST(a_playhead_outside_of_its_file_is_left_alone)
{
  Told told{5};
  auto reader = reader_of(1, 3);
  reader.playhead = 3;
  told.plan({reader});
  expect(told.shown(), "00000");
  reader.pieces = {2, 2};
  reader.playhead = 2;
  told.plan({reader});
  expect(told.shown(), "00000");
}
END_TEST

CHECK_MAIN("torrent_picker", nobody_wants_nothing, a_reader_from_the_start,
           only_the_window_if_the_rest_is_not_wanted,
           a_seek_wants_two_pieces_first_and_takes_back_what_was_before,
           what_was_begun_waits_for_what_is_sought, what_was_begun_and_is_read_next_is_wanted,
           what_was_begun_is_wanted_if_there_is_little_else,
           a_seek_to_what_is_there_hurries_nothing, what_was_jumped_over_comes_last,
           both_ends_are_wanted_when_reading_has_begun, the_ends_do_not_hold_up_who_waits,
           the_end_is_read_from_the_piece_that_was_sought, a_look_at_the_end_moves_nothing,
           a_late_piece_is_hurried_once, one_peer_alone_is_not_hurried,
           if_that_does_not_help_everything_is_asked_for_anew,
           two_readers_of_one_file_both_go_on, readers_of_two_files_of_one_torrent,
           everything_is_told_again_if_it_was_lost,
           a_playhead_outside_of_its_file_is_left_alone)
