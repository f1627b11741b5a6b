// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/utf8.hpp"

#include "support/check_main.hpp"

using namespace kam;

START_TEST(knows_utf8)
{
  for (const std::string_view text :
       {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xb6z"})
    ck_assert_msg(is_utf8(text), "%s", text.data());
  for (const std::string_view text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xe2\x82",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "good\xe4"})
    ck_assert_msg(!is_utf8(text), "%s", text.data());
  ck_assert(is_utf8({"\0", 1}));
}
END_TEST

START_TEST(takes_the_rest_for_latin_1)
{
  ck_assert(utf8_of("\xd6sterreich") == "\xc3\x96sterreich");
  ck_assert(utf8_of("\xc3\x96sterreich") == "\xc3\x96sterreich");
  ck_assert(utf8_of("\x80\xff") == "\xc2\x80\xc3\xbf");
  ck_assert(utf8_of("").empty());
}
END_TEST

START_TEST(writes_characters)
{
  const struct {
    std::uint32_t code_point;
    const char *text;
  } cases[] = {{'a', "a"},
               {0x7f, "\x7f"},
               {0x80, "\xc2\x80"},
               {0x7ff, "\xdf\xbf"},
               {0x800, "\xe0\xa0\x80"},
               {0xffff, "\xef\xbf\xbf"},
               {0x10000, "\xf0\x90\x80\x80"},
               {0x10ffff, "\xf4\x8f\xbf\xbf"}};
  for (const auto &c : cases) {
    std::string text;
    ck_assert(append_utf8(text, c.code_point));
    ck_assert_str_eq(text.c_str(), c.text);
  }
  std::string text = "as before";
  for (const std::uint32_t code_point : {0xd800U, 0xdfffU, 0x110000U, 0xffffffffU})
    ck_assert(!append_utf8(text, code_point));
  ck_assert(text == "as before");
}
END_TEST

START_TEST(cuts_between_characters)
{
  constexpr std::string_view text = "a\xc3\xb6\xe2\x82\xac";
  const std::size_t sizes[] = {0, 1, 1, 3, 3, 3, 6, 6};
  for (std::size_t max = 0; max < std::size(sizes); ++max)
    ck_assert_uint_eq(utf8_prefix(text, max).size(), sizes[max]);
  ck_assert(utf8_prefix("\x80\x80\x80", 2).empty());
}
END_TEST

CHECK_MAIN("utf8", knows_utf8, takes_the_rest_for_latin_1, writes_characters,
           cuts_between_characters)
