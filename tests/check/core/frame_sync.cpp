// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/frame_sync.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <string>
#include <vector>

using namespace kam;
using namespace kam::icy;
using kam::test::Random;

namespace {

// An MP3 frame of 128 kbit/s at 44.1 kHz: 417 bytes.
ByteVector mp3_frame(Random &random)
{
  auto frame = random.bytes(417, "\xff\xfb");
  frame[0] = std::byte{0xff};
  frame[1] = std::byte{0xfb};
  frame[2] = std::byte{0x90};
  return frame;
}

ByteVector adts_frame(Random &random, unsigned size)
{
  auto frame = random.bytes(size);
  frame[0] = std::byte{0xff};
  frame[1] = std::byte{0xf1};
  frame[2] = std::byte{0x50};
  frame[3] = static_cast<std::byte>(0x80U | size >> 11U);
  frame[4] = static_cast<std::byte>(size >> 3U & 0xffU);
  frame[5] = static_cast<std::byte>((size & 7U) << 5U | 0x1fU);
  return frame;
}

}  // namespace

START_TEST(media_types)
{
  ck_assert(framing_of("audio/mpeg") == Framing::mpeg_audio);
  ck_assert(framing_of("audio/mpeg; charset=x") == Framing::mpeg_audio);
  ck_assert(framing_of("audio/aacp") == Framing::adts);
  ck_assert(framing_of("application/ogg ;x") == Framing::ogg);
  ck_assert(framing_of("audio/flac") == Framing::unknown);
  ck_assert(framing_of("") == Framing::unknown);
}
END_TEST

// Joined anywhere, the first frame found is one, and no more than a few are passed over.
START_TEST(frames_are_found)
{
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    Random random{seed};
    const bool is_mp3 = random.below(2) == 0;
    ByteVector stream;
    std::vector<std::size_t> starts;
    while (stream.size() < 8192) {
      starts.push_back(stream.size());
      const auto frame =
          is_mp3 ? mp3_frame(random) : adts_frame(random, 100 + unsigned(random.below(1900)));
      stream.insert(stream.end(), frame.begin(), frame.end());
    }
    const auto joined = random.below(3000);
    const auto found =
        find_frame(is_mp3 ? Framing::mpeg_audio : Framing::adts, Bytes{stream}.subspan(joined));
    ck_assert_msg(found.has_value(), "seed %u", seed);
    ck_assert_msg(std::ranges::find(starts, joined + *found) != starts.end(), "seed %u", seed);
  }
}
END_TEST

START_TEST(nothing_is_found_in_noise_that_ends)
{
  Random random{5};
  const ByteVector zeros(1000);
  for (const auto framing : {Framing::mpeg_audio, Framing::adts, Framing::ogg}) {
    ck_assert(!find_frame(framing, zeros));
    ck_assert(!find_frame(framing, {}));
  }
  ck_assert(find_frame(Framing::unknown, zeros) == std::size_t{0});
  auto page = random.bytes(100);
  const auto mark = as_bytes(std::string_view{"OggS\0", 5});
  std::ranges::copy(mark, page.begin() + 17);
  ck_assert(find_frame(Framing::ogg, page) == std::size_t{17});
}
END_TEST

CHECK_MAIN("frame_sync", media_types, frames_are_found, nothing_is_found_in_noise_that_ends)
