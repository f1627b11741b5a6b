// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/muxer.hpp"

#include "core/icy/demuxer.hpp"
#include "core/icy/metadata.hpp"
#include "core/utf8.hpp"
#include "support/check_main.hpp"
#include "support/random.hpp"

#include <string>

using namespace kam;
using namespace kam::icy;
using kam::test::Random;

namespace {

std::vector<MetadataField> fields_of(const ByteVector &block)
{
  ck_assert_uint_ge(block.size(), 17);
  ck_assert_uint_eq(block.size(), 1 + std::to_integer<std::size_t>(block[0]) * 16);
  return parse_metadata(Bytes{block}.subspan(1));
}

}  // namespace

START_TEST(titles_come_back)
{
  const auto fields = fields_of(metadata_block("Björk - Jóga", "http://example.org/a.jpg"));
  ck_assert_uint_eq(fields.size(), 2);
  ck_assert_str_eq(fields[0].key.c_str(), "StreamTitle");
  ck_assert_str_eq(fields[0].value.c_str(), "Björk - Jóga");
  ck_assert_str_eq(fields[1].value.c_str(), "http://example.org/a.jpg");
  ck_assert_uint_eq(fields_of(metadata_block("", "")).size(), 1);
  ck_assert(fields_of(metadata_block("Rock'n'Roll", ""))[0].value == "Rock'n'Roll");
}
END_TEST

// A title may not end before its end, nor add a key of its own.
START_TEST(nothing_gets_out_of_its_quotes)
{
  const auto fields = fields_of(metadata_block("a';StreamUrl='http://evil/';b", ""));
  ck_assert_uint_eq(fields.size(), 1);
  ck_assert_str_eq(fields[0].value.c_str(), "a' ;StreamUrl='http://evil/' ;b");
  ck_assert(fields_of(metadata_block({"a\0b\nc", 5}, ""))[0].value == "a b c");
}
END_TEST

START_TEST(too_long_titles_are_cut_at_a_character)
{
  std::string title;
  while (title.size() < 5000)
    title += "ä€";
  const auto block = metadata_block(title, "http://example.org/");
  ck_assert_uint_le(block.size(), 1 + largest_block);
  const auto fields = fields_of(block);
  ck_assert_uint_eq(fields.size(), 2);
  ck_assert(is_utf8(fields[0].value) && title.starts_with(fields[0].value));
  ck_assert_uint_gt(fields[0].value.size(), 4000);
}
END_TEST

START_TEST(whatever_title)
{
  for (std::uint32_t seed = 1; seed <= 2000; ++seed) {
    Random random{seed};
    const auto title = random.bytes(random.below(seed % 10 == 0 ? 9000 : 90), "';=S\0");
    const auto url = random.bytes(random.below(40), "';=S\0");
    const auto fields = fields_of(metadata_block(as_text(title), as_text(url)));
    ck_assert_msg(fields.size() == (url.empty() ? 1 : 2), "seed %u", seed);
    ck_assert(fields[0].key == "StreamTitle");
  }
}
END_TEST

CHECK_MAIN("muxer", titles_come_back, nothing_gets_out_of_its_quotes,
           too_long_titles_are_cut_at_a_character, whatever_title)
