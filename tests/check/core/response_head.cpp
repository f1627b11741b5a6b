// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/response_head.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam;
using namespace kam::http;
using State = ResponseHeadParser::State;

namespace {

std::string outcome(std::string_view bytes, std::size_t piece)
{
  ResponseHeadParser parser{{.max_size = 2000, .max_fields = 10}};
  std::size_t used = 0;
  while (used < bytes.size() && parser.state() == State::reading)
    used += parser.feed(as_bytes(bytes.substr(used, piece)));
  switch (parser.state()) {
  case State::reading: return "more";
  case State::faulty:
    return parser.fault() == HeadFault::too_large ? "too large" : "no response";
  case State::complete: break;
  }
  const auto &head = parser.head();
  auto all = head.protocol + head.version + " " + std::to_string(head.status) + " " +
             head.reason + " [";
  for (const auto &[key, value] : head.fields)
    all += key + "=" + value + "|";
  return all + "]" + std::string{bytes.substr(used)};
}

}  // namespace

START_TEST(heads)
{
  using namespace std::string_literals;
  const struct {
    std::string bytes;
    std::string outcome;
  } cases[] = {
      {"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody", "HTTP1.1 200 OK [a=b|]body"},
      {"HTTP/1.0 404 Not Found\nA:b\nA: c \n\nx", "HTTP1.0 404 Not Found [a=b|a=c|]x"},
      {"ICY 200 OK\r\nicy-name: \xd6sterreich\r\n\r\n", "ICY 200 OK [icy-name=\xd6sterreich|]"},
      {"ICY 404 Resource Not Found\n\n", "ICY 404 Resource Not Found []"},
      {"HTTP/1.1 200\r\n\r\n", "HTTP1.1 200  []"},
      {"HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\tD\r\n\r\n", "HTTP1.1 200 OK [a=b c D|]"},
      {"HTTP/1.1 200 OK\r\n folded\r\nno field\r\n: x\r\nb d: x\r\nA:\r\n\r\n",
       "HTTP1.1 200 OK [a=|]"},
      {"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"s, "HTTP1.1 200 OK [a=bc|]"},
      {"", "more"},
      {"HTTP/1.1 200 OK\r\nA: b\r\n", "more"},
      {"\xff\xfb\x90\x64 mp3 at once", "no response"},
      {"<html>", "no response"},
      {"ICY2 200 OK\r\n\r\n", "no response"},
      {"HTTP/x.y 200 OK\r\n\r\n", "no response"},
      {"HTTP/1.1 20 OK\r\n\r\n", "no response"},
      {"HTTP/1.1 099 OK\r\n\r\n", "no response"},
      {"HTTP/1.1 -20 OK\r\n\r\n", "no response"},
      {"\r\n", "no response"},
      {"HTTP/1.1 200 OK\r\nA: " + std::string(2000, 'x') + "\r\n\r\n", "too large"},
      {"HTTP/1.1 200 " + std::string(3000, 'x'), "too large"},
  };
  for (const auto &c : cases)
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, c.bytes.size() + 1}) {
      const auto got = outcome(c.bytes, piece);
      ck_assert_msg(got == c.outcome, "%s in pieces of %zu: %s", c.bytes.c_str(), piece,
                    got.c_str());
    }
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 11; ++i)
    many += "A: b\r\n";
  ck_assert(outcome(many + "\r\n", 5) == "too large");
}
END_TEST

START_TEST(fields_are_found_and_numbers_read)
{
  ResponseHeadParser parser{{}};
  parser.feed(as_bytes("HTTP/1.1 200 OK\r\nIcy-MetaInt: 16000\r\n\r\n"));
  const auto *field = parser.head().find("icy-metaint");
  ck_assert(field && *field == "16000");
  ck_assert(!parser.head().find("icy"));
  ck_assert(decimal("16000") == 16000U);
  for (const auto *text : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1,2"})
    ck_assert_msg(!decimal(text), "%s", text);
}
END_TEST

CHECK_MAIN("response head", heads, fields_are_found_and_numbers_read)
