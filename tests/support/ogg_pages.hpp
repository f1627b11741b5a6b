// SPDX-License-Identifier: LGPL-2.1-or-later
// Ogg as Opus stations send it, written down page by page.
#pragma once

#include "core/bytes.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kam::test {

inline void append_to(ByteVector &bytes, std::uint64_t value, int size)
{
  for (int i = 0; i < size; ++i, value >>= 8U)
    bytes.push_back(static_cast<std::byte>(value & 0xffU));
}

inline void append_to(ByteVector &bytes, std::string_view text)
{
  bytes.insert(bytes.end(), as_bytes(text).begin(), as_bytes(text).end());
}

// Bit by bit, as RFC 3533 words it.
inline std::uint32_t ogg_crc(Bytes bytes)
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

struct OggPage {
  unsigned flags = 0;
  std::uint64_t granule = 0;
  std::uint32_t serial = 0;
  std::uint32_t sequence = 0;
  std::vector<std::string> packets;
};

inline ByteVector ogg_page(const OggPage &page)
{
  ByteVector bytes;
  append_to(bytes, std::string_view{"OggS\0", 5});
  append_to(bytes, page.flags, 1);
  append_to(bytes, page.granule, 8);
  append_to(bytes, page.serial, 4);
  append_to(bytes, page.sequence, 4);
  append_to(bytes, 0, 4);
  ByteVector lacing;
  for (const auto &packet : page.packets) {
    for (auto left = packet.size();; left -= 255) {
      append_to(lacing, std::min<std::size_t>(left, 255), 1);
      if (left < 255)
        break;
    }
  }
  append_to(bytes, lacing.size(), 1);
  bytes.insert(bytes.end(), lacing.begin(), lacing.end());
  for (const auto &packet : page.packets)
    append_to(bytes, packet);
  const auto crc = ogg_crc(bytes);
  for (unsigned i = 0; i < 4; ++i)
    bytes[22 + i] = static_cast<std::byte>(crc >> 8U * i & 0xffU);
  return bytes;
}

inline std::string opus_head(unsigned channels = 2, unsigned preskip = 312)
{
  std::string head = "OpusHead\x01";
  head += static_cast<char>(channels);
  head += static_cast<char>(preskip & 0xffU);
  head += static_cast<char>(preskip >> 8U);
  head += std::string{"\x80\xbb\0\0\0\0\0", 7};
  return head;
}

inline std::string counted(const std::string &text)
{
  ByteVector size;
  append_to(size, text.size(), 4);
  return std::string{as_text(size)} + text;
}

inline std::string opus_tags(const std::string &title)
{
  return "OpusTags" + counted("test") + std::string{"\x01\0\0\0", 4} +
         counted("TITLE=" + title);
}

// A packet of 20 ms: 960 samples.
inline std::string opus_packet(Random &random)
{
  return "\xfc" + std::string{as_text(random.bytes(50))};
}

// What a title is on the wire: a stream of its own, of one page for 40 ms.
struct OpusLink {
  std::uint32_t serial;
  std::string title;
  std::size_t pages = 3;
  std::uint64_t start = 0;
  unsigned channels = 2;
};

inline ByteVector opus_link(Random &random, const OpusLink &link)
{
  ByteVector bytes;
  std::uint32_t sequence = 0;
  const auto add = [&](const OggPage &page) {
    const auto page_bytes = ogg_page(page);
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

}  // namespace kam::test
