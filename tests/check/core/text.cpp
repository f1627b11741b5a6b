// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/text.hpp"

#include "core/utf8.hpp"
#include "support/check_main.hpp"

#include <string>

using namespace kam;
using namespace kam::icy;

START_TEST(latin1_is_what_the_web_calls_so)
{
  ck_assert(utf8_of_latin1("") == "");
  ck_assert(utf8_of_latin1("abc") == "abc");
  ck_assert(utf8_of_latin1("Bj\xf6rk") == "Björk");
  ck_assert(utf8_of_latin1("\x80 \x93x\x94 \x9f") == "€ “x” Ÿ");
  std::string all;
  for (int c = 1; c < 256; ++c)
    all += static_cast<char>(c);
  ck_assert(is_utf8(utf8_of_latin1(all)));
}
END_TEST

START_TEST(escapes)
{
  ck_assert(has_escapes("\x1b$B"));
  ck_assert(!has_escapes("plain"));
}
END_TEST

START_TEST(charsets_of_addresses)
{
  ck_assert(charset_of_address("http://h/s#charset=windows-1251") == "windows-1251");
  ck_assert(!charset_of_address("http://h/s#charset="));
  ck_assert(!charset_of_address("http://h/s?charset=x"));
  ck_assert(!charset_of_address(""));
}
END_TEST

CHECK_MAIN("text", latin1_is_what_the_web_calls_so, escapes, charsets_of_addresses)
