// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/frame.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam;
using namespace kam::framing;

namespace {

FrameHeader header_of(std::string_view text)
{
  const auto parsed = parse_frame_header(as_bytes(text));
  ck_assert_msg(std::holds_alternative<FrameHeader>(parsed), "refused: %s",
                std::string{text}.c_str());
  return std::get<FrameHeader>(parsed);
}

void assert_fault(std::string_view text, FrameFault fault)
{
  const auto parsed = parse_frame_header(as_bytes(text));
  ck_assert_msg(std::holds_alternative<FrameFault>(parsed), "accepted: %s",
                std::string{text}.c_str());
  ck_assert_msg(std::get<FrameFault>(parsed) == fault, "%s: fault %d",
                std::string{text}.c_str(), static_cast<int>(std::get<FrameFault>(parsed)));
}

}  // namespace

START_TEST(reads_what_it_writes)
{
  for (const std::uint64_t sequence : {0UL, 1UL, 9UL, 4294967296UL, 18446744073709551615UL}) {
    const FrameHeaderText text{sequence, 123456};
    const auto header = header_of(as_text(text.bytes()));
    ck_assert_uint_eq(*header.sequence, sequence);
    ck_assert_uint_eq(header.data_size, 123456);
    ck_assert_uint_eq(header.header_size, text.bytes().size());
  }
  const std::string longest(max_tag_size, 't');
  const FrameHeaderText text{std::string_view{longest}, 18446744073709551615UL};
  const auto header = header_of(as_text(text.bytes()));
  ck_assert(header.tag == longest);
  ck_assert(!header.sequence);
  ck_assert_uint_eq(header.data_size, 18446744073709551615UL);
}
END_TEST

START_TEST(is_liberal_about_blanks)
{
  for (const auto *const text :
       {"7 3\n", " 7 3\n", "7  3\n", "7\t3\n", "7\f3 \r\n", "007 03\n"}) {
    const auto header = header_of(text);
    ck_assert_uint_eq(*header.sequence, 7);
    ck_assert_uint_eq(header.data_size, 3);
  }
}
END_TEST

START_TEST(tells_faults_apart)
{
  for (const auto *const text : {"\n", " \n", "1\n", "1 \n", "1 2 3\n"})
    assert_fault(text, FrameFault::bad_header);
  for (const auto *const text : {"1_0 3\n", "0x1 3\n", "-1 3\n", "+7 3\n", "1.5 3\n",
                                 "18446744073709551616 3\n", "a\x01 3\n", "\xd9\xa1 3\n"})
    assert_fault(text, FrameFault::bad_tag);
  assert_fault(std::string(max_tag_size + 1, 't') + " 3\n", FrameFault::bad_tag);
  for (const auto *const text : {"1 x\n", "1 -2\n", "1 +2\n", "1 3.0\n", "1 0x3\n", "1 1_0\n",
                                 "1 18446744073709551616\n", "1 100000000000000000000\n"})
    assert_fault(text, FrameFault::bad_length);
}
END_TEST

START_TEST(waits_for_the_line_end_but_not_for_ever)
{
  for (const auto *const text : {"", "1", "1 ", "1 3"})
    ck_assert(std::holds_alternative<NeedMore>(parse_frame_header(as_bytes(text))));
  const std::string endless(max_header_size - 1, '1');
  ck_assert(std::holds_alternative<NeedMore>(parse_frame_header(as_bytes(endless))));
  assert_fault(endless + "1", FrameFault::bad_header);
}
END_TEST

START_TEST(knows_which_tags_a_frame_can_carry)
{
  for (const auto *const tag : {"1", "abc", "-1", "~!", "18446744073709551616"})
    ck_assert(is_valid_tag(tag));
  for (const auto *const tag : {"", " ", "a b", "tag\nwith-newline", "\x7f", "\xc3\xa9"})
    ck_assert(!is_valid_tag(tag));
}
END_TEST

CHECK_MAIN("frame", reads_what_it_writes, is_liberal_about_blanks, tells_faults_apart,
           waits_for_the_line_end_but_not_for_ever, knows_which_tags_a_frame_can_carry)
