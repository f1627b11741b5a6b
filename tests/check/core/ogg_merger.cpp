// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/ogg_merger.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace kam;
using namespace kam::icy;
using kam::test::Random;

namespace {

void append(ByteVector &bytes, std::uint64_t value, int size)
{
  for (int i = 0; i < size; ++i, value >>= 8U)
    bytes.push_back(static_cast<std::byte>(value & 0xffU));
}

void append(ByteVector &bytes, std::string_view text)
{
  bytes.insert(bytes.end(), as_bytes(text).begin(), as_bytes(text).end());
}

// Bit by bit, as RFC 3533 words it.
std::uint32_t slow_crc(Bytes bytes)
{
  std::uint32_t crc = 0;
  for (const auto byte : bytes)
    for (unsigned bit = 0; bit < 8; ++bit) {
      const auto in = std::to_integer<std::uint32_t>(byte) >> (7 - bit) & 1U;
      const auto out = crc >> 31U;
      crc = crc << 1U ^ ((in ^ out) != 0 ? 0x04c11db7U : 0U);
    }
  return crc;
}

struct Page {
  unsigned flags = 0;
  std::uint64_t granule = 0;
  std::uint32_t serial = 0;
  std::uint32_t sequence = 0;
  std::vector<std::string> packets;
};

ByteVector written(const Page &page)
{
  ByteVector bytes;
  append(bytes, std::string_view{"OggS\0", 5});
  append(bytes, page.flags, 1);
  append(bytes, page.granule, 8);
  append(bytes, page.serial, 4);
  append(bytes, page.sequence, 4);
  append(bytes, 0, 4);
  ByteVector lacing;
  for (const auto &packet : page.packets) {
    for (auto left = packet.size();; left -= 255) {
      append(lacing, std::min<std::size_t>(left, 255), 1);
      if (left < 255)
        break;
    }
  }
  append(bytes, lacing.size(), 1);
  bytes.insert(bytes.end(), lacing.begin(), lacing.end());
  for (const auto &packet : page.packets)
    append(bytes, packet);
  const auto crc = slow_crc(bytes);
  for (unsigned i = 0; i < 4; ++i)
    bytes[22 + i] = static_cast<std::byte>(crc >> 8U * i & 0xffU);
  return bytes;
}

std::uint64_t number(Bytes bytes, std::size_t at, unsigned size)
{
  std::uint64_t value = 0;
  for (unsigned i = size; i > 0; --i)
    value = value << 8U | std::to_integer<std::uint64_t>(bytes[at + i - 1]);
  return value;
}

// All pages of a stream, which has nothing else and right checksums.
std::vector<Page> read(Bytes stream)
{
  std::vector<Page> pages;
  while (!stream.empty()) {
    ck_assert(as_text(stream).starts_with("OggS"));
    Page page{static_cast<unsigned>(number(stream, 5, 1)),
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
    std::fill_n(copy.begin() + 22, 4, std::byte{0});
    ck_assert_uint_eq(crc, slow_crc(copy));
    pages.push_back(std::move(page));
    stream = stream.subspan(size);
  }
  return pages;
}

std::string opus_head(unsigned channels = 2, unsigned preskip = 312)
{
  std::string head = "OpusHead\x01";
  head += static_cast<char>(channels);
  head += static_cast<char>(preskip & 0xffU);
  head += static_cast<char>(preskip >> 8U);
  head += std::string{"\x80\xbb\0\0\0\0\0", 7};
  return head;
}

std::string counted(const std::string &text)
{
  ByteVector size;
  append(size, text.size(), 4);
  return std::string{as_text(size)} + text;
}

std::string opus_tags(const std::string &title)
{
  return "OpusTags" + counted("test") + std::string{"\x01\0\0\0", 4} +
         counted("TITLE=" + title);
}

// A packet of 20 ms: 960 samples.
std::string opus_packet(Random &random)
{
  return "\xfc" + std::string{as_text(random.bytes(50))};
}

struct Link {
  std::uint32_t serial;
  std::string title;
  std::size_t pages = 3;
  std::uint64_t start = 0;
  unsigned channels = 2;
};

ByteVector opus_link(Random &random, const Link &link)
{
  ByteVector bytes;
  std::uint32_t sequence = 0;
  const auto add = [&](const Page &page) {
    const auto page_bytes = written(page);
    bytes.insert(bytes.end(), page_bytes.begin(), page_bytes.end());
  };
  add({2, 0, link.serial, sequence++, {opus_head(link.channels)}});
  add({0, 0, link.serial, sequence++, {opus_tags(link.title)}});
  auto granule = link.start;
  for (std::size_t i = 0; i < link.pages; ++i) {
    granule += 2 * 960;
    add({i + 1 == link.pages ? 4U : 0U,
         granule,
         link.serial,
         sequence++,
         {opus_packet(random), opus_packet(random)}});
  }
  return bytes;
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

void expect_one_stream(const std::vector<Page> &pages, std::size_t audio_pages)
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
    for (const Link &link : {Link{8, "two"}, Link{7, "three", 5}, Link{9, "four", 1}}) {
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
  for (const auto &page : {Page{2, 0, 1, 0, {opus_head()}}, Page{2, 0, 2, 0, {"fishead"}},
                           Page{0, 0, 1, 1, {opus_tags("x")}}, Page{0, 0, 2, 1, {"data"}},
                           Page{0, 1920, 1, 2, {opus_packet(random), opus_packet(random)}}}) {
    const auto more = written(page);
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
