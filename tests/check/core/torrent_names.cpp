// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/safe_name.hpp"
#include "core/torrent/series.hpp"
#include "core/utf8.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

using namespace kam;
using namespace kam::torrent;

START_TEST(makes_names_safe)
{
  const struct {
    std::string_view wish;
    std::string_view name;
  } cases[] = {
      {"film.mkv", "film.mkv"},
      {"Fünf Äpfel – 日本.mkv", "Fünf Äpfel – 日本.mkv"},
      {"", "file"},
      {".", "file"},
      {"..", "file"},
      {"...", "file"},
      {"/", "file"},
      {"../../etc/passwd", "_.._etc_passwd"},
      {"/etc/passwd", "_etc_passwd"},
      {"a\\b", "a_b"},
      {".profile", "profile"},
      {"film.", "film"},
      {" film. . ", "film"},
      {"a:b?c*d<e>f|g\"h", "a_b_c_d_e_f_g_h"},
      {std::string_view{"a\0b\n\x7f", 5}, "a_b__"},
      {"\xff\xfe film", "__ film"},
      {"\xc0\xae\xc0\xae/x", "_____x"},
      {"nul", "_nul"},
      {"COM1", "_COM1"},
      {"con.txt", "_con.txt"},
      {"LPT9 .tar.gz", "_LPT9 .tar.gz"},
      {"CONIN$", "_CONIN$"},
      {"com10.txt", "com10.txt"},
      {"console", "console"},
  };
  for (const auto &c : cases) {
    const auto name = safe_name(c.wish, "file");
    ck_assert_msg(name == c.name, "%s: %s", std::string{c.wish}.c_str(), name.c_str());
    ck_assert_msg(is_safe_name(name), "%s is said not to be safe", name.c_str());
    ck_assert_int_eq(is_safe_name(c.wish), c.wish == c.name);
  }
}
END_TEST

START_TEST(cuts_long_names_between_characters)
{
  std::string wish;
  for (int i = 0; i < 300; ++i)
    wish += "ä";
  const auto name = safe_name(wish + ".mkv", "file");
  ck_assert_uint_le(name.size(), max_name_size);
  ck_assert_uint_gt(name.size(), max_name_size - 4);
  ck_assert(name.ends_with("ä.mkv"));
  ck_assert(is_safe_name(name));
  ck_assert(is_safe_name(safe_name("x." + wish, "file")));
}
END_TEST

START_TEST(is_always_safe)
{
  for (std::uint32_t seed = 0; seed < 20000; ++seed) {
    test::Random random{seed};
    const auto wish =
        random.bytes(random.below(random.below(10) == 0 ? 400 : 12), "./\\ \xc3\xa4NULCOM1:");
    const auto name = safe_name(as_text(wish), "file");
    ck_assert_msg(is_safe_name(name), "seed %u", seed);
    ck_assert_msg(safe_name(name, "x") == name, "seed %u: not the same again", seed);
  }
}
END_TEST

START_TEST(numbers_patterns)
{
  const struct {
    std::string_view pattern;
    const char *seventh;  // nullptr: refused
  } cases[] = {
      {"a-%d.ts", "a-7.ts"}, {"%d", "7"},       {"%05d.ts", "00007.ts"}, {"100%%-%d", "100%-7"},
      {"%%d", nullptr},      {"a.ts", nullptr}, {"%d-%d", nullptr},      {"%s", nullptr},
      {"%n%d", nullptr},     {"%00d", nullptr}, {"%010d", nullptr},      {"%", nullptr},
      {"%0", nullptr},       {"%05", nullptr},  {"%5d", nullptr},        {"", nullptr},
  };
  for (const auto &c : cases) {
    const auto name = numbered(c.pattern, 7);
    ck_assert_msg(name == (c.seventh ? std::optional<std::string>{c.seventh} : std::nullopt),
                  "%s", std::string{c.pattern}.c_str());
  }
  ck_assert(numbered("%02d", 12345) == "12345");
}
END_TEST

START_TEST(finds_a_place_for_the_number)
{
  ck_assert(part_pattern("live.ts") == "live-%d.ts");
  ck_assert(part_pattern("/a.b/live") == "/a.b/live-%d");
  ck_assert(part_pattern("/a.b/.live") == "/a.b/.live-%d");
  ck_assert(part_pattern("/a/live.part.ts") == "/a/live.part-%d.ts");
  ck_assert(part_pattern("/a/part-%03d.ts") == "/a/part-%03d.ts");
  ck_assert(!part_pattern("100%.ts"));
}
END_TEST

START_TEST(reads_and_writes_the_index)
{
  using Index = SeriesIndex;
  ck_assert(series_index({.newest = 17}) == "17");
  for (const std::uint64_t newest : {std::uint64_t{0}, std::uint64_t{1}, max_series_number})
    for (const bool has_ended : {false, true}) {
      const Index index{newest, has_ended};
      ck_assert(parse_series_index(series_index(index)) == index);
    }
  ck_assert((parse_series_index(" 12\r\n") == Index{12, false}));
  ck_assert((parse_series_index("12\r\nend\r\n") == Index{12, true}));
  for (const auto *const bad :
       {"", " ", "-1", "+1", "1 2", "1x", "0x10", "1000000000", "99999999999999999999",
        "<html>", "12 ended", "end", "end 12", "12 end 13", "d4:infode"})
    ck_assert_msg(!parse_series_index(bad), "\"%s\"", bad);
  ck_assert(!parse_series_index("1" + std::string(longest_series_index, ' ')));
}
END_TEST

START_TEST(names_torrents_beside_the_index)
{
  ck_assert(series_torrent_name(3) == "3.torrent");
  ck_assert(series_torrent_uri("http://a.example/live/meta.txt", 12) ==
            "http://a.example/live/12.torrent");
  ck_assert(series_torrent_uri("http://a.example/live/?key=a/b#x", 1) ==
            "http://a.example/live/1.torrent?key=a/b");
  ck_assert(series_torrent_uri("meta.txt", 1) == "1.torrent");
}
END_TEST

CHECK_MAIN("torrent_names", makes_names_safe, cuts_long_names_between_characters,
           is_always_safe, numbers_patterns, finds_a_place_for_the_number,
           reads_and_writes_the_index, names_torrents_beside_the_index)
