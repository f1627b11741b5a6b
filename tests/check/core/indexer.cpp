// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/media/indexer.hpp"

#include "support/check_main.hpp"
#include "support/media_streams.hpp"

using namespace kam;
using namespace kam::media;
using namespace kam::test;

namespace {

std::vector<JoinPoint> joins_of(Indexer &indexer, Bytes bytes, Random *splits)
{
  std::vector<JoinPoint> joins;
  while (!bytes.empty()) {
    const auto size =
        splits ? std::min(bytes.size(), splits->below(1 + splits->below(700))) : bytes.size();
    indexer.feed(bytes.first(size), joins);
    bytes = bytes.subspan(size);
  }
  return joins;
}

void check_joins(const std::vector<JoinPoint> &joins, const MadeStream &stream,
                 const MadeFormat &made, std::uint32_t seed)
{
  const auto fail = [&](const char *what, std::uint64_t got, std::uint64_t expected) {
    ck_abort_msg("%s, seed %u: %s %llu instead of %llu", made.name, seed, what,
                 static_cast<unsigned long long>(got),
                 static_cast<unsigned long long>(expected));
  };
  for (std::size_t i = 0; i < joins.size() && i < stream.joins.size(); ++i) {
    if (joins[i].offset != stream.joins[i])
      fail("join point at", joins[i].offset, stream.joins[i]);
    const auto size = joins[i].headers ? joins[i].headers->size() : 0;
    if (size != stream.headers.size() ||
        (size > 0 && made.format != Format::mpeg_ts && *joins[i].headers != stream.headers))
      fail("headers of size", size, stream.headers.size());
  }
  if (joins.size() != stream.joins.size())
    fail("join points:", joins.size(), stream.joins.size());
}

}  // namespace

// Each format's join points are found, and no others, wherever the input is cut.
START_TEST(join_points_whatever_the_splits)
{
  for (const auto &made : made_formats)
    for (std::uint32_t seed = 1; seed <= 60; ++seed) {
      Random random{seed};
      const auto stream = made.make(random, 40 + random.below(100));
      const auto whole = make_indexer(made.format);
      check_joins(joins_of(*whole, stream.bytes, nullptr), stream, made, seed);
      const auto split = make_indexer(made.format);
      check_joins(joins_of(*split, stream.bytes, &random), stream, made, seed);
    }
}
END_TEST

// A pipeline that is joined late hands over the headers on their own.
START_TEST(headers_given_beside_the_stream)
{
  for (const auto &made : made_formats) {
    Random random{7};
    const auto stream = made.make(random, 60);
    if (stream.headers.empty())
      continue;
    const auto from = stream.joins[5];
    const auto indexer = make_indexer(made.format);
    indexer->restart(stream.headers);
    const auto joins = joins_of(*indexer, Bytes{stream.bytes}.subspan(from), &random);
    // FLAC has to see a frame to know the next one.
    const std::size_t missing = made.format == Format::flac ? 1 : 0;
    ck_assert_uint_eq(joins.size(), stream.joins.size() - 5 - missing);
    ck_assert_uint_eq(joins[0].offset, stream.joins[5 + missing] - from);
    ck_assert(*joins[0].headers == stream.headers);
  }
}
END_TEST

// Another stream of the same format, with other headers, as at each title of an Ogg station.
START_TEST(chains_have_their_own_headers)
{
  for (const auto &made : made_formats) {
    Random random{11};
    const auto first = made.make(random, 30);
    const auto second = made.make(random, 30);
    if (first.headers.empty())
      continue;
    const auto indexer = make_indexer(made.format);
    auto bytes = first.bytes;
    append(bytes, second.bytes);
    const auto joins = joins_of(*indexer, bytes, &random);
    ck_assert_uint_eq(joins.size(), first.joins.size() + second.joins.size());
    ck_assert(*joins.front().headers == first.headers);
    ck_assert_uint_eq(joins.back().offset, first.bytes.size() + second.joins.back());
    if (made.format != Format::mpeg_ts)
      ck_assert(*joins.back().headers == second.headers);
  }
}
END_TEST

// The end of something else that comes first costs nothing.
START_TEST(a_stream_that_does_not_come_first)
{
  for (const auto &made : made_formats) {
    if (made.format == Format::webm || made.format == Format::mp4)
      continue;  // sizes lead through these; a wrong one leads anywhere
    Random random{17};
    const auto stream = made.make(random, 40);
    auto bytes = random.bytes(333, "fLaCOgg");
    const auto before = bytes.size();
    append(bytes, stream.bytes);
    for (auto *splits : {static_cast<Random *>(nullptr), &random}) {
      const auto joins = joins_of(*make_indexer(made.format), bytes, splits);
      ck_assert_msg(joins.size() == stream.joins.size(), "%s: %zu of %zu join points",
                    made.name, joins.size(), stream.joins.size());
      ck_assert_uint_eq(joins.front().offset, before + stream.joins.front());
      ck_assert_uint_eq(joins.back().offset, before + stream.joins.back());
    }
  }
}
END_TEST

// Damage costs join points near it, not those after.
START_TEST(damage_is_survived)
{
  for (const auto &made : made_formats) {
    if (made.format == Format::webm || made.format == Format::mp4)
      continue;  // sizes lead through these; a wrong one leads anywhere
    Random random{13};
    const auto stream = made.make(random, 100);
    auto bytes = stream.bytes;
    const auto at = stream.joins[stream.joins.size() / 2];
    const auto junk = random.bytes(777, "\xff\x47O");
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), junk.begin(), junk.end());
    const auto indexer = make_indexer(made.format);
    const auto joins = joins_of(*indexer, bytes, &random);
    ck_assert_uint_eq(joins.back().offset, stream.joins.back() + junk.size());
    ck_assert_uint_gt(joins.size(), stream.joins.size() - 8);
  }
}
END_TEST

START_TEST(whatever_comes)
{
  for (const auto &made : made_formats)
    for (std::uint32_t seed = 1; seed <= 40; ++seed) {
      Random random{seed};
      auto stream = made.make(random, 20);
      for (int i = 0; i < 30; ++i)
        stream.bytes[random.below(stream.bytes.size())] = random.bytes(1)[0];
      const auto indexer = make_indexer(made.format);
      const auto joins = joins_of(*indexer, stream.bytes, &random);
      for (std::size_t i = 0; i < joins.size(); ++i) {
        ck_assert_uint_lt(joins[i].offset, stream.bytes.size());
        ck_assert(i == 0 || joins[i].offset > joins[i - 1].offset);
      }
    }
}
END_TEST

START_TEST(formats_by_name)
{
  ck_assert(format_of("audio/mpeg") == Format::mpeg_audio);
  ck_assert(format_of("audio/ogg; codecs=opus") == Format::ogg);
  ck_assert(format_of("video/mp2t ;x") == Format::mpeg_ts);
  ck_assert(format_of("") == Format::unknown);
  ck_assert(!make_indexer(Format::unknown));
}
END_TEST

CHECK_MAIN("indexer", join_points_whatever_the_splits, headers_given_beside_the_stream,
           chains_have_their_own_headers, a_stream_that_does_not_come_first, damage_is_survived,
           whatever_comes, formats_by_name)
