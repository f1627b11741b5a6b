// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/chooser.hpp"

#include "support/check_main.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

using namespace kam::cookie;

static std::vector<std::size_t> choices(Chooser chooser, std::size_t count)
{
  std::vector<std::size_t> result(count);
  std::ranges::generate(result, [&] { return chooser.next(); });
  return result;
}

// The reference implementation's numbers for the seed 1234567.
START_TEST(split_mix_is_what_others_have)
{
  SplitMix64 random{1234567};
  for (const auto expected : {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                              4593380528125082431U, 16408922859458223821U})
    ck_assert_uint_eq(random.next(), expected);
}
END_TEST

// What a seed gives today it gives for ever.
START_TEST(seeds_have_golden_choices)
{
  const std::vector<std::size_t> random{1001, 10541, 2796, 8778, 3152, 6328};
  ck_assert(choices({Order::random, 15'217, 42}, 6) == random);
  const std::vector<std::size_t> shuffled{1, 2, 0, 4, 3, 4, 3, 2, 0, 1};
  ck_assert(choices({Order::shuffle, 5, 42}, 10) == shuffled);
}
END_TEST

START_TEST(a_hundred_thousand_choices_are_uniform)
{
  constexpr std::size_t kinds = 97;
  constexpr int draws = 100'000;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    std::array<int, kinds> counts{};
    Chooser chooser{Order::random, kinds, seed};
    for (int i = 0; i < draws; ++i)
      ++counts.at(chooser.next());
    const double expected = double{draws} / kinds;
    double chi_square = 0;
    for (const int count : counts)
      chi_square += (count - expected) * (count - expected) / expected;
    // 96 degrees of freedom: one in ten thousand is beyond either.
    ck_assert_msg(chi_square > 51 && chi_square < 155, "seed %d: %f", static_cast<int>(seed),
                  chi_square);
  }
}
END_TEST

START_TEST(large_limits_are_not_biased)
{
  // Two thirds of 2^64: a remainder alone would come out below a third half of the time.
  constexpr std::uint64_t third = UINT64_MAX / 3;
  SplitMix64 random{7};
  int low = 0;
  for (int i = 0; i < 10'000; ++i)
    low += random.below(2 * third) < third ? 1 : 0;
  ck_assert_int_gt(low, 4800);
  ck_assert_int_lt(low, 5200);
}
END_TEST

START_TEST(shuffling_gives_each_once_a_round)
{
  constexpr std::size_t count = 7;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Chooser chooser{Order::shuffle, count, seed};
    std::size_t last = count;
    for (int round = 0; round < 10; ++round) {
      std::set<std::size_t> seen;
      for (std::size_t i = 0; i < count; ++i) {
        const auto choice = chooser.next();
        ck_assert_uint_ne(choice, last);
        last = choice;
        seen.insert(choice);
      }
      ck_assert_uint_eq(seen.size(), count);
      ck_assert_uint_lt(*seen.rbegin(), count);
    }
  }
}
END_TEST

START_TEST(one_after_the_other)
{
  const std::vector<std::size_t> from_the_first{0, 1, 2, 0, 1};
  ck_assert(choices({Order::sequential, 3, 9}, 5) == from_the_first);
  const std::vector<std::size_t> from_the_last{2, 0, 1, 2, 0};
  ck_assert(choices({Order::sequential, 3, 9, 11}, 5) == from_the_last);
}
END_TEST

START_TEST(there_may_be_one_alone)
{
  for (const auto order : {Order::random, Order::shuffle, Order::sequential})
    ck_assert(choices({order, 1, 5}, 3) == std::vector<std::size_t>(3));
}
END_TEST

CHECK_MAIN("chooser", split_mix_is_what_others_have, seeds_have_golden_choices,
           a_hundred_thousand_choices_are_uniform, large_limits_are_not_biased,
           shuffling_gives_each_once_a_round, one_after_the_other, there_may_be_one_alone)
