// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/stream_deframer.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <string>

using namespace kam;
using namespace kam::framing;

namespace {

struct Out {
  std::string tag;
  std::string data;
  friend bool operator==(const Out &, const Out &) = default;
};

struct Result {
  std::vector<Out> frames;
  std::vector<FrameFault> faults;
  std::uint64_t bytes_skipped = 0;
};

class Reader {
 public:
  explicit Reader(std::size_t max_frame_size = 1000) : deframer_{{max_frame_size}} {}

  Reader &feed(std::string_view text)
  {
    deframer_.feed(as_bytes(text));
    while (auto item = deframer_.poll()) {
      if (const auto *frame = std::get_if<Frame>(&*item))
        result.frames.push_back({frame->tag, std::string{as_text(frame->data)}});
      else
        result.faults.push_back(std::get<FrameFault>(*item));
    }
    result.bytes_skipped = deframer_.bytes_skipped();
    return *this;
  }
  Reader &end()
  {
    if (const auto fault = deframer_.end())
      result.faults.push_back(*fault);
    return *this;
  }

  Result result;

 private:
  StreamDeframer deframer_;
};

}  // namespace

START_TEST(reads_good_frames_in_any_pieces)
{
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    test::Random random{seed};
    std::string stream;
    std::vector<Out> want;
    for (auto n = random.below(10); n > 0; --n) {
      const auto data = random.bytes(random.below(300), "1 5\n");
      const Out out{std::to_string(random.below(100000)), std::string{as_text(data)}};
      stream += out.tag + " " + std::to_string(out.data.size()) + "\n" + out.data;
      want.push_back(out);
    }
    Reader reader;
    const auto piece = 1 + random.below(80);
    for (std::size_t at = 0; at < stream.size(); at += piece)
      reader.feed(std::string_view{stream}.substr(at, piece));
    reader.end();
    ck_assert_msg(reader.result.frames == want, "seed %u", seed);
    ck_assert(reader.result.faults.empty());
    ck_assert_uint_eq(reader.result.bytes_skipped, 0);
  }
}
END_TEST

START_TEST(begins_again_with_the_next_input_after_a_fault)
{
  Reader reader;
  reader.feed("rubbish in one input\n1 3\nabc").feed("2 3\ndef");
  ck_assert_uint_eq(reader.result.frames.size(), 1);
  ck_assert(reader.result.frames[0].data == "def");
  ck_assert_uint_eq(reader.result.faults.size(), 1);
  ck_assert(reader.result.faults[0] == FrameFault::bad_header);
  ck_assert_uint_eq(reader.result.bytes_skipped, 28);
}
END_TEST

START_TEST(skips_a_header_that_came_in_two_inputs)
{
  Reader reader;
  reader.feed("1 x").feed("y\nabc").feed("3 1\nz");
  ck_assert_uint_eq(reader.result.frames.size(), 1);
  ck_assert(reader.result.faults.at(0) == FrameFault::bad_length);
  ck_assert_uint_eq(reader.result.bytes_skipped, 8);
}
END_TEST

START_TEST(believes_no_length_beyond_its_limit)
{
  for (const auto *const length : {"1001", "2147483648", "18446744073709551615",
                                   "18446744073709551619", "100000000000000000000"}) {
    Reader reader;
    reader.feed(std::string{"1 "} + length + "\nabc").feed("2 1\nx");
    ck_assert(reader.result.faults.at(0) == FrameFault::bad_length);
    ck_assert_uint_eq(reader.result.frames.size(), 1);
  }
}
END_TEST

START_TEST(says_what_the_end_cut_off)
{
  for (const auto *const text : {"1", "1 3", "1 3\n", "1 3\nab"}) {
    Reader reader;
    reader.feed(text).end();
    ck_assert_uint_eq(reader.result.faults.size(), 1);
    ck_assert(reader.result.faults[0] == FrameFault::short_frame);
    reader.end();
    ck_assert_uint_eq(reader.result.faults.size(), 1);
  }
  Reader reader;
  reader.feed("1 0\n2 2\nab").end();
  ck_assert(reader.result.faults.empty());
  ck_assert_uint_eq(reader.result.frames.size(), 2);
}
END_TEST

CHECK_MAIN("stream deframer", reads_good_frames_in_any_pieces,
           begins_again_with_the_next_input_after_a_fault,
           skips_a_header_that_came_in_two_inputs, believes_no_length_beyond_its_limit,
           says_what_the_end_cut_off)
