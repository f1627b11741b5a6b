// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/tuner.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam::icy;
using Hope = Tuner::Hope;

namespace {

// The next address, or "none", and the pause before it.
std::string next(Tuner &tuner, const Tuner::Policy &policy = {})
{
  const auto step = tuner.next(policy);
  return step.address.value_or("none") + " " + std::to_string(step.pause.count());
}

void expect(const std::string &got, const std::string &want)
{
  ck_assert_msg(got == want, "%s, not %s", got.c_str(), want.c_str());
}

}  // namespace

START_TEST(pauses_grow_until_there_is_sound)
{
  Tuner tuner{"a", {}};
  expect(next(tuner), "a 0");
  for (const auto *pause : {"500", "1000", "2000", "4000", "8000", "16000", "30000", "30000"}) {
    tuner.handle_failure(Hope::some);
    expect(next(tuner), std::string{"a "} + pause);
  }
  tuner.handle_data();
  tuner.handle_loss();
  expect(next(tuner), "a 500");
  tuner.handle_failure(Hope::some);
  expect(next(tuner), "a 500");
}
END_TEST

START_TEST(retries_end)
{
  Tuner::Policy policy;
  policy.retries = 2;
  Tuner tuner{"a", {}};
  expect(next(tuner, policy), "a 0");
  tuner.handle_failure(Hope::some);
  expect(next(tuner, policy), "a 500");
  tuner.handle_failure(Hope::some);
  expect(next(tuner, policy), "a 1000");
  tuner.handle_failure(Hope::some);
  expect(next(tuner, policy), "none 0");
}
END_TEST

START_TEST(without_retries_a_loss_is_the_end)
{
  Tuner::Policy policy;
  policy.retries = 0;
  Tuner tuner{"a", {}};
  expect(next(tuner, policy), "a 0");
  tuner.handle_data();
  tuner.handle_loss();
  expect(next(tuner, policy), "none 0");
}
END_TEST

START_TEST(no_hope_no_retry)
{
  Tuner tuner{"a", {}};
  next(tuner);
  tuner.handle_failure(Hope::none);
  expect(next(tuner), "none 0");
}
END_TEST

START_TEST(entries_are_tried_without_a_pause)
{
  Tuner tuner{"list", {}};
  expect(next(tuner), "list 0");
  ck_assert(tuner.handle_playlist({"dead", "b", "c"}));
  expect(next(tuner), "dead 0");
  ck_assert(tuner.in_playlist());
  tuner.handle_failure(Hope::none);
  expect(next(tuner), "b 0");
  tuner.handle_data();
  // The one that was good comes first, and then the list again.
  tuner.handle_loss();
  expect(next(tuner), "b 500");
  tuner.handle_failure(Hope::some);
  expect(next(tuner), "list 0");
  ck_assert(tuner.handle_playlist({"dead", "b", "c"}));
  expect(next(tuner), "dead 0");
  tuner.handle_failure(Hope::none);
  expect(next(tuner), "c 0");
  tuner.handle_failure(Hope::some);
  expect(next(tuner), "b 500");
}
END_TEST

START_TEST(playlists_in_playlists_end)
{
  Tuner tuner{"l0", {}};
  for (const auto *list : {"l0", "l1", "l2"}) {
    expect(next(tuner), std::string{list} + " 0");
    std::string deeper{list};
    ++deeper[1];
    ck_assert(tuner.handle_playlist({deeper}));
  }
  expect(next(tuner), "l3 0");
  ck_assert(!tuner.handle_playlist({"l4"}));
  tuner.handle_failure(Hope::none);
  expect(next(tuner), "none 0");
}
END_TEST

START_TEST(a_playlist_of_itself_is_tried_once)
{
  Tuner tuner{"l", {}};
  next(tuner);
  ck_assert(!tuner.handle_playlist({"l", "l"}));
}
END_TEST

START_TEST(a_round_has_a_limit)
{
  Tuner tuner{"l", {}};
  next(tuner);
  std::vector<std::string> entries;
  for (int i = 0; i < 10'000; ++i)
    entries.push_back(std::to_string(i));
  ck_assert(tuner.handle_playlist(entries));
  int tried = 0;
  for (; tuner.next({}).pause.count() == 0; ++tried)
    tuner.handle_failure(Hope::some);
  ck_assert_int_eq(tried, 255);
}
END_TEST

CHECK_MAIN("tuner", pauses_grow_until_there_is_sound, retries_end,
           without_retries_a_loss_is_the_end, no_hope_no_retry,
           entries_are_tried_without_a_pause, playlists_in_playlists_end,
           a_playlist_of_itself_is_tried_once, a_round_has_a_limit)
