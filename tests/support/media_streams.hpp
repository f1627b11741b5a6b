// SPDX-License-Identifier: LGPL-2.1-or-later
// Streams of each format that has join points, small and made up, with what is true of them.
#pragma once

#include "core/media/indexer.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace kam::test {

struct MadeStream {
  ByteVector bytes;
  std::vector<std::uint64_t> joins;  // where one can begin
  ByteVector headers;                // what has to be sent before
};

inline void append(ByteVector &to, Bytes bytes)
{
  to.insert(to.end(), bytes.begin(), bytes.end());
}
inline void append(ByteVector &to, std::string_view text)
{
  append(to, as_bytes(text));
}
inline void append_number(ByteVector &to, std::uint64_t number, std::size_t size)
{
  for (std::size_t i = size; i-- > 0;)
    to.push_back(static_cast<std::byte>(number >> (8 * i)));
}

// One frame of MPEG 1 layer III, 44.1 kHz, of a bitrate by its index, with random sound.
inline ByteVector mp3_frame(Random &random, unsigned bitrate_index = 9)
{
  static constexpr unsigned kbit_per_second[] = {0,   32,  40,  48,  56,  64,  80, 96,
                                                 112, 128, 160, 192, 224, 256, 320};
  const std::size_t size = 144 * kbit_per_second[bitrate_index] * 1000 / 44100;
  auto frame = random.bytes(size, "\xff\xfb\x90");
  frame[0] = std::byte{0xff};
  frame[1] = std::byte{0xfb};
  frame[2] = static_cast<std::byte>(bitrate_index << 4U);
  return frame;
}

inline MadeStream mp3_stream(Random &random, std::size_t frames)
{
  MadeStream stream;
  if (random.below(2) == 0) {
    append(stream.bytes, std::string_view{"ID3\x03\0\0\0\0\x02\x05", 10});
    append(stream.bytes, random.bytes(0x105, "\xff\xfb"));
  }
  for (std::size_t i = 0; i < frames; ++i) {
    stream.joins.push_back(stream.bytes.size());
    append(stream.bytes, mp3_frame(random, 1 + static_cast<unsigned>(random.below(14))));
  }
  return stream;
}

inline MadeStream adts_stream(Random &random, std::size_t frames)
{
  MadeStream stream;
  for (std::size_t i = 0; i < frames; ++i) {
    stream.joins.push_back(stream.bytes.size());
    const auto size = 64 + random.below(700);
    auto frame = random.bytes(size, "\xff\xf1");
    frame[0] = std::byte{0xff};
    frame[1] = std::byte{0xf1};
    frame[2] = std::byte{0x50};
    frame[3] = static_cast<std::byte>(0x80U | size >> 11U);
    frame[4] = static_cast<std::byte>(size >> 3U);
    frame[5] = static_cast<std::byte>((size & 7U) << 5U | 0x1fU);
    append(stream.bytes, frame);
  }
  return stream;
}

// A page with one packet, or a part of one that goes on.
inline ByteVector ogg_page(unsigned flags, std::uint64_t granule, unsigned serial, Bytes packet,
                           bool is_whole = true)
{
  ByteVector page;
  append(page, std::string_view{"OggS\0", 5});
  page.push_back(static_cast<std::byte>(flags));
  for (unsigned i = 0; i < 8; ++i)
    page.push_back(static_cast<std::byte>(granule >> (8 * i)));
  for (unsigned i = 0; i < 4; ++i)
    page.push_back(static_cast<std::byte>(serial >> (8 * i)));
  page.resize(26);
  const auto full = packet.size() / 255;
  page.push_back(static_cast<std::byte>(full + (is_whole ? 1 : 0)));
  page.resize(page.size() + full, std::byte{255});
  if (is_whole)
    page.push_back(static_cast<std::byte>(packet.size() % 255));
  append(page, packet);
  return page;
}

// Opus; the comments take two pages. A packet in four goes on in another page.
inline MadeStream ogg_stream(Random &random, std::size_t packets)
{
  MadeStream stream;
  const auto serial = static_cast<unsigned>(random.below(1U << 31U));
  ByteVector head = random.bytes(19);
  std::ranges::copy(as_bytes("OpusHead"), head.begin());
  append(stream.headers, ogg_page(2, 0, serial, head));
  append(stream.headers, ogg_page(0, ~std::uint64_t{0}, serial, random.bytes(510), false));
  append(stream.headers, ogg_page(1, 0, serial, random.bytes(99)));
  stream.bytes = stream.headers;
  for (std::size_t i = 0; i < packets; ++i) {
    stream.joins.push_back(stream.bytes.size());
    const auto granule = 960 * (i + 1);
    if (random.below(4) == 0) {
      append(stream.bytes, ogg_page(0, ~std::uint64_t{0}, serial, random.bytes(255), false));
      append(stream.bytes, ogg_page(1, granule, serial, random.bytes(20, "OggS")));
    } else {
      append(stream.bytes,
             ogg_page(0, granule, serial, random.bytes(random.below(400), "OggS")));
    }
  }
  return stream;
}

inline ByteVector ebml(std::uint64_t id, std::size_t id_size, Bytes data)
{
  ByteVector element;
  append_number(element, id, id_size);
  append_number(element, 0x10000000U | data.size(), 4);
  append(element, data);
  return element;
}

// Video (track 1) and audio (track 2), or audio alone; clusters of unknown size, as live ones
// are. Of those with video, a third begin without a key frame.
inline MadeStream webm_stream(Random &random, std::size_t clusters)
{
  MadeStream stream;
  const bool has_video = random.below(3) > 0;
  ByteVector entries;
  const auto entry = [](char number, char type) {
    const char fields[] = {'\xd7', '\x81', number, '\x83', '\x81', type};
    return ebml(0xae, 1, as_bytes({fields, sizeof fields}));
  };
  if (has_video)
    append(entries, entry(1, 1));
  append(entries, entry(2, 2));
  append(stream.headers, ebml(0x1a45dfa3, 4, random.bytes(20)));
  append_number(stream.headers, 0x18538067, 4);
  append_number(stream.headers, 0x01ffffffffffffff, 8);
  append(stream.headers, ebml(0x1549a966, 4, random.bytes(30)));
  append(stream.headers, ebml(0x1654ae6b, 4, entries));
  stream.bytes = stream.headers;
  append(stream.bytes, ebml(0xec, 1, random.bytes(40)));  // Void: of use to nobody
  const auto block = [&](char track, bool is_key) {
    auto data = random.bytes(4 + random.below(500), "\x1f\x43\xb6\x75");
    data[0] = static_cast<std::byte>(0x80 | track);
    data[3] = is_key ? std::byte{0x80} : std::byte{0};
    return ebml(0xa3, 1, data);
  };
  for (std::size_t i = 0; i < clusters; ++i) {
    const bool has_key = random.below(3) > 0;
    if (!has_video || has_key)
      stream.joins.push_back(stream.bytes.size());
    append_number(stream.bytes, 0x1f43b675, 4);
    append_number(stream.bytes, 0x01ffffffffffffff, 8);
    append(stream.bytes, ebml(0xe7, 1, random.bytes(4)));
    append(stream.bytes, block(2, true));
    if (has_video)
      append(stream.bytes, block(1, has_key));
    append(stream.bytes, block(2, true));
    if (has_video)
      append(stream.bytes, block(1, !has_key));
  }
  return stream;
}

inline ByteVector mp4_box(std::string_view type, Bytes data)
{
  ByteVector box;
  append_number(box, 8 + data.size(), 4);
  append(box, type);
  append(box, data);
  return box;
}

inline MadeStream mp4_stream(Random &random, std::size_t fragments)
{
  MadeStream stream;
  const bool has_video = random.below(3) > 0;
  const auto numbers = [](std::initializer_list<std::uint32_t> values) {
    ByteVector bytes;
    for (const auto value : values)
      append_number(bytes, value, 4);
    return bytes;
  };
  const auto joined = [](std::initializer_list<ByteVector> parts) {
    ByteVector bytes;
    for (const auto &part : parts)
      append(bytes, part);
    return bytes;
  };
  const auto track = [&](std::uint32_t id, std::string_view handler) {
    auto kind = numbers({0, 0});
    append(kind, handler);
    return mp4_box("trak", joined({mp4_box("tkhd", numbers({0, 0, 0, id, 0})),
                                   mp4_box("mdia", mp4_box("hdlr", kind))}));
  };
  append(stream.headers, mp4_box("ftyp", random.bytes(16)));
  append(
      stream.headers,
      mp4_box("moov",
              joined({has_video ? track(1, "vide") : ByteVector{}, track(2, "soun"),
                      mp4_box("mvex", mp4_box("trex", numbers({0, 1, 1, 0, 0, 0x10000})))})));
  stream.bytes = stream.headers;
  for (std::size_t i = 0; i < fragments; ++i) {
    const bool is_video = has_video && random.below(3) > 0;
    const bool is_key = random.below(2) == 0;
    if (!has_video || (is_video && is_key))
      stream.joins.push_back(stream.bytes.size());
    if (random.below(2) == 0)
      append(stream.bytes, mp4_box("sidx", random.bytes(24)));
    // Three ways to say whether the first sample is one to begin at.
    const auto flags = is_key ? 0x02000000U : 0x00010000U;
    const std::uint32_t id = is_video ? 1 : 2;
    ByteVector traf;
    switch (random.below(is_key ? 3 : 4)) {
    case 0:
      traf = joined({mp4_box("tfhd", numbers({0, id})),
                     mp4_box("trun", numbers({0x000005, 1, 0, flags}))});
      break;
    case 1:
      traf = joined({mp4_box("tfhd", numbers({0x00000a, id, 1, 9})),
                     mp4_box("trun", numbers({0x000701, 1, 0, 9, 9, flags}))});
      break;
    case 2:
      traf = joined({mp4_box("tfhd", numbers({0x000038, id, 9, 9, flags})),
                     mp4_box("trun", numbers({0x000001, 1, 0}))});
      break;
    default:
      traf = joined({mp4_box("tfhd", numbers({0, id})), mp4_box("trun", numbers({0, 1}))});
    }
    append(stream.bytes,
           mp4_box("moof", joined({mp4_box("mfhd", numbers({0, 1})), mp4_box("traf", traf)})));
    append(stream.bytes, mp4_box("mdat", random.bytes(random.below(900), "moof")));
  }
  return stream;
}

inline std::uint8_t flac_crc8(Bytes bytes)
{
  unsigned crc = 0;
  for (const auto byte : bytes)
    for (int bit = 7; bit >= 0; --bit) {
      const auto high = (crc >> 7U & 1U) ^ (std::to_integer<unsigned>(byte) >> bit & 1U);
      crc = (crc << 1U & 0xffU) ^ (high != 0 ? 7U : 0U);
    }
  return static_cast<std::uint8_t>(crc);
}

inline MadeStream flac_stream(Random &random, std::size_t frames)
{
  MadeStream stream;
  const auto block = [](unsigned type, bool is_last, Bytes data) {
    ByteVector bytes;
    append_number(bytes, (is_last ? 0x80U : 0U) | type, 1);
    append_number(bytes, data.size(), 3);
    append(bytes, data);
    return bytes;
  };
  const auto format = random.bytes(34);
  const auto comments = random.bytes(50);
  append(stream.headers, std::string_view{"fLaC"});
  append(stream.headers, block(0, false, format));
  append(stream.headers, block(4, true, comments));
  append(stream.bytes, std::string_view{"fLaC"});
  append(stream.bytes, block(0, false, format));
  append(stream.bytes, block(4, false, comments));
  append(stream.bytes, block(6, true, random.bytes(3000, "\xff\xf8\xc9")));  // a picture
  for (std::size_t i = 0; i < frames; ++i) {
    stream.joins.push_back(stream.bytes.size());
    ByteVector head;
    append_number(head, 0xfff8c918, 4);
    if (i < 0x80)
      append_number(head, i, 1);
    else
      append_number(head, 0xc080U | (i >> 6U) << 8U | (i & 0x3fU), 2);
    head.push_back(static_cast<std::byte>(flac_crc8(head)));
    append(stream.bytes, head);
    append(stream.bytes, random.bytes(64 + random.below(900), "\xff\xf8\xc9\x18"));
  }
  return stream;
}

inline MadeStream ts_stream(Random &random, std::size_t units)
{
  MadeStream stream;
  const bool has_video = random.below(3) > 0;
  constexpr unsigned map_pid = 0x20;
  constexpr unsigned video_pid = 0x41;
  constexpr unsigned audio_pid = 0x42;
  unsigned counter = 0;
  const auto packet = [&](unsigned pid, bool begins, bool is_marked, Bytes data) {
    ByteVector bytes;
    append_number(bytes, 0x47, 1);
    append_number(bytes, (begins ? 0x4000U : 0U) | pid, 2);
    append_number(bytes, (is_marked ? 0x30U : 0x10U) | (counter++ & 15U), 1);
    if (is_marked)
      append_number(bytes, 0x0140, 2);
    append(bytes, data.first(std::min(data.size(), 188 - bytes.size())));
    bytes.resize(188, std::byte{0xff});
    return bytes;
  };
  const auto table = [&](unsigned pid, std::initializer_list<unsigned> body) {
    ByteVector data;
    append_number(data, 0, 1);  // where the section begins
    append_number(data, pid == 0 ? 0 : 2, 1);
    append_number(data, 0xb000U | (body.size() + 9), 2);
    append_number(data, 0x0001c10000, 5);
    for (const auto byte : body)
      append_number(data, byte, 1);
    append_number(data, 0, 4);  // CRC
    return packet(pid, true, false, data);
  };
  const auto tables = [&] {
    auto bytes = table(0, {0, 1, 0xe0, map_pid});
    append(bytes, has_video ? table(map_pid, {0xe0, video_pid, 0xf0, 0, 0x0f, 0xe0, audio_pid,
                                              0xf0, 0, 0x1b, 0xe0, video_pid, 0xf0, 0})
                            : table(map_pid, {0xe0, audio_pid, 0xf0, 0, 0x0f, 0xe0, audio_pid,
                                              0xf0, 0}));
    return bytes;
  };
  stream.headers = tables();
  stream.bytes = stream.headers;
  for (std::size_t i = 0; i < units; ++i) {
    const bool is_video = has_video && random.below(3) > 0;
    const bool is_key = random.below(4) == 0;
    if (random.below(8) == 0)
      append(stream.bytes, tables());  // with another counter, and else the same
    if (has_video ? is_video && is_key : true)
      stream.joins.push_back(stream.bytes.size());
    const auto pid = is_video ? video_pid : audio_pid;
    append(stream.bytes, packet(pid, true, is_video && is_key, random.bytes(188, "\x47")));
    for (auto more = random.below(4); more > 0; --more)
      append(stream.bytes, packet(pid, false, false, random.bytes(184, "\x47")));
  }
  return stream;
}

using StreamMaker = MadeStream (*)(Random &, std::size_t);
struct MadeFormat {
  const char *name;
  media::Format format;
  StreamMaker make;
};
inline constexpr MadeFormat made_formats[] = {
    {"mp3", media::Format::mpeg_audio, mp3_stream}, {"adts", media::Format::adts, adts_stream},
    {"ogg", media::Format::ogg, ogg_stream},        {"webm", media::Format::webm, webm_stream},
    {"mp4", media::Format::mp4, mp4_stream},        {"flac", media::Format::flac, flac_stream},
    {"ts", media::Format::mpeg_ts, ts_stream},
};

}  // namespace kam::test
