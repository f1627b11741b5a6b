// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/demuxer.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <string>

using namespace kam;
using namespace kam::icy;
using kam::test::Random;

namespace {

// What came out: the audio, and where in it which block stood.
struct Outcome {
  ByteVector audio;
  std::vector<std::pair<std::size_t, ByteVector>> blocks;

  bool operator==(const Outcome &) const = default;
};

// Feeds a copy, as the demuxer works in place.
void feed(Demuxer &demuxer, Bytes input, Outcome &outcome)
{
  // Either way is as good, where there is nothing but audio.
  if (input.size() % 2 == 1 && demuxer.pass_audio(input.size())) {
    outcome.audio.insert(outcome.audio.end(), input.begin(), input.end());
    return;
  }
  ByteVector copy{input.begin(), input.end()};
  demuxer.feed(copy);
  while (const auto event = demuxer.poll()) {
    if (const auto *audio = std::get_if<Demuxer::Audio>(&*event)) {
      ck_assert(!audio->bytes.empty());
      outcome.audio.insert(outcome.audio.end(), audio->bytes.begin(), audio->bytes.end());
    } else {
      const auto bytes = std::get<Demuxer::Block>(*event).bytes;
      outcome.blocks.emplace_back(outcome.audio.size(), ByteVector{bytes.begin(), bytes.end()});
    }
  }
}

struct Stream {
  ByteVector wire;
  Outcome expected;
};

Stream make_stream(Random &random, std::size_t metaint, std::size_t rounds)
{
  Stream stream;
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto audio = random.bytes(metaint);
    stream.wire.insert(stream.wire.end(), audio.begin(), audio.end());
    stream.expected.audio.insert(stream.expected.audio.end(), audio.begin(), audio.end());
    const auto units = random.below(3) > 0 ? 0 : random.below(256);
    stream.wire.push_back(static_cast<std::byte>(units));
    const auto block = random.bytes(units * 16, "StreamTitle=';\0");
    stream.wire.insert(stream.wire.end(), block.begin(), block.end());
    if (units > 0)
      stream.expected.blocks.emplace_back(stream.expected.audio.size(), block);
  }
  return stream;
}

}  // namespace

// Any metaint, any split, and any number of connections that end anywhere.
START_TEST(random_streams)
{
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    Random random{seed};
    Outcome expected;
    Outcome got;
    const auto connections = 1 + random.below(4);
    for (std::size_t i = 0; i < connections; ++i) {
      const auto metaint = 1 + random.below(std::size_t{1} << (1 + random.below(16)));
      const auto stream = make_stream(random, metaint, 1 + random.below(20));
      auto rest = Bytes{stream.wire}.first(random.below(stream.wire.size() + 1));
      // What is expected of a stream that is cut is what whole feeding makes of it, byte by
      // byte counted here.
      const auto whole = rest.size();
      std::size_t at = 0;
      std::size_t audio = 0;
      std::size_t blocks = 0;
      for (std::size_t position = 0; position < whole;) {
        const auto here = std::min(metaint, whole - position);
        audio += here;
        position += here;
        if (position == whole)
          break;
        const auto size = 1 + std::to_integer<std::size_t>(stream.wire[position]) * 16;
        if (position + size <= whole && size > 1)
          ++blocks;
        position += size;
      }
      for (std::size_t b = 0; b < blocks; ++b)
        expected.blocks.emplace_back(expected.audio.size() + stream.expected.blocks[b].first,
                                     stream.expected.blocks[b].second);
      expected.audio.insert(expected.audio.end(), stream.expected.audio.begin(),
                            stream.expected.audio.begin() + static_cast<std::ptrdiff_t>(audio));
      Demuxer demuxer{metaint};
      const auto largest = 1 + random.below(3) * 700 + random.below(20);
      while (at < whole) {
        const auto size = std::min(1 + random.below(largest), whole - at);
        feed(demuxer, rest.subspan(at, size), got);
        at += size;
      }
    }
    ck_assert_msg(got.audio == expected.audio, "seed %u: other audio", seed);
    ck_assert_msg(got.blocks == expected.blocks, "seed %u: other blocks", seed);
  }
}
END_TEST

START_TEST(empty_blocks_do_not_cut)
{
  std::string wire;
  for (int i = 0; i < 10; ++i)
    wire.append("abc").push_back('\0');
  Demuxer demuxer{3};
  ByteVector input{as_bytes(wire).begin(), as_bytes(wire).end()};
  demuxer.feed(input);
  const auto event = demuxer.poll();
  ck_assert(event.has_value());
  ck_assert_uint_eq(std::get<Demuxer::Audio>(*event).bytes.size(), 30);
  ck_assert(!demuxer.poll());
  ck_assert_uint_eq(demuxer.blocks(), 10);
}
END_TEST

START_TEST(without_metaint_all_is_audio)
{
  Random random{1};
  const auto bytes = random.bytes(100'000);
  Demuxer demuxer{0};
  Outcome outcome;
  feed(demuxer, bytes, outcome);
  ck_assert(outcome.audio == bytes && outcome.blocks.empty());
}
END_TEST

START_TEST(a_metaint_of_two_to_the_31)
{
  Random random{1};
  const auto bytes = random.bytes(100'000);
  Demuxer demuxer{std::uint64_t{1} << 31U};
  Outcome outcome;
  feed(demuxer, bytes, outcome);
  ck_assert(outcome.audio == bytes && outcome.blocks.empty());
}
END_TEST

CHECK_MAIN("demuxer", random_streams, empty_blocks_do_not_cut, without_metaint_all_is_audio,
           a_metaint_of_two_to_the_31)
