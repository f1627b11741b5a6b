// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/uri_list.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <algorithm>

using namespace kam;
using http::UriListReader;

static void add_all(UriListReader &reader, Bytes piece, std::string &found)
{
  reader.feed(piece);
  while (const auto uri = reader.poll())
    found += "<" + *uri + ">";
}

static std::string read(std::string_view text, std::size_t piece_size = 1000)
{
  UriListReader reader{10};
  std::string found;
  for (auto rest = as_bytes(text); !rest.empty();) {
    const auto size = std::min(piece_size, rest.size());
    add_all(reader, rest.first(size), found);
    rest = rest.subspan(size);
  }
  found += "|";
  if (const auto uri = reader.end())
    found += "<" + *uri + ">";
  return found + std::to_string(reader.lines_dropped());
}

START_TEST(reads_lines)
{
  const struct {
    std::string_view text;
    const char *found;
  } cases[] = {
      {"", "|0"},
      {"a", "|<a>0"},
      {"a\n", "<a>|0"},
      {"a\r\nb\rc\n\n\n d e \t\n", "<a><b><c><d e>|0"},
      {"# a\n#b\n  # c\nd#e\n \t \n", "<d#e>|0"},
      {"1234567890\n12345678901\n2\n", "<1234567890><2>|1"},
      {"1\n"
       "12345678901",
       "<1>|1"},
      {"\n#", "|0"},
  };
  for (const auto &c : cases)
    for (const std::size_t piece_size : {1000, 1, 2, 3, 7}) {
      const auto found = read(c.text, piece_size);
      ck_assert_msg(found == c.found, "%s in pieces of %zu: %s", c.text.data(), piece_size,
                    found.c_str());
    }
}
END_TEST

START_TEST(begins_anew_after_the_end)
{
  UriListReader reader{10};
  std::string found;
  add_all(reader, as_bytes("12345678901"), found);
  ck_assert(!reader.end());
  add_all(reader, as_bytes("abc"), found);
  ck_assert(reader.end() == "abc");
  ck_assert(!reader.end());
  ck_assert(found.empty());
}
END_TEST

START_TEST(reads_the_same_in_any_pieces)
{
  for (std::uint32_t seed = 0; seed < 2000; ++seed) {
    test::Random random{seed};
    const auto text = random.bytes(random.below(60), "ab#\r\n \t");
    const auto whole = read(as_text(text));
    ck_assert_msg(read(as_text(text), 1 + random.below(5)) == whole, "seed %u", seed);
  }
}
END_TEST

CHECK_MAIN("uri_list", reads_lines, begins_anew_after_the_end, reads_the_same_in_any_pieces)
