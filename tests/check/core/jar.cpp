// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/jar.hpp"

#include "core/cookie/split_mix.hpp"
#include "core/utf8.hpp"
#include "support/check_main.hpp"

#include <map>
#include <string>
#include <utility>

using namespace kam::cookie;

static std::shared_ptr<const FortuneFile> file_of(const std::vector<std::string_view> &cookies)
{
  return std::make_shared<const FortuneFile>(FortuneFile::of(cookies));
}

START_TEST(every_cookie_is_in_it_once)
{
  const Jar jar{{{"a", file_of({"one\n", "two\n"})}, {"b", file_of({"three\n"})}}};
  ck_assert_uint_eq(jar.size(), 3);
  std::string all;
  for (std::size_t i = 0; i < jar.size(); ++i) {
    const auto cookie = jar[i];
    all +=
        std::string{cookie.source} + std::to_string(cookie.number) + std::string{cookie.text};
  }
  ck_assert_str_eq(all.c_str(), "a1one\na2two\nb1three\n");
}
END_TEST

// A hundred thousand picks from databases of very different sizes.
START_TEST(cookies_are_picked_evenly_whatever_database_they_are_in)
{
  std::vector<std::string> texts;
  for (int i = 0; i < 90; ++i)
    texts.push_back(std::to_string(i) + "\n");
  const Jar jar{{{"large", file_of({texts.begin(), texts.end()})},
                 {"small", file_of({"x\n"})},
                 {"middle", file_of({"y\n", "z\n", "w\n"})}}};
  constexpr int draws = 100'000;
  std::map<std::pair<std::string_view, std::size_t>, int> counts;
  SplitMix64 random{2026};
  for (int i = 0; i < draws; ++i) {
    const auto cookie = jar[random.below(jar.size())];
    ++counts[{cookie.source, cookie.number}];
  }
  ck_assert_uint_eq(counts.size(), 94);
  const double expected = double{draws} / 94;
  double chi_square = 0;
  for (const auto &[cookie, count] : counts)
    chi_square += (count - expected) * (count - expected) / expected;
  // 93 degrees of freedom: one in ten thousand is beyond either.
  ck_assert_msg(chi_square > 49 && chi_square < 151, "%f", chi_square);
}
END_TEST

START_TEST(sizes_select)
{
  const auto file = file_of({"1\n", "12\n", "123\n", "1\n2\n"});
  const auto sizes = [&](const Selection &selection) {
    const Jar jar{{{"a", file}}, selection};
    std::string numbers;
    for (std::size_t i = 0; i < jar.size(); ++i)
      numbers += std::to_string(jar[i].number);
    return numbers;
  };
  ck_assert(sizes({}) == "1234");
  ck_assert(sizes({.min_length = 3}) == "234");
  ck_assert(sizes({.max_length = 3}) == "12");
  ck_assert(sizes({.min_length = 3, .max_length = 3}) == "2");
  ck_assert(sizes({.max_length = 1}) == "");
  // Of what is sent.
  ck_assert(sizes({.max_length = 4, .line_end = LineEnd::crlf}) == "12");
}
END_TEST

START_TEST(lines_end_as_wanted)
{
  ck_assert(with_line_ends("a\n\nb", LineEnd::lf) == "a\n\nb");
  ck_assert(with_line_ends("a\n\nb", LineEnd::crlf) == "a\r\n\r\nb");
  ck_assert(with_line_ends("", LineEnd::crlf).empty());
}
END_TEST

// As RFC 865 wants them: printable, and short.
START_TEST(there_are_always_some)
{
  const auto &built_in = built_in_cookies();
  ck_assert_uint_gt(built_in.size(), 5);
  for (std::size_t i = 0; i < built_in.size(); ++i) {
    ck_assert(built_in[i].ends_with('\n') && built_in[i].size() < 512);
    ck_assert(kam::is_utf8(built_in[i]));
  }
}
END_TEST

CHECK_MAIN("jar", every_cookie_is_in_it_once,
           cookies_are_picked_evenly_whatever_database_they_are_in, sizes_select,
           lines_end_as_wanted, there_are_always_some)
