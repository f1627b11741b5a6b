// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/pace.hpp"

#include "support/check_main.hpp"

using namespace kam::cookie;

static constexpr std::uint64_t second = 1'000'000'000;

// Kamaelia's: fortunes by the byte, sound and film in chunks of 476 and 1953 bytes.
START_TEST(chunks_are_kamaelias)
{
  ck_assert_uint_eq(Pace(320, 40).chunk_size(), 1);
  ck_assert_uint_eq(Pace(95'200, 25).chunk_size(), 476);
  ck_assert_uint_eq(Pace(375'000, 24).chunk_size(), 1953);
}
END_TEST

START_TEST(time_is_what_the_bytes_take)
{
  const Pace fortune{320, 40};
  ck_assert_uint_eq(fortune.duration_of(0), 0);
  ck_assert_uint_eq(fortune.duration_of(1), 25'000'000);
  ck_assert_uint_eq(fortune.duration_of(40), second);
  const Pace film{375'000, 24};
  // A chunk has no whole number of nanoseconds, and that does not add up.
  ck_assert_uint_eq(film.duration_of(46'875), second);
  ck_assert_uint_eq(film.duration_of(std::uint64_t{46'875} * 86'400 * 365),
                    second * 86'400 * 365);
}
END_TEST

START_TEST(extremes)
{
  ck_assert(!Pace(0, 40).is_limited());
  ck_assert_uint_eq(Pace(0, 40).chunk_size(), SIZE_MAX);
  ck_assert_uint_eq(Pace(0, 40).duration_of(1'000'000), 0);
  ck_assert_uint_eq(Pace(320, 0).chunk_size(), SIZE_MAX);
  ck_assert_uint_eq(Pace(1, 1000).chunk_size(), 1);
  ck_assert_uint_eq(Pace(1, 1000).duration_of(1), 8 * second);
  // A thousand terabytes at the highest rate.
  ck_assert_uint_eq(Pace(UINT32_MAX, 1).duration_of(std::uint64_t{1} << 50U),
                    2'097'152'000'488'281U);
}
END_TEST

CHECK_MAIN("pace", chunks_are_kamaelias, time_is_what_the_bytes_take, extremes)
