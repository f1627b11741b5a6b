// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/request_head.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <string>

using namespace kam;
using namespace kam::http;
using kam::test::Random;
using State = RequestHeadParser::State;

namespace {

RequestHeadParser parsed(std::string_view text)
{
  RequestHeadParser parser;
  parser.feed(as_bytes(text));
  return parser;
}

unsigned refusal_of(std::string_view text)
{
  const auto parser = parsed(text);
  ck_assert_msg(parser.state() == State::refused, "accepted: %s", std::string{text}.c_str());
  return parser.status();
}

}  // namespace

START_TEST(good_requests)
{
  constexpr std::string_view text =
      "GET /a%20b?x=1&sid=7 HTTP/1.1\r\nHost: [::1]:8000\r\nIcy-MetaData:  1 \r\n"
      "Connection: x, close\r\n\r\nnext";
  RequestHeadParser parser;
  const auto used = parser.feed(as_bytes(text));
  ck_assert_uint_eq(used, text.size() - 4);
  ck_assert(parser.state() == State::complete);
  const auto &head = parser.head();
  ck_assert_str_eq(head.method.c_str(), "GET");
  ck_assert_str_eq(head.path.c_str(), "/a%20b");
  ck_assert_str_eq(head.query.c_str(), "x=1&sid=7");
  ck_assert_str_eq(head.find("icy-metadata")->c_str(), "1");
  ck_assert(!head.find("nothing") && !head.keeps_alive && !head.has_length);

  ck_assert(parsed("GET / HTTP/1.1\r\nHost:\r\n\r\n").head().keeps_alive);
  ck_assert(!parsed("GET / HTTP/1.0\r\n\r\n").head().keeps_alive);
  ck_assert(parsed("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head().keeps_alive);
  ck_assert(parsed("\r\nGET http://h:1/p?q HTTP/1.1\r\nHost: h\r\n\r\n").head().path == "/p");
  ck_assert(parsed("GET http://h?q HTTP/1.0\r\n\r\n").head().path == "/");
  ck_assert(parsed("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").head().path == "*");
}
END_TEST

// As libshout, ffmpeg and encoders of long ago begin.
START_TEST(source_clients)
{
  auto head = parsed("SOURCE /m ICE/1.0\r\nAuthorization: Basic eA==\r\n\r\n").head();
  ck_assert_str_eq(head.method.c_str(), "SOURCE");
  ck_assert_uint_eq(head.minor_version, 0);
  head = parsed("PUT /m HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n").head();
  ck_assert(head.expects_continue && !head.has_length && !head.is_chunked);
  head = parsed("POST /m HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n").head();
  ck_assert(head.is_chunked);
  head = parsed("PUT /m HTTP/1.0\r\nContent-Length: 0\r\n\r\n").head();
  ck_assert(head.has_length && head.content_length == 0);
}
END_TEST

// What two readers of the same bytes could understand differently.
START_TEST(smuggling)
{
  constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: h\r\n";
  const auto with = [&](std::string_view fields) {
    return refusal_of(std::string{get} + std::string{fields} + "\r\n");
  };
  ck_assert_uint_eq(with("Host: h\r\n"), 400);
  ck_assert_uint_eq(with("Host: other\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: 3\r\nContent-Length: 4\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: 3\r\nContent-Length: 3\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: 3, 3\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: +3\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: -1\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: 0x10\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length: 99999999999999999999\r\n"), 400);
  ck_assert_uint_eq(with("Content-Length:\r\n"), 400);
  ck_assert_uint_eq(with("Transfer-Encoding: gzip, chunked\r\n"), 501);
  ck_assert_uint_eq(with("Transfer-Encoding: xchunked\r\n"), 501);
  ck_assert_uint_eq(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
  ck_assert_uint_eq(with("Transfer-Encoding : chunked\r\n"), 400);
  ck_assert_uint_eq(with(" Content-Length: 3\r\n"), 400);
  ck_assert_uint_eq(with("X: a\r\n b\r\n"), 400);
  ck_assert_uint_eq(with("X: a\nY: b\r\n"), 400);
  ck_assert_uint_eq(with("X: a\rY: b\r\n"), 400);
  ck_assert_uint_eq(with(std::string_view{"X: a\0b\r\n", 8}), 400);
  ck_assert_uint_eq(with("X\r\n"), 400);
  ck_assert_uint_eq(with(": x\r\n"), 400);
  ck_assert_uint_eq(with("Expect: 200-ok\r\n"), 417);
  ck_assert_uint_eq(refusal_of("GET / HTTP/1.1\nHost: h\n\n"), 400);
  ck_assert_uint_eq(refusal_of("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400);
  ck_assert_uint_eq(refusal_of("GET / HTTP/1.1\r\n\r\n"), 400);
  ck_assert_uint_eq(refusal_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}
END_TEST

START_TEST(no_requests)
{
  for (const auto *line :
       {"GET /", "GET  HTTP/1.1", "GET", "", " GET / HTTP/1.1", "GET\t/\tHTTP/1.1",
        "G@T / HTTP/1.1", "GET / HTTP/1.1 ", "GET /a b HTTP/1.1", "GET / http/1.1",
        "GET / HTTP/11", "GET a HTTP/1.1", "GET * HTTP/1.1", "GET /\x7f HTTP/1.1",
        "GET /\xc3\xa4 HTTP/1.1", "GET /#x HTTP/1.1", "\x16\x03\x01\x02"})
    ck_assert_uint_eq(refusal_of("\r\n" + std::string{line} + "\r\nHost: h\r\n\r\n"), 400);
  ck_assert_uint_eq(refusal_of("GET / HTTP/2.0\r\n"), 505);
  ck_assert_uint_eq(refusal_of("PRI * HTTP/2.0\r\n"), 505);
  ck_assert_uint_eq(refusal_of("CONNECT x:1 HTTP/1.1\r\n"), 405);
  ck_assert_uint_eq(refusal_of("GET /" + std::string(5000, 'a') + " HTTP/1.1\r\n"), 414);
  ck_assert_uint_eq(refusal_of(std::string(20'000, 'a')), 414);
  ck_assert_uint_eq(refusal_of("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'a')), 431);
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 120; ++i)
    many += "X: y\r\n";
  ck_assert_uint_eq(refusal_of(many), 431);
}
END_TEST

START_TEST(splits_do_not_matter)
{
  for (std::uint32_t seed = 1; seed <= 3000; ++seed) {
    Random random{seed};
    std::string text =
        "PUT /m?x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nX: y\r\n\r\nbody";
    for (auto changes = random.below(3); changes > 0; --changes)
      text[random.below(text.size())] = "\r\n :Hx\0/"[random.below(8)];
    RequestHeadParser whole;
    const auto used = whole.feed(as_bytes(text));
    RequestHeadParser split;
    std::size_t at = 0;
    while (at < text.size() && split.state() == State::reading)
      at += split.feed(
          as_bytes(text).subspan(at, std::min(text.size() - at, 1 + random.below(9))));
    ck_assert_msg(whole.state() == split.state() && used == at, "seed %u", seed);
    ck_assert_uint_eq(whole.status(), split.status());
    ck_assert_str_eq(whole.head().path.c_str(), split.head().path.c_str());
  }
}
END_TEST

START_TEST(queries)
{
  constexpr std::string_view query = "mount=%2Flive&mode=updinfo&song=A+-+%C3%84&empty&b=%zz";
  ck_assert(query_value(query, "mount") == "/live");
  ck_assert(query_value(query, "song") == "A - Ä");
  ck_assert(query_value(query, "empty") == "");
  ck_assert(!query_value(query, "b") && !query_value(query, "nothing") &&
            !query_value("", "a"));
  ck_assert(percent_decoded("a+b%41", Plus::is_plus) == "a+bA");
  for (const auto *text : {"%", "%4", "%00", "a%g1", "%4"})
    ck_assert(!percent_decoded(text, Plus::is_plus));
}
END_TEST

CHECK_MAIN("request_head", good_requests, source_clients, smuggling, no_requests,
           splits_do_not_matter, queries)
