// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/ogg_merger.hpp"

#include "support/check_main.hpp"
#include "support/ogg_pages.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace kam;
using namespace kam::icy;
using namespace kam::test;

namespace {

std::uint64_t number(Bytes bytes, std::size_t at, unsigned size)
{
  std::uint64_t value = 0;
  for (unsigned i = size; i > 0; --i)
    value = value << 8U | std::to_integer<std::uint64_t>(bytes[at + i - 1]);
  return value;
}

// All pages of a stream, which has nothing else and right checksums.
std::vector<OggPage> read(Bytes stream)
{
  std::vector<OggPage> pages;
  while (!stream.empty()) {
    ck_assert(as_text(stream).starts_with("OggS"));
    OggPage page{static_cast<unsigned>(number(stream, 5, 1)),
                 number(stream, 6, 8),
                 static_cast<std::uint32_t>(number(stream, 14, 4)),
                 static_cast<std::uint32_t>(number(stream, 18, 4)),
                 {}};
    const auto segments = number(stream, 26, 1);
    std::size_t size = 27 + segments;
    std::string packet;
    for (std::size_t i = 0; i < segments; ++i) {
      const auto part = number(stream, 27 + i, 1);
      packet += as_text(stream.subspan(size, part));
      size += part;
      if (part < 255)
        page.packets.push_back(std::exchange(packet, {}));
    }
    ByteVector copy{stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size)};
    const auto crc = number(copy, 22, 4);
    for (std::size_t i = 22; i < 26; ++i)
      copy.at(i) = std::byte{0};
    ck_assert_uint_eq(crc, ogg_crc(copy));
    pages.push_back(std::move(page));
    stream = stream.subspan(size);
  }
  return pages;
}

struct Outcome {
  ByteVector bytes;
  std::vector<std::pair<std::size_t, std::string>> titles;  // after so many bytes
};

void feed(OggMerger &merger, Bytes input, std::size_t piece, Outcome &outcome)
{
  while (!input.empty()) {
    const auto part = input.first(std::min(piece, input.size()));
    const auto output = merger.feed(part);
    for (const auto &comments : output.comments)
      outcome.titles.emplace_back(outcome.bytes.size() + comments.offset, comments.lines.at(0));
    outcome.bytes.insert(outcome.bytes.end(), output.pages.begin(), output.pages.end());
    input = input.subspan(part.size());
  }
}

void expect_one_stream(const std::vector<OggPage> &pages, std::size_t audio_pages)
{
  ck_assert_uint_eq(pages.size(), 2 + audio_pages);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    ck_assert_uint_eq(pages[i].serial, pages[0].serial);
    ck_assert_uint_eq(pages[i].sequence, i);
    ck_assert_uint_eq(pages[i].flags, i == 0 ? 2 : 0);
    if (i >= 2)
      ck_assert_uint_eq(pages[i].granule, (i - 1) * 1920);
  }
}

}  // namespace

START_TEST(links_become_one_stream)
{
  for (const std::size_t piece : {1, 100, 1'000'000}) {
    Random random{1};
    auto chain = opus_link(random, {7, "one"});
    for (const OpusLink &link :
         {OpusLink{8, "two"}, OpusLink{7, "three", 5}, OpusLink{9, "four", 1}}) {
      const auto more = opus_link(random, link);
      chain.insert(chain.end(), more.begin(), more.end());
    }
    OggMerger merger;
    Outcome outcome;
    feed(merger, chain, piece, outcome);
    expect_one_stream(read(outcome.bytes), 3 + 3 + 5 + 1);
    ck_assert_uint_eq(merger.stats().links, 4);
    ck_assert_uint_eq(merger.stats().links_merged, 3);
    ck_assert_uint_eq(outcome.titles.size(), 4);
    ck_assert(outcome.titles[3].second == "TITLE=four");
    // After the eleven pages of audio before it.
    const auto before = read(Bytes{outcome.bytes}.first(outcome.titles[3].first));
    ck_assert_uint_eq(before.size(), 13);
  }
}
END_TEST

// A connection is cut anywhere; the next one begins in the middle, with the headers again.
START_TEST(connections_become_one_stream)
{
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    Random random{seed};
    OggMerger merger;
    Outcome outcome;
    const auto connections = 2 + random.below(4);
    for (std::size_t i = 0; i < connections; ++i) {
      const auto link = opus_link(random, {static_cast<std::uint32_t>(random.below(3)), "t",
                                           1 + random.below(9), i * 1'000'000});
      const auto cut = i == 0 ? link.size() : random.below(link.size() + 1);
      if (i > 0)
        merger.handle_gap();
      feed(merger, Bytes{link}.first(cut), 1 + random.below(400), outcome);
    }
    const auto pages = read(outcome.bytes);
    expect_one_stream(pages, pages.size() - 2);
  }
}
END_TEST

START_TEST(other_links_are_passed_as_they_are)
{
  Random random{1};
  auto chain = opus_link(random, {1, "stereo"});
  const auto mono = opus_link(random, {2, "mono", 3, 0, 1});
  chain.insert(chain.end(), mono.begin(), mono.end());
  OggMerger merger;
  Outcome outcome;
  feed(merger, chain, 77, outcome);
  const auto pages = read(outcome.bytes);
  ck_assert_uint_eq(pages.size(), 10);
  ck_assert_uint_eq(pages[5].serial, 2);
  ck_assert_uint_eq(pages[5].flags, 2);
  ck_assert_uint_eq(merger.stats().links_merged, 0);
}
END_TEST

START_TEST(streams_side_by_side_are_passed_as_they_are)
{
  Random random{1};
  ByteVector bytes;
  for (const auto &page :
       {OggPage{2, 0, 1, 0, {opus_head()}}, OggPage{2, 0, 2, 0, {"fishead"}},
        OggPage{0, 0, 1, 1, {opus_tags("x")}}, OggPage{0, 0, 2, 1, {"data"}},
        OggPage{0, 1920, 1, 2, {opus_packet(random), opus_packet(random)}}}) {
    const auto more = ogg_page(page);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  OggMerger merger;
  Outcome outcome;
  feed(merger, bytes, 50, outcome);
  ck_assert(outcome.bytes == bytes);
}
END_TEST

START_TEST(noise_is_skipped)
{
  Random random{3};
  const auto noise = random.bytes(10'000, "OggS");
  const auto link = opus_link(random, {1, "x"});
  OggMerger merger;
  Outcome outcome;
  feed(merger, noise, 1000, outcome);
  feed(merger, link, 1000, outcome);
  ck_assert(read(outcome.bytes).size() >= 2);
}
END_TEST

START_TEST(comments)
{
  using namespace std::string_literals;
  const auto parsed = [](const std::string &packet) {
    const auto lines = parse_ogg_comments(as_bytes(packet));
    return lines ? static_cast<int>(lines->size()) : -1;
  };
  ck_assert_int_eq(parsed(opus_tags("x")), 1);
  ck_assert_int_eq(parsed("\x03vorbis" + counted("v") + "\x01\0\0\0"s + counted("A=b")), 1);
  ck_assert_int_eq(parsed("\x84\0\0\0"s + counted("v") + "\x01\0\0\0"s + counted("A=b")), 1);
  ck_assert_int_eq(parsed(""), -1);
  ck_assert_int_eq(parsed("OpusTags"), -1);
  ck_assert_int_eq(parsed("OpusTags\xff\xff\xff\xff"), -1);
  ck_assert_int_eq(parsed("OpusTags" + counted("v") + "\xff\xff\xff\xff"s), 0);
  ck_assert_int_eq(parsed("OpusTags" + counted("v") + "\x01\0\0\0\xff\xff\xff\xff"s), 0);
}
END_TEST

CHECK_MAIN("ogg merger", links_become_one_stream, connections_become_one_stream,
           other_links_are_passed_as_they_are, streams_side_by_side_are_passed_as_they_are,
           noise_is_skipped, comments)
