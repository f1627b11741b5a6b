// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/metadata.hpp"

#include "core/icy/demuxer.hpp"
#include "support/check_main.hpp"

#include <string>

using namespace kam;
using namespace kam::icy;

namespace {

std::string shown(std::string_view block)
{
  std::string all;
  for (const auto &[key, value] : parse_metadata(as_bytes(block)))
    all.append("[").append(key).append("|").append(value).append("]");
  return all;
}

}  // namespace

START_TEST(blocks)
{
  using namespace std::string_view_literals;
  const struct {
    std::string_view block;
    std::string fields;
  } cases[] = {
      {"", ""},
      {"\0\0\0\0"sv, ""},
      {"StreamTitle='A - T';\0\0"sv, "[StreamTitle|A - T]"},
      {"StreamTitle='A';StreamUrl='http://x/';", "[StreamTitle|A][StreamUrl|http://x/]"},
      {"StreamTitle='';", "[StreamTitle|]"},
      {"StreamTitle='';StreamUrl='';", "[StreamTitle|][StreamUrl|]"},
      // Quotes, and what looks like an end, are part of a title.
      {"StreamTitle='It's';", "[StreamTitle|It's]"},
      {"StreamTitle='Rock';n Roll'';", "[StreamTitle|Rock';n Roll']"},
      {"StreamTitle='Rock';n Roll';StreamUrl='u';", "[StreamTitle|Rock';n Roll][StreamUrl|u]"},
      {"StreamTitle='a=b; c='d';", "[StreamTitle|a=b; c='d]"},
      {"StreamTitle=''';", "[StreamTitle|']"},
      // No end, or half of it.
      {"StreamTitle='cut", "[StreamTitle|cut]"},
      {"StreamTitle='cut'", "[StreamTitle|cut]"},
      {"StreamTitle='", "[StreamTitle|]"},
      {"StreamTitle='A';\0StreamTitle='old';"sv, "[StreamTitle|A]"},
      // Advertisements come first.
      {"adw_ad='true';durationMilliseconds='30';insertionType='preroll';StreamTitle='x';",
       "[adw_ad|true][durationMilliseconds|30][insertionType|preroll][StreamTitle|x]"},
      {"StreamTitle='A'; StreamUrl='b' ;", "[StreamTitle|A][StreamUrl|b' ;]"},
      {"  \r\nStreamTitle='A';\r\n", "[StreamTitle|A]"},
      {"k='1';;l='2';", "[k|1][l|2]"},
      // Not this kind.
      {"StreamTitle=A;", ""},
      {"='x';", ""},
      {"StreamTitle", ""},
      {"\xff\xfb\x90\x64='x';", ""},
      {"\xd0\x9f='x';", ""},
  };
  for (const auto &c : cases) {
    const auto fields = shown(c.block);
    ck_assert_msg(fields == c.fields, "%.*s: %s", static_cast<int>(c.block.size()),
                  c.block.data(), fields.c_str());
  }
}
END_TEST

// 255 times 16 bytes without NUL.
START_TEST(largest_block_without_an_end)
{
  std::string block = "StreamTitle='";
  block.resize(largest_block, 'x');
  const auto fields = parse_metadata(as_bytes(block));
  ck_assert_uint_eq(fields.size(), 1);
  ck_assert_uint_eq(fields[0].value.size(), largest_block - 13);
  std::string quotes(largest_block, '\'');
  ck_assert(parse_metadata(as_bytes(quotes)).empty());
}
END_TEST

START_TEST(titles_are_split_once)
{
  const struct {
    const char *title;
    const char *artist;
    const char *rest;
  } cases[] = {
      {"A - T", "A", "T"},  {"A - T - U", "A", "T - U"}, {"T", "", "T"}, {"A-T", "", "A-T"},
      {" - T", "", " - T"}, {"A - ", "", "A - "},        {"", "", ""},   {" - ", "", " - "},
  };
  for (const auto &c : cases) {
    const auto split = split_title(c.title);
    ck_assert_msg(split.artist == c.artist && split.title == c.rest, "%s", c.title);
  }
}
END_TEST

CHECK_MAIN("metadata", blocks, largest_block_without_an_end, titles_are_split_once)
