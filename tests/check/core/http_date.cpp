// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/http_date.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

using namespace kam::http;
using kam::test::Random;

namespace {

constexpr std::int64_t example = 784'111'777;  // that of RFC 9110
constexpr std::int64_t now = 1'760'000'000;    // in October 2025

}  // namespace

START_TEST(the_three_forms)
{
  ck_assert(http_date(example) == "Sun, 06 Nov 1994 08:49:37 GMT");
  ck_assert(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  ck_assert(http_date(951'782'399) == "Mon, 28 Feb 2000 23:59:59 GMT");
  for (const auto *text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994"})
    ck_assert_msg(parse_http_date(text, now) == example, "%s", text);
  ck_assert(parse_http_date("Sun Nov 16 08:49:37 1994", now) == example + 10 * 86'400);
}
END_TEST

START_TEST(centuries)
{
  const auto year_2030 = parse_http_date("Tue, 01 Jan 2030 00:00:00 GMT", now);
  ck_assert(parse_http_date("Tuesday, 01-Jan-30 00:00:00 GMT", now) == year_2030);
  ck_assert(parse_http_date("Sunday, 01-Jan-84 00:00:00 GMT", now) == 441'763'200);
}
END_TEST

START_TEST(no_dates)
{
  for (const auto *text :
       {"", "Sun", "Sun, ", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nix 1994 08:49:37 GMT", "784111777", "Sun Nov 6 08:49:37 1994",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06-Nov 94 08:49:37 GMT"})
    ck_assert_msg(!parse_http_date(text, now), "%s", text);
}
END_TEST

START_TEST(there_and_back)
{
  Random random{1};
  for (int i = 0; i < 20'000; ++i) {
    const auto time = static_cast<std::int64_t>(random.below(2'000'000'000)) * 120;
    const auto text = http_date(time);
    ck_assert_msg(parse_http_date(text, now) == time, "%s", text.c_str());
  }
  ck_assert(http_date(INT64_MAX) == "Fri, 31 Dec 9999 23:59:59 GMT");
  ck_assert(http_date(INT64_MIN) == "Sat, 01 Jan 0000 00:00:00 GMT");
}
END_TEST

CHECK_MAIN("HTTP dates", the_three_forms, centuries, no_dates, there_and_back)
