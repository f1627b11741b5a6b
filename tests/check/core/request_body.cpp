// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/request_body.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam;
using namespace kam::http;

namespace {

struct Read {
  RequestBody::State state;
  std::string data;
  std::size_t used;
};

Read read(const std::string &fields, std::string_view wire, std::size_t piece,
          std::uint64_t max_size = 0)
{
  RequestHeadParser parser;
  parser.feed(as_bytes("POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"));
  ck_assert(parser.state() == RequestHeadParser::State::complete);
  RequestBody body{parser.head(), max_size};
  Read result{body.state(), {}, 0};
  while (!wire.empty() && body.state() == RequestBody::State::reading) {
    const auto part = wire.substr(0, piece);
    ByteVector bytes{as_bytes(part).begin(), as_bytes(part).end()};
    const auto taken = body.feed(bytes);
    result.data += as_text(Bytes{bytes}.first(taken.data));
    result.used += taken.used;
    wire.remove_prefix(taken.used);
    result.state = body.state();
  }
  return result;
}

constexpr auto chunked = "Transfer-Encoding: chunked\r\n";
using State = RequestBody::State;

}  // namespace

START_TEST(lengths)
{
  ck_assert(read("", "GET", 9).state == State::complete);
  ck_assert(read("Content-Length: 0\r\n", "GET", 9).state == State::complete);
  for (const std::size_t piece : {1, 2, 3, 100}) {
    const auto got = read("Content-Length: 5\r\n", "helloGET /", piece);
    ck_assert(got.state == State::complete && got.data == "hello" && got.used == 5);
  }
  ck_assert(read("Content-Length: 5\r\n", "hell", 2).state == State::reading);
  ck_assert(RequestBody{}.state() == State::complete);
}
END_TEST

START_TEST(chunks)
{
  for (const std::size_t piece : {1, 2, 3, 100}) {
    const auto got =
        read(chunked, "5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nT: x\r\n\r\nGET / ", piece);
    ck_assert(got.state == State::complete && got.data == "hello!" && got.used == 31);
  }
  ck_assert(read(chunked, "5\r\nhello\r\n", 3).state == State::reading);
}
END_TEST

// What another reader could take for the beginning of a second request.
START_TEST(smuggled)
{
  for (const auto *wire :
       {"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\r\n0\r\n\r\n", "5\r\nhelloX0\r\n\r\n",
        "0x5\r\nhello\r\n", "-5\r\nhello\r\n", "\r\n5\r\nhello\r\n", "5;\rx\r\nhello\r\n",
        "fffffffffffffffff\r\n", "0\r\nT: x\n\r\n", "0\r\nT: x\r\n\n"})
    for (const std::size_t piece : {1, 100}) {
      const auto got = read(chunked, wire, piece);
      ck_assert_msg(got.state == State::malformed, "%s", wire);
    }
}
END_TEST

START_TEST(limits)
{
  ck_assert(read("Content-Length: 5\r\n", "hello", 9, 5).state == State::complete);
  ck_assert(read("Content-Length: 6\r\n", "hello!", 9, 5).state == State::too_large);
  ck_assert(read("Content-Length: 1099511627776\r\n", "", 9, 5).state == State::too_large);
  ck_assert(read(chunked, "5\r\nhello\r\n0\r\n\r\n", 4, 5).state == State::complete);
  const auto got = read(chunked, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", 100, 5);
  ck_assert(got.state == State::too_large && got.data.empty());
  // Nothing is kept because somebody declares it.
  ck_assert(read(chunked, "ffffffffffffffff\r\nhello", 100, 5).state == State::reading);
}
END_TEST

CHECK_MAIN("request body", lengths, chunks, smuggled, limits)
