// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/metainfo_guess.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <string>

using namespace kam;
using torrent::guess_metainfo;
using torrent::MetainfoGuess;

static std::string nested(char open, std::size_t depth)
{
  return "d1:a" + std::string(depth, open) + std::string(depth, 'e') + "4:infod";
}

START_TEST(tells_torrents_from_other_things)
{
  const struct {
    std::string text;
    MetainfoGuess guess;
  } cases[] = {
      {"", MetainfoGuess::undecided},
      {"d", MetainfoGuess::undecided},
      {"d4", MetainfoGuess::undecided},
      {"d4:inf", MetainfoGuess::undecided},
      {"d4:info", MetainfoGuess::undecided},
      {"d4:infod", MetainfoGuess::yes},
      {"d4:infod6:lengthi1e4:name1:aee", MetainfoGuess::yes},
      {"d4:infole", MetainfoGuess::no},
      {"d8:announce3:abc4:infod", MetainfoGuess::yes},
      {"d8:announce0:4:infod", MetainfoGuess::yes},
      {"d13:announce-listll1:aeel1:bee4:infod", MetainfoGuess::no},
      {"d13:announce-listll1:ael1:bee4:infod", MetainfoGuess::yes},
      {"d13:creation datei1700000000e4:infod", MetainfoGuess::yes},
      {"d1:ai-5e4:infod", MetainfoGuess::yes},
      {"d1:aie4:infod", MetainfoGuess::no},
      {"d1:ai5x", MetainfoGuess::no},
      {"de", MetainfoGuess::no},
      {"d1:ae", MetainfoGuess::no},
      {"d1:a1:be", MetainfoGuess::no},
      {"di1e4:infod", MetainfoGuess::no},
      {"d9999999999999999999:", MetainfoGuess::no},
      {"d999999999999999999:", MetainfoGuess::undecided},
      {"l4:infode", MetainfoGuess::no},
      {"<html>", MetainfoGuess::no},
      {nested('l', torrent::max_guess_depth), MetainfoGuess::yes},
      {nested('l', torrent::max_guess_depth + 1), MetainfoGuess::no},
      {nested('d', 100'000), MetainfoGuess::no},
  };
  for (const auto &c : cases)
    ck_assert_msg(guess_metainfo(as_bytes(c.text)) == c.guess, "%.60s", c.text.c_str());
}
END_TEST

// What was decided stays so, whatever follows.
START_TEST(never_changes_its_mind)
{
  for (std::uint32_t seed = 0; seed < 20000; ++seed) {
    test::Random random{seed};
    auto text = random.bytes(random.below(60), "dlie0123456789:info");
    text.insert(text.begin(), std::byte{'d'});
    auto before = MetainfoGuess::undecided;
    for (std::size_t size = 0; size <= text.size(); ++size) {
      const auto guess = guess_metainfo(Bytes{text}.first(size));
      if (before != MetainfoGuess::undecided)
        ck_assert_msg(guess == before, "seed %u at %zu", seed, size);
      before = guess;
    }
  }
}
END_TEST

CHECK_MAIN("torrent_metainfo_guess", tells_torrents_from_other_things, never_changes_its_mind)
