// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/fortune_file.hpp"

#include "core/utf8.hpp"
#include "support/check_main.hpp"
#include "support/fortune_index.hpp"
#include "support/random.hpp"

#include <string>
#include <vector>

using namespace kam;
using namespace kam::cookie;
using kam::test::IndexOf;

using Cookies = std::vector<std::string>;

static constexpr std::string_view three = "one\n%\ntwo\nlines\n%\nthree\n";

static std::variant<FortuneFile, FortuneFault> read(std::string_view text,
                                                    const std::string &index = {},
                                                    const FortuneLimits &limits = {})
{
  return FortuneFile::read(
      as_bytes(text), index.empty() ? std::nullopt : std::optional{as_bytes(index)}, limits);
}

static Cookies cookies_of(const FortuneFile &file)
{
  Cookies cookies;
  for (std::size_t i = 0; i < file.size(); ++i)
    cookies.emplace_back(file[i]);
  return cookies;
}

static void assert_reads(std::string_view text, const Cookies &expected,
                         const std::string &index = {}, bool fits = true)
{
  const auto result = read(text, index);
  ck_assert_msg(std::holds_alternative<FortuneFile>(result), "%s", std::string{text}.c_str());
  const auto &file = std::get<FortuneFile>(result);
  const auto cookies = cookies_of(file);
  std::string shown;
  for (const auto &cookie : cookies)
    shown += "<" + cookie + ">";
  ck_assert_msg(cookies == expected, "%s\n-- became %s", std::string{text}.c_str(),
                shown.c_str());
  ck_assert_int_eq(file.index_fits(), fits);
}

START_TEST(reads_plain_files)
{
  assert_reads(three, {"one\n", "two\nlines\n", "three\n"});
  // With a delimiter at the end, and without a line's end.
  assert_reads("one\n%\ntwo\n%\n", {"one\n", "two\n"});
  assert_reads("one\n%\ntwo\n%", {"one\n", "two\n"});
  assert_reads("one\n%\ntwo", {"one\n", "two"});
  // Of one cookie alone.
  assert_reads("all of it\n", {"all of it\n"});
  // What only looks like a delimiter.
  assert_reads("100\n%%\n %\n% \n50%\n", {"100\n%%\n %\n% \n50%\n"});
}
END_TEST

START_TEST(leaves_out_empty_cookies)
{
  assert_reads("%\n%\none\n%\n%\n\n%\ntwo\n%\n%\n", {"one\n", "\n", "two\n"});
}
END_TEST

START_TEST(reads_lines_of_dos)
{
  assert_reads("one\r\n%\r\ntwo\r\nlines\r\n%\r\n", {"one\n", "two\nlines\n"});
  // As it comes of editing on one system what was converted on another.
  assert_reads("one\r\r\n%\r\r\ntwo\n", {"one\n", "two\n"});
  // strfile does not see such delimiters, and takes all for one.
  assert_reads("one\r\n%\r\ntwo\r\n", {"one\n", "two\n"}, IndexOf{.offsets = {0}}, false);
}
END_TEST

START_TEST(reads_indexes_of_both_widths)
{
  for (const bool wide : {false, true}) {
    assert_reads(three, {"one\n", "two\nlines\n", "three\n"},
                 IndexOf{.offsets = {0, 6, 18}, .is_wide = wide});
    // As strfile -o writes them.
    assert_reads(three, {"three\n", "one\n", "two\nlines\n"},
                 IndexOf{.offsets = {18, 0, 6}, .flags = 2, .is_wide = wide});
  }
  assert_reads(three, {"one\n", "two\nlines\n", "three\n"},
               IndexOf{.offsets = {0, 6, 18}, .version = 1});
}
END_TEST

START_TEST(decodes_rot13)
{
  assert_reads("Uryyb, Jbeyq 1!\n%\nÄ@[`{\n", {"Hello, World 1!\n", "Ä@[`{\n"},
               IndexOf{.offsets = {0, 18}, .flags = 4});
}
END_TEST

START_TEST(takes_the_index_at_its_word_about_the_delimiter_and_comments)
{
  assert_reads("one\n%\n#\ntwo\n", {"one\n%\n", "two\n"},
               IndexOf{.offsets = {0, 8}, .delimiter = '#'});
  assert_reads("%% who\none\n%\n%% nothing\n%\ntwo\n%%\n", {"one\n", "two\n"},
               IndexOf{.offsets = {0, 13, 26}, .flags = 8});
}
END_TEST

// Somebody has added a cookie and forgotten strfile, or has another file's index.
START_TEST(the_text_counts_for_more_than_a_stale_index)
{
  const Cookies all{"one\n", "two\nlines\n", "three\n"};
  assert_reads(three, all, IndexOf{.offsets = {0, 6}}, false);
  assert_reads(three, all, IndexOf{.offsets = {0, 6, 17}}, false);
  assert_reads(three, all, IndexOf{.offsets = {0, 0, 6}}, false);
  assert_reads(three, all, IndexOf{.offsets = {0, 6, 1'000'000}}, false);
  assert_reads(three, all, IndexOf{.offsets = {0, 6, UINT64_MAX}, .is_wide = true}, false);
  assert_reads(three, all, IndexOf{.offsets = {}}, false);
  // What the flags say holds all the same.
  assert_reads("bar\n%\ngjb\n", {"one\n", "two\n"}, IndexOf{.offsets = {0}, .flags = 4}, false);
}
END_TEST

START_TEST(what_is_no_index_is_as_good_as_none)
{
  const std::string good = IndexOf{.offsets = {0, 6, 18}};
  const Cookies all{"one\n", "two\nlines\n", "three\n"};
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto cut = FortuneFile::read(as_bytes(three), as_bytes(good).first(size));
    ck_assert(cookies_of(std::get<FortuneFile>(cut)) == all);
    ck_assert(!std::get<FortuneFile>(cut).index_fits());
  }
  assert_reads(three, all, good + "x", false);
  assert_reads(three, all, IndexOf{.offsets = {0, 6, 18}, .version = 0}, false);
  assert_reads(three, all, IndexOf{.offsets = {0, 6, 18}, .version = 3}, false);
  assert_reads(three, all, IndexOf{.offsets = {0, 6, 18}, .delimiter = '\n'}, false);
  assert_reads(three, all, IndexOf{.offsets = {0, 6, 18}, .delimiter = '\0'}, false);
  // It says that there are four thousand million.
  auto boastful = good;
  boastful.replace(4, 4, "\xff\xff\xff\xff");
  assert_reads(three, all, boastful, false);
}
END_TEST

START_TEST(other_encodings_become_utf8)
{
  assert_reads("gr\xfc\xdf\x65\n%\ngrüße\n", {"grüße\n", "grüße\n"});
  assert_reads("\xff\xfe\n", {"ÿþ\n"});
}
END_TEST

START_TEST(keeps_the_limits)
{
  FortuneLimits limits{.max_text_size = three.size()};
  ck_assert(std::holds_alternative<FortuneFile>(read(three, {}, limits)));
  --limits.max_text_size;
  ck_assert(std::get<FortuneFault>(read(three, {}, limits)) == FortuneFault::too_large);
  const auto two = std::get<FortuneFile>(read(three, {}, {.max_cookies = 2}));
  ck_assert(cookies_of(two) == Cookies({"one\n", "two\nlines\n"}));
  ck_assert_uint_eq(two.left_out(), 1);
  const auto small = std::get<FortuneFile>(read(three, {}, {.max_cookie_size = 6}));
  ck_assert(cookies_of(small) == Cookies({"one\n", "three\n"}));
  ck_assert_uint_eq(small.left_out(), 1);
}
END_TEST

START_TEST(nothing_is_no_database)
{
  for (const auto *text : {"", "%", "%\n", "%\n%\n%\r\n%"}) {
    const auto result = read(text);
    ck_assert(std::get<FortuneFault>(result) == FortuneFault::no_cookies);
  }
  ck_assert_str_eq(describe(FortuneFault::no_cookies), "has no cookies in it");
  ck_assert_str_eq(describe(FortuneFault::too_large), "is too large");
}
END_TEST

START_TEST(tells_databases_from_other_files)
{
  ck_assert(looks_like_fortunes(as_bytes(three)));
  ck_assert(looks_like_fortunes(as_bytes("one\r\n%\r\n")));
  ck_assert(!looks_like_fortunes(as_bytes("")));
  ck_assert(!looks_like_fortunes(as_bytes("Read this before you install.\n")));
  ck_assert(!looks_like_fortunes(as_bytes(std::string_view{"\0\n%\n", 4})));
}
END_TEST

START_TEST(survives_anything)
{
  for (unsigned seed = 1; seed <= 500; ++seed) {
    test::Random random{seed};
    const auto text = random.bytes(random.below(300), "%%%\n\n\n\ra");
    auto index = std::string{IndexOf{.offsets = {random.below(300), random.below(300)},
                                     .flags = static_cast<std::uint32_t>(random.below(16)),
                                     .is_wide = random.below(2) == 0}};
    index.resize(index.size() - random.below(2));
    const auto result = FortuneFile::read(text, as_bytes(index), {.max_cookie_size = 100});
    if (const auto *file = std::get_if<FortuneFile>(&result)) {
      for (const auto &cookie : cookies_of(*file))
        ck_assert_msg(!cookie.empty() && cookie.size() <= 100 && is_utf8(cookie), "seed %u",
                      seed);
    }
  }
}
END_TEST

CHECK_MAIN("fortune_file", reads_plain_files, leaves_out_empty_cookies, reads_lines_of_dos,
           reads_indexes_of_both_widths, decodes_rot13,
           takes_the_index_at_its_word_about_the_delimiter_and_comments,
           the_text_counts_for_more_than_a_stale_index, what_is_no_index_is_as_good_as_none,
           other_encodings_become_utf8, keeps_the_limits, nothing_is_no_database,
           tells_databases_from_other_files, survives_anything)
