// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/frame.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam;
using namespace kam::framing;

static FrameHeader header_of(std::string_view text)
{
  const auto parsed = parse_frame_header(as_bytes(text));
  ck_assert_msg(std::holds_alternative<FrameHeader>(parsed), "%s", std::string{text}.c_str());
  return std::get<FrameHeader>(parsed);
}

START_TEST(reads_what_it_writes)
{
  const FrameHeaderText text{std::uint64_t{18446744073709551615U}, 123456};
  const auto header = header_of(as_text(text.bytes()));
  ck_assert_uint_eq(*header.sequence, 18446744073709551615U);
  ck_assert_uint_eq(header.data_size, 123456);
  ck_assert_uint_eq(header.header_size, text.bytes().size());
}
END_TEST

CHECK_MAIN("frame", reads_what_it_writes)
