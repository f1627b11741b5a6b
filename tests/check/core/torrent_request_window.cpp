// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/request_window.hpp"

#include "support/check_main.hpp"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

using namespace kam::torrent;
using namespace std::chrono_literals;

namespace {

using Block = RequestWindow::Block;
using Time = RequestWindow::Time;

constexpr std::int32_t block_size = 16384;

Block block(std::int32_t number)
{
  return {number / 16, number % 16 * block_size, block_size};
}

// A peer that sends so many blocks a second, each so long after it was asked for at the least,
// and a downloader that always wants a second's worth of blocks more, as libtorrent does.
class Download {
 public:
  Download(double rate, Time delay) : rate_{rate}, delay_{delay} {}

  void change(double rate, Time delay)
  {
    rate_ = rate;
    delay_ = delay;
  }

  void run(Time duration)
  {
    const auto end = now_ + duration;
    while (now_ < end) {
      want();
      const auto [number, at] = sent_.front();
      sent_.pop_front();
      now_ = std::max(now_, at);
      longest_ = std::max(longest_, now_ - asked_at_[number]);
      window.answered(block(number), now_);
      ++came;
      while (const auto next = window.next(now_))
        ask(next->piece * 16 + next->start / block_size);
    }
  }
  // The longest that a block took since the last call.
  Time longest() { return std::exchange(longest_, Time{}); }

  RequestWindow window;
  int came = 0;

 private:
  void want()
  {
    while (window.asked() + window.kept() < std::max<std::size_t>(8, std::size_t(rate_))) {
      asked_at_.emplace_back();
      const auto number = static_cast<std::int32_t>(asked_at_.size()) - 1;
      if (window.ask(block(number), now_))
        ask(number);
    }
  }
  void ask(std::int32_t number)
  {
    const Time apart{static_cast<std::int64_t>(1e9 / rate_)};
    asked_at_[static_cast<std::size_t>(number)] = now_;
    last_ = std::max(now_ + delay_, last_ + apart);
    sent_.emplace_back(number, last_);
  }

  double rate_;
  Time delay_;
  Time now_ = 1h;
  Time last_{};
  Time longest_{};
  std::deque<std::pair<std::size_t, Time>> sent_;
  std::vector<Time> asked_at_;
};

}  // namespace

// 16 Mbit/s, 20 ms away: 122 blocks a second.
START_TEST(a_peer_is_busy_and_little_waits_there)
{
  Download download{122, 20ms};
  download.run(3s);
  download.came = 0;
  (void)download.longest();
  download.run(10s);
  ck_assert_int_ge(download.came, 1220 * 98 / 100);
  ck_assert(download.longest() < 20ms + 2 * RequestWindow::target + 20ms);
  // What a downloader without a window has there.
  ck_assert_uint_lt(download.window.asked(), 40);
  ck_assert_uint_gt(download.window.kept(), 60);
}
END_TEST

START_TEST(it_learns_how_fast_a_peer_is)
{
  // 800 Mbit/s, in the same house.
  Download download{6100, 1ms};
  download.run(1s);
  ck_assert_int_ge(download.came, 6100 * 95 / 100);
  // It gets slower.
  download.change(61, 30ms);
  download.run(30s);
  (void)download.longest();
  download.run(5s);
  ck_assert(download.longest() < 30ms + 2 * RequestWindow::target + 40ms);
  // And fast again, and farther away, which is believed after a minute.
  download.change(1220, 150ms);
  download.run(60s);
  download.came = 0;
  download.run(10s);
  ck_assert_int_ge(download.came, 12200 * 95 / 100);
}
END_TEST

START_TEST(no_more_than_a_peer_remembers)
{
  Download download{6100, 10ms};
  download.window.set_most(8);
  download.run(1s);
  ck_assert_uint_le(download.window.asked(), 8);
  ck_assert_int_ge(download.came, 8 * 95);
}
END_TEST

START_TEST(what_is_kept_comes_in_its_order)
{
  RequestWindow window;
  for (int i = 0; i < 8; ++i)
    ck_assert(window.ask(block(i), 1s) == (i < 4));
  ck_assert(!window.next(1s));
  window.answered(block(0), 1020ms);
  // One has come, and there may be one more than before.
  ck_assert(window.next(1020ms) == block(4));
  ck_assert(window.next(1020ms) == block(5));
  ck_assert(!window.next(1020ms));
  // What comes later may not overtake them.
  ck_assert(!window.withdraw(block(1)));
  ck_assert(!window.ask(block(8), 1020ms));
  ck_assert(window.next(1020ms) == block(6));
  ck_assert(window.next_anyway(1020ms) == block(7));
  ck_assert(window.next_anyway(1020ms) == block(8));
  ck_assert(!window.next_anyway(1020ms));
}
END_TEST

START_TEST(what_is_not_wanted_any_more_is_forgotten)
{
  RequestWindow window;
  for (int i = 0; i < 8; ++i)
    window.ask(block(i), 1s);
  ck_assert(window.withdraw(block(5)));
  ck_assert(!window.withdraw(block(5)));
  ck_assert(!window.withdraw(block(0)));
  // It comes nevertheless, and says nothing about those that are wanted.
  window.answered(block(0), 9s);
  ck_assert_uint_eq(window.limit(), 4);
  ck_assert_uint_eq(window.asked(), 3);
  ck_assert_uint_eq(window.kept(), 3);
}
END_TEST

START_TEST(what_a_peer_forgets_holds_up_nothing)
{
  RequestWindow window;
  for (int i = 0; i < 6; ++i)
    window.ask(block(i), 1s + i * 1s);
  window.give_up(20s);
  ck_assert(!window.next(20s));
  window.give_up(21s);
  ck_assert(window.next(21s) == block(4));
  ck_assert(!window.next(21s));
  // If it comes nevertheless, that is no answer to anything.
  window.answered(block(0), 22s);
  ck_assert_uint_eq(window.asked(), 4);
}
END_TEST

CHECK_MAIN("torrent_request_window", a_peer_is_busy_and_little_waits_there,
           it_learns_how_fast_a_peer_is, no_more_than_a_peer_remembers,
           what_is_kept_comes_in_its_order, what_is_not_wanted_any_more_is_forgotten,
           what_a_peer_forgets_holds_up_nothing)
