// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/rtp/null_payload.hpp"

#include <cmath>
#include <random>
#include <string>

#include "support/check_main.hpp"
#include "support/vectors.hpp"

using namespace kam;
using namespace kam::rtp;

namespace {

struct Packet {
  ByteVector wire;
  std::uint64_t bytes_before;
};

Packet packet_of(const NullChunk &chunk)
{
  const auto length = pack_length(static_cast<std::uint32_t>(chunk.size()));
  ByteVector wire{length.begin(), length.end()};
  wire.insert(wire.end(), chunk.carried.begin(), chunk.carried.end());
  wire.insert(wire.end(), chunk.in_input.begin(), chunk.in_input.end());
  return {std::move(wire), chunk.bytes_before};
}

void poll_all(NullChunker &chunker, std::vector<Packet> &packets)
{
  while (const auto chunk = chunker.poll())
    packets.push_back(packet_of(*chunk));
}

std::vector<Packet> packets_of(Bytes data, std::size_t piece, std::uint32_t chunk_size)
{
  NullChunker chunker{chunk_size};
  std::vector<Packet> packets;
  for (std::size_t at = 0; at < data.size(); at += piece) {
    chunker.feed(data.subspan(at, std::min(piece, data.size() - at)));
    poll_all(chunker, packets);
  }
  if (const auto chunk = chunker.finish())
    packets.push_back(packet_of(*chunk));
  return packets;
}

void check_packet(const std::string &id, const Packet &packet, const test::Json &want,
                  const ConstantBitrate &bitrate)
{
  ck_assert_msg(packet.wire == want["data"].bytes(), "%s: bytes differ", id.c_str());
  const auto seconds = want["timestamp"].number();
  const auto ns = static_cast<double>(bitrate.nanoseconds(packet.bytes_before));
  // Kamaelia's time is a float; ours is rounded down to a nanosecond.
  ck_assert_msg(std::abs(ns - std::floor(seconds * 1e9)) <= 1, "%s: %.9f s became %.0f ns",
                id.c_str(), seconds, ns);
}

void run_case(const test::Json &vector)
{
  const auto id = vector["id"].text();
  const auto chunk_size = vector["params"]["chunksize"].unsigned_integer();
  const ConstantBitrate bitrate{vector["params"]["sourcebitrate"].unsigned_integer()};
  NullChunker chunker{static_cast<std::uint32_t>(chunk_size)};
  for (const auto &event : vector["events"].items()) {
    std::vector<Packet> packets;
    ByteVector message;
    if (event.has("data")) {
      message = event["data"].bytes();
      chunker.feed(message);
      poll_all(chunker, packets);
    } else if (const auto chunk = chunker.finish()) {
      packets.push_back(packet_of(*chunk));
    }
    ck_assert_msg(packets.size() == event["out"].size(), "%s: %zu packets", id.c_str(),
                  packets.size());
    for (std::size_t i = 0; i < packets.size(); ++i)
      check_packet(id, packets[i], event["out"][i], bitrate);
  }
}

}  // namespace

START_TEST(chunks_as_kamaelia_does)
{
  int cases = 0;
  int lengths = 0;
  for (const auto &vector : test::load_vectors("nullpayload")) {
    const auto id = vector["id"].text();
    if (!id.starts_with("packlength/")) {
      run_case(vector);
      ++cases;
      continue;
    }
    const auto length = vector["in"][0].unsigned_integer();
    ++lengths;
    if (vector["policy"].text() == "fix") {
      // More than 32 bits: our type cannot hold what Kamaelia died of.
      ck_assert_uint_gt(length, UINT32_MAX);
      continue;
    }
    const auto packed = pack_length(static_cast<std::uint32_t>(length));
    ck_assert_msg(ByteVector(packed.begin(), packed.end()) == vector["out"][0].bytes(), "%s",
                  id.c_str());
  }
  ck_assert_int_eq(cases, 9);
  ck_assert_int_eq(lengths, 6);
}
END_TEST

START_TEST(does_not_care_how_the_stream_is_cut)
{
  std::mt19937 random{7};
  ByteVector data(5000);
  for (auto &byte : data)
    byte = static_cast<std::byte>(random());
  const auto want = packets_of(data, data.size(), 257);
  ck_assert_uint_eq(want.size(), 20);
  for (const std::size_t piece : {1, 2, 3, 100, 256, 257, 258, 513, 514, 4999}) {
    const auto got = packets_of(data, piece, 257);
    ck_assert_uint_eq(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ck_assert_msg(got[i].wire == want[i].wire, "pieces of %zu: packet %zu", piece, i);
      ck_assert_uint_eq(got[i].bytes_before, want[i].bytes_before);
    }
  }
}
END_TEST

START_TEST(begins_anew_after_reset)
{
  NullChunker chunker{10};
  chunker.feed(as_bytes("0123456789abc"));
  ck_assert_uint_eq(chunker.poll()->size(), 10);
  ck_assert(!chunker.poll());
  chunker.reset();
  ck_assert(!chunker.finish());
  chunker.feed(as_bytes("0123456789"));
  ck_assert_uint_eq(chunker.poll()->bytes_before, 0);
}
END_TEST

START_TEST(keeps_time_exactly)
{
  // 44.1 kHz × 16 bit does not divide a second; a year of it must not drift.
  const ConstantBitrate cd{705'600};
  const std::uint64_t year = 365ULL * 24 * 3600;
  ck_assert_uint_eq(cd.nanoseconds(year * 88'200), year * 1'000'000'000);
  ck_assert_uint_eq(cd.ticks(year * 88'200, 90'000), year * 90'000);
  ck_assert_uint_eq(cd.nanoseconds(year * 88'200 + 1), year * 1'000'000'000 + 11'337);
  // Rounded down, from 0, every time.
  const ConstantBitrate three{3};
  ck_assert_uint_eq(three.nanoseconds(4), 10'666'666'666);
  ck_assert_uint_eq(three.nanoseconds(8), 21'333'333'333);
  ck_assert_uint_eq(three.ticks(4, 90'000), 960'000);
  // No intermediate result overflows.
  const ConstantBitrate fast{UINT32_MAX};
  ck_assert_uint_eq(fast.nanoseconds(std::uint64_t{UINT32_MAX} << 30), 8'000'000'000ULL << 30);
  const ConstantBitrate fastest{UINT64_MAX};
  ck_assert_uint_eq(fastest.nanoseconds(UINT64_MAX), 8'000'000'000);
  const ConstantBitrate slowest{1};
  ck_assert_uint_eq(slowest.ticks(1ULL << 40, 90'000), 720'000ULL << 40);
}
END_TEST

START_TEST(reads_payloads)
{
  const auto read = [](std::string_view text) {
    return read_null_payload(as_bytes(text), text.size());
  };
  const auto check = [&](std::string_view text, std::size_t data, std::size_t trailing) {
    const auto result = std::get<NullPayload>(read(text));
    ck_assert_uint_eq(result.data_size, data);
    ck_assert_uint_eq(result.trailing_size, trailing);
  };
  check(std::string_view{"\0\0\0\5hello", 9}, 5, 0);
  check(std::string_view{"\0\0\0\0", 4}, 0, 0);
  check(std::string_view{"\0\0\0\2hello", 9}, 2, 3);
  for (const std::string_view text : {"", "\0", "\0\0\0"})
    ck_assert(std::get<NullPayloadFault>(read(text)) == NullPayloadFault::short_payload);
  for (const auto text :
       {std::string_view{"\0\0\0\6hello", 9}, std::string_view{"\200\0\0\0hello", 9},
        std::string_view{"\377\377\377\377hello", 9}})
    ck_assert(std::get<NullPayloadFault>(read(text)) == NullPayloadFault::bad_length);
}
END_TEST

CHECK_MAIN("null_payload", chunks_as_kamaelia_does, does_not_care_how_the_stream_is_cut,
           begins_anew_after_reset, keeps_time_exactly, reads_payloads)
