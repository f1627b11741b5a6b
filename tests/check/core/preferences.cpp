// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/preferences.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam::http;

START_TEST(encodings)
{
  const struct {
    const char *field;
    const char *encoding;
    unsigned wanted;
  } cases[] = {
      {"gzip", "gzip", 1000},
      {"GZip , br", "gzip", 1000},
      {"gzip;q=0", "gzip", 0},
      {"gzip; q=0.5", "gzip", 500},
      {"br", "gzip", 0},
      {"*", "gzip", 1000},
      {"*;q=0.25, br", "gzip", 250},
      {"gzip;q=0,*", "gzip", 0},
      {"", "gzip", 0},
      {"gzip;q=1.000", "gzip", 1000},
      {"gzip;q=x", "gzip", 0},
      {"gzip;q=9", "gzip", 1000},
      {"gzip;x=1;q=0.125", "gzip", 125},
      {"xgzip", "gzip", 0},
      {",,;q=1,gzip", "gzip", 1000},
  };
  for (const auto &c : cases) {
    const std::string field = c.field;
    const auto got = encoding_preference(&field, c.encoding);
    ck_assert_msg(got == c.wanted, "%s: %u", c.field, got);
  }
  ck_assert_uint_eq(encoding_preference(nullptr, "gzip"), 0);
}
END_TEST

START_TEST(media_types)
{
  const struct {
    const char *field;
    unsigned html;
    unsigned text;
  } cases[] = {
      {"text/html", 1000, 0},
      {"*/*", 1000, 1000},
      {"text/*;q=0.5, text/html", 1000, 500},
      {"text/html;q=0.1, */*", 100, 1000},
      {"TEXT/HTML;level=1;q=0.3", 300, 0},
      {"image/*", 0, 0},
      {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 1000, 800},
      {"", 0, 0},
      {"/*", 0, 0},
      {"html", 0, 0},
  };
  for (const auto &c : cases) {
    const std::string field = c.field;
    ck_assert_msg(media_type_preference(&field, "text/html") == c.html, "%s", c.field);
    ck_assert_msg(media_type_preference(&field, "text/plain") == c.text, "%s", c.field);
  }
  ck_assert_uint_eq(media_type_preference(nullptr, "text/html"), 1000);
}
END_TEST

CHECK_MAIN("preferences", encodings, media_types)
