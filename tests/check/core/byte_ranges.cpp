// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/byte_ranges.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam::http;

namespace {

// "0-9 20-29", or "whole", or "out of range".
std::string answer(std::string_view field, std::uint64_t size, std::size_t max_ranges = 16)
{
  const auto result = ranges_in(field, size, max_ranges);
  if (std::holds_alternative<WholeFile>(result))
    return "whole";
  if (std::holds_alternative<OutOfRange>(result))
    return "out of range";
  std::string text;
  for (const auto &range : std::get<ByteRanges>(result))
    text += (text.empty() ? "" : " ") + std::to_string(range.first) + '-' +
            std::to_string(range.last);
  return text;
}

void expect(std::string_view field, std::uint64_t size, const char *wanted)
{
  const auto got = answer(field, size);
  ck_assert_msg(got == wanted, "%s of %zu: %s", std::string{field}.c_str(),
                static_cast<std::size_t>(size), got.c_str());
}

}  // namespace

START_TEST(single_ranges)
{
  expect("bytes=0-0", 100, "0-0");
  expect("bytes=0-", 100, "0-99");
  expect("bytes=10-19", 100, "10-19");
  expect("bytes=90-1000", 100, "90-99");
  expect("bytes=-1", 100, "99-99");
  expect("bytes=-1000", 100, "0-99");
  expect("bytes= 1-2 , ", 100, "1-2");
  expect("bytes=0-18446744073709551615", 100, "0-99");
  expect("bytes=99-", 100, "99-99");
}
END_TEST

START_TEST(what_is_not_there)
{
  expect("bytes=100-", 100, "out of range");
  expect("bytes=100-200, 300-", 100, "out of range");
  expect("bytes=-0", 100, "out of range");
  expect("bytes=0-", 0, "out of range");
  expect("bytes=-5", 0, "out of range");
  expect("bytes=100-, 0-0", 100, "0-0");
}
END_TEST

START_TEST(what_is_not_understood)
{
  for (const auto *field :
       {"", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=1",
        "bytes=1-2-3", "bytes=0x1-2", "bytes=+1-2", "bytes=1 - 2", "lines=0-1", "Bytes =0-1",
        "bytes=0-99999999999999999999", "bytes=0-1;x", "bytes=--1"})
    expect(field, 100, "whole");
}
END_TEST

START_TEST(several_ranges)
{
  expect("bytes=0-9,200-209", 1000, "0-9 200-209");
  expect("bytes=200-209,0-9", 1000, "200-209 0-9");
  expect("bytes=0-9,5-20", 1000, "0-20");
  expect("bytes=0-9,10-20", 1000, "0-20");
  // Nearer than what would go between them.
  expect("bytes=500-509,0-9,89-100", 1000, "0-100 500-509");
  expect("bytes=0-9,90-100", 1000, "0-9 90-100");
  expect("bytes=0-,0-,0-", 1000, "0-999");
  expect("bytes=0-600,300-", 1000, "0-999");
}
END_TEST

// 20,000 parts of a file must not become 20,000 times the file.
START_TEST(no_amplification)
{
  std::string field = "bytes=0-";
  for (int i = 0; i < 20'000; ++i)
    field += ",0-";
  expect(field, 1 << 20, "whole");
  std::string many = "bytes=";
  for (int i = 0; i < 500; ++i)
    many += std::to_string(i * 1000) + '-' + std::to_string(i * 1000 + 1) + ',';
  expect(many, 1 << 20, "whole");
  ck_assert(answer("bytes=0-1,1000-1001,2000-2001", 5000, 2) == "whole");
  ck_assert(answer("bytes=0-1,1000-1001", 5000, 2) == "0-1 1000-1001");
}
END_TEST

START_TEST(written)
{
  ck_assert(content_range({10, 19}, 100) == "bytes 10-19/100");
  ck_assert(part_head("B", "text/plain", {0, 1}, 9) ==
            "\r\n--B\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/9\r\n\r\n");
  ck_assert(parts_end("B") == "\r\n--B--\r\n");
}
END_TEST

CHECK_MAIN("byte ranges", single_ranges, what_is_not_there, what_is_not_understood,
           several_ranges, no_amplification, written)
