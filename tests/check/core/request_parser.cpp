// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/request_parser.hpp"

#include "core/http/uri.hpp"
#include "support/check_main.hpp"
#include "support/instructions.hpp"
#include "support/memory.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

using namespace kam;
using namespace kam::http;
using namespace std::string_literals;
using Limits = RequestParser::Limits;
using Strings = std::vector<std::string>;

namespace {

constexpr std::string_view good = "GET /good HTTP/1.1\r\n\r\n";

std::string text_of(const std::vector<Header> &headers)
{
  std::string text;
  for (const auto &header : headers)
    text += "[" + header.name + "=" + header.value + "]";
  return text;
}

// What came out, in a line each.
std::string text_of(const RequestParser::Event &event)
{
  static constexpr std::array faults{"bad-request-line", "bad-header", "bad-length",
                                     "bad-encoding",     "bad-chunk",  "oversize-header",
                                     "oversize-body",    "short"};
  if (const auto *fault = std::get_if<RequestFault>(&event))
    return "!"s + faults[static_cast<std::size_t>(*fault)];
  const auto &request = std::get<Request>(event);
  auto text = request.method + " " + request.uri + " " + request.protocol + "/" +
              request.version + text_of(request.headers);
  if (!request.body.empty())
    text += " <" + std::string{as_text(request.body)} + ">";
  return text + text_of(request.trailers);
}

struct Run {
  Limits limits{};
  RequestParser parser{limits};
  Strings events{};

  void feed(Bytes bytes)
  {
    parser.feed(bytes);
    while (auto event = parser.poll())
      events.push_back(text_of(*event));
  }
  void end()
  {
    if (const auto fault = parser.end())
      events.push_back(text_of(*fault));
    const auto &stats = parser.stats();
    events.push_back(
        std::to_string(stats.requests) + " " + std::to_string(stats.request_bytes) + " " +
        std::to_string(stats.bytes_skipped) + " " + std::to_string(stats.blank_bytes));
  }
};

// Everything that comes of a stream, with its statistics at the end.
Strings all_of(std::string_view stream, std::size_t piece_size, const Limits &limits)
{
  Run run{.limits = limits};
  for (auto rest = as_bytes(stream); !rest.empty();) {
    const auto piece = rest.first(std::min(piece_size, rest.size()));
    // In memory of its own, so that a sanitiser sees who looks past its end.
    const ByteVector copy{piece.begin(), piece.end()};
    run.feed(copy);
    rest = rest.subspan(piece.size());
  }
  run.end();
  return run.events;
}

Strings events_of(std::string_view stream, const Limits &limits = {})
{
  auto events = all_of(stream, stream.size(), limits);
  for (const std::size_t size : {1U, 2U, 3U, 7U, 16U})
    ck_assert_msg(all_of(stream, size, limits) == events, "pieces of %zu give other events: %s",
                  size, std::string{stream}.c_str());
  events.pop_back();
  return events;
}

std::string joined(const Strings &strings)
{
  std::string all;
  for (const auto &string : strings)
    all += string + "\n";
  return all;
}

void expect(std::string_view stream, const Strings &want, const Limits &limits = {})
{
  const auto got = events_of(stream, limits);
  ck_assert_msg(got == want, "%s\ngave\n%sinstead of\n%s", std::string{stream}.c_str(),
                joined(got).c_str(), joined(want).c_str());
}

std::string post(const std::string &headers, const std::string &body = {})
{
  return "POST /p HTTP/1.1\r\n" + headers + "\r\n" + body;
}

std::string chunked(const std::string &body)
{
  return "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}

const std::string chunked_line = "POST /p HTTP/1.1[Transfer-Encoding=chunked]";
const std::string good_line = "GET /good HTTP/1.1";

void check_request(const Request &request, const test::Json &want, const char *id)
{
  const auto line = want["request"];
  const auto parts = split_absolute_uri(request.uri);
  ck_assert_msg(parts.has_value(), "%s: not an absolute URI", id);
  ck_assert(request.method == line["method"].text());
  ck_assert(request.protocol == line["protocol"].text());
  ck_assert(request.version == line["version"].text());
  ck_assert(parts->reqprotocol == line["reqprotocol"].text());
  ck_assert(parts->user == line["user"].text());
  ck_assert(parts->passwd == line["passwd"].text());
  ck_assert(parts->domain == line["domain"].text());
  ck_assert(parts->url == line["url"].text());
  ck_assert_msg(request.headers.size() == want["header"].size(), "%s: headers", id);
  for (const auto &header : request.headers) {
    ck_assert_msg(want["header"].has(header.key), "%s: %s", id, header.key.c_str());
    const auto spelled = want["header"][header.key];
    ck_assert(header.name == spelled[0].text());
    ck_assert(header.value == spelled[1].text());
  }
  const auto body = want["body"].bytes();
  ck_assert_msg(std::ranges::equal(request.body, body), "%s: another body", id);
}

}  // namespace

// Where Kamaelia was right. Where it was not, the cases stand by name in the next test.
START_TEST(reads_what_kamaelia_read)
{
  int kept = 0;
  for (const auto &vector : test::load_vectors("mime")) {
    if (vector["policy"].text() != "keep")
      continue;
    ++kept;
    const auto id = vector["id"].text();
    std::vector<ByteVector> inputs;
    for (const auto &input : vector["in"].items())
      inputs.push_back(input.bytes());
    RequestParser parser{{}};
    std::vector<Request> requests;
    for (const auto &input : inputs) {
      parser.feed(input);
      while (auto event = parser.poll()) {
        ck_assert_msg(std::holds_alternative<Request>(*event), "%s: fault", id.c_str());
        requests.push_back(std::get<Request>(std::move(*event)));
      }
    }
    ck_assert_msg(!parser.end(), "%s: short", id.c_str());
    const auto wants = vector["out"].items();
    ck_assert_uint_eq(requests.size(), wants.size());
    for (std::size_t i = 0; i < wants.size(); ++i)
      check_request(requests[i], wants[i], id.c_str());
  }
  ck_assert_int_eq(kept, 6);
}
END_TEST

START_TEST(reads_what_kamaelia_should_have_read)
{
  const auto in = [](std::string_view name) {
    for (const auto &vector : test::load_vectors("mime"))
      if (vector["id"].text() == "mime/" + std::string{name}) {
        const auto bytes = vector["in"][0].bytes();
        return std::string{as_text(bytes)};
      }
    ck_abort_msg("no such vector");
  };
  const auto get = "GET http://foo.bar.com/fwibble PROTO/3.3"s;
  expect(in("body-over"), {"POST http://h/p HTTP/1.1[Content-Length=5] <hello>", "!short"});
  expect(in("two-requests"), {get + "[A=1]", get + "[B=2]"});
  expect(in("no-space-after-colon"), {get + "[A=1]"});
  expect(in("no-colon"), {"!bad-header"});
  expect(in("bad-length"), {"!bad-length"});
}
END_TEST

START_TEST(reads_request_lines)
{
  const auto same = [](const std::string &line) { expect(line + "\r\n\r\n", {line}); };
  for (const auto *const line :
       {"GET / HTTP/1.1", "GET /a?b=c#d HTTP/1.0", "OPTIONS * HTTP/1.1",
        "CONNECT h:443 HTTP/1.1", "GET http://u:p@h:80/x HTTP/1.1", "BIBBLE foo://x/ PROTO/3.3",
        "DESCRIBE rtsp://h/ RTSP/1.0", "SOURCE /live.mp3 ICE/1.0",
        "INVITE sip:bob@example.org SIP/2.0", "M-SEARCH * HTTP/1.1", "GET / HTTP/2",
        "GET /caf\xc3\xa9 HTTP/1.1", "get /x x-y/12.34.5"})
    same(line);
  for (const auto *const line :
       {"GET /", "GET  / HTTP/1.1", "GET / x HTTP/1.1", " GET / HTTP/1.1", "GET / HTTP/1.1 ",
        "GET / HTTP", "GET / HTTP/", "GET / HTTP/x", "GET / HTTP/.1", "GET / /1.1",
        "GET relative HTTP/1.1", "GET ** HTTP/1.1", "G(T / HTTP/1.1", "GET\t/\tHTTP/1.1",
        "GET /\x01 HTTP/1.1", "GET /\x7f HTTP/1.1", "GET / HT\rTP/1.1", "words and words"})
    expect(line + "\r\n\r\n"s + std::string{good}, {"!bad-request-line", good_line});
  expect("GET /\0 HTTP/1.1\r\n\r\n"s, {"!bad-request-line"});
}
END_TEST

START_TEST(reads_headers)
{
  const auto get = [](const std::string &headers) {
    return "GET / HTTP/1.1\r\n" + headers + "\r\n";
  };
  const auto line = "GET / HTTP/1.1"s;
  expect(get(""), {line});
  expect(get("A: 1\r\nB:2\nC:\t 3 \t\r\n"), {line + "[A=1][B=2][C=3]"});
  expect(get("A:\r\nB: \r\nC: x: y\r\n"), {line + "[A=][B=][C=x: y]"});
  expect(get("A: 1\r\nB: 2\r\na: 3\r\nb:\r\nA: 4\r\n"), {line + "[A=1, 3, 4][B=2, ]"});
  expect(get("!#$%&'*+-.^_`|~09aZ: \xe9\xff\r\n"), {line + "[!#$%&'*+-.^_`|~09aZ=\xe9\xff]"});
  expect(get("A: 1\r\n 2\r\n\t3 \r\n \r\nB: x\r\n"), {line + "[A=1 2 3][B=x]"});
  expect(get("A: 1\r\nB: 2\r\nA: 3\r\n 4\r\n"), {line + "[A=1, 3 4][B=2]"});
  for (const auto &bad : {"A : 1\r\n"s, " A: 1\r\n"s, "A\r\n"s, ": 1\r\n"s, "A B: 1\r\n"s,
                          "A: \x01\r\n"s, "A: 1\r2\r\n"s, "A: 1\r\r\n"s, "A: \0\r\n"s,
                          "A\0: 1\r\n"s, "\xe9: 1\r\n"s, "A: 1\r\n \x7f\r\n"s, "A(: 1\r\n"s})
    expect(get(bad) + std::string{good}, {"!bad-header", good_line});
}
END_TEST

START_TEST(finds_the_end_of_a_body)
{
  const auto line = "POST /p HTTP/1.1"s;
  expect(post("Content-Length: 5\r\n", "helloGET /good HTTP/1.1\n\n"),
         {line + "[Content-Length=5] <hello>", good_line});
  expect(post("Content-Length: 0\r\n") + std::string{good},
         {line + "[Content-Length=0]", good_line});
  expect(post("content-length: 005\r\n", "hello"), {line + "[content-length=005] <hello>"});
  expect(post("Content-Length: 3\r\ncontent-length: 3\r\n", "abc"),
         {line + "[Content-Length=3, 3] <abc>"});
  expect(post("Content-Length: 3 , 03\r\n", "abc"), {line + "[Content-Length=3 , 03] <abc>"});
  expect(post("") + "\r\n\n\r\n" + std::string{good}, {line, good_line});
  for (const auto *const bad :
       {"x", "", "-5", "+5", "5 5", "0x5", "5,", ",5", "5;5", "3, 4", "1_0", "5.0",
        "\xc2\xa0"
        "5"})
    expect(post("Content-Length: "s + bad + "\r\n") + std::string{good},
           {"!bad-length", good_line});
  expect(post("Content-Length: 1\r\nContent-Length: 2\r\n") + std::string{good},
         {"!bad-length", good_line});
  expect(post("Content-Length: 1\r\n 0\r\n") + std::string{good}, {"!bad-length", good_line});
  for (const auto *const size : {"2147483648", "18446744073709551619", "100000000000000000000"})
    expect(post("Content-Length: "s + size + "\r\n", "xyz\n") + std::string{good},
           {"!oversize-body", good_line});
}
END_TEST

START_TEST(reads_chunks)
{
  expect(chunked("0\r\n\r\n") + std::string{good}, {chunked_line, good_line});
  expect(chunked("5\r\nhello\r\n0006\r\n world\r\n0\r\n\r\n") + std::string{good},
         {chunked_line + " <hello world>", good_line});
  expect(chunked("a\r\n0123456789\r\nB;x=\"y\";z\r\n0123456789a\r\n00 ;e\r\n\r\n"),
         {chunked_line + " <01234567890123456789a>"});
  expect(chunked("1\r\nx\r\n0\r\nT: 1\r\nU:2\r\nt: 3\r\n\r\n") + std::string{good},
         {chunked_line + " <x>[T=1, 3][U=2]", good_line});
  expect("POST /p HTTP/1.1\r\ntransfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n",
         {"POST /p HTTP/1.1[transfer-encoding=CHUNKED]"});
  for (const auto *const bad :
       {"x\r\n", "\r\n", "-1\r\n", "0x1\r\nx\r\n", "1\nx\r\n", "1 \r\nx\r\n", "1 x\r\nx\r\n",
        "1;\x01\r\nx\r\n", "1\r\nxx\r\n", "1\r\nx\n", "1\r\nx\r\r\n", ";x\r\n"})
    expect(chunked(bad) + std::string{good}, {"!bad-chunk", good_line});
  expect(chunked("0\r\nno colon\r\n\r\n") + std::string{good}, {"!bad-header", good_line});
  expect(chunked("0\r\n folded\r\n\r\n") + std::string{good}, {"!bad-header", good_line});
  expect(chunked("ffffffffffffffffffff\r\nx\r\n") + std::string{good},
         {"!oversize-body", good_line});
  expect(chunked("5\r\nhel"), {"!short"});
  expect(chunked("5\r\nhello\r\n0\r\n"), {"!short"});
}
END_TEST

// What one reader takes for the end of a request another could take for its middle.
START_TEST(refuses_bodies_that_end_in_two_ways)
{
  for (const auto *const headers :
       {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;a=b\r\n"})
    expect(post(headers) + std::string{good}, {"!bad-encoding", good_line});
  for (const auto *const version :
       {"HTTP/1.0", "HTTP/0.9", "HTTP/1", "HTTP/01.00", "HTTP/1.0.1"})
    expect("POST /p "s + version + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           {"!bad-encoding"});
  for (const auto *const version : {"HTTP/1.2", "HTTP/2", "ICE/1.0"})
    expect("POST /p "s + version + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           {"POST /p "s + version + "[Transfer-Encoding=chunked]"});
}
END_TEST

START_TEST(holds_its_limits)
{
  const Limits small{.max_header_size = 64, .max_body_size = 8, .max_headers = 3};
  const std::string head = "GET / HTTP/1.1\r\n";
  const auto filled = [&](std::size_t size) {
    return head + "A: " + std::string(size - head.size() - 7, 'x') + "\r\n\r\n";
  };
  expect(filled(64) + std::string{good},
         {"GET / HTTP/1.1[A=" + std::string(41, 'x') + "]", good_line}, small);
  expect(filled(65) + std::string{good}, {"!oversize-header", good_line}, small);
  expect(filled(66) + std::string{good}, {"!oversize-header", good_line}, small);
  expect(filled(300) + std::string{good}, {"!oversize-header", good_line}, small);
  expect(head + "A:1\nB:2\nC:3\n\n" + std::string{good},
         {"GET / HTTP/1.1[A=1][B=2][C=3]", good_line}, small);
  expect(head + "A:1\nB:2\nA:3\nD:4\n\n" + std::string{good}, {"!oversize-header", good_line},
         small);
  const std::string put = "PUT /p HTTP/1.1\r\nContent-Length: ";
  expect(put + "8\r\n\r\n12345678", {"PUT /p HTTP/1.1[Content-Length=8] <12345678>"}, small);
  expect(put + "9\r\n\r\n12345678\n" + std::string{good}, {"!oversize-body", good_line}, small);
  const std::string chunks = "PUT /p HTTP/1.1\nTransfer-Encoding: chunked\n\n";
  expect(chunks + "4\r\n1234\r\n4\r\n5678\r\n0\r\n\r\n",
         {"PUT /p HTTP/1.1[Transfer-Encoding=chunked] <12345678>"}, small);
  expect(chunks + "4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n" + std::string{good},
         {"!oversize-body", good_line}, small);
  // Trailers and chunk extensions have to go into max_header_size together.
  expect(chunks + "0;" + std::string(40, 'x') + "\r\nA: " + std::string(30, 'y') + "\r\n\r\n" +
             std::string{good},
         {"!oversize-header", good_line}, small);
  const std::string extended = "1;" + std::string(30, 'x') + "\r\n.\r\n";
  expect(chunks + extended + extended + extended + "0\r\n\r\n" + std::string{good},
         {"!bad-chunk", good_line}, small);
  expect(chunks + "1;" + std::string(100, 'x') + "\r\n.\r\n" + std::string{good},
         {"!bad-chunk", good_line}, small);
}
END_TEST

START_TEST(finds_the_next_request_after_a_fault)
{
  const std::string next{good};
  expect("rubbish\nmore\n\nrubbish\n" + next, {"!bad-request-line", good_line});
  expect(next + "rubbish\n" + next + "rubbish\n" + next,
         {good_line, "!bad-request-line", good_line, "!bad-request-line", good_line});
  // The end of a request was lost: its neighbour's first line stands where it is not expected.
  expect("GET /a HTTP/1.1\r\nA: 1\r\n" + next, {"!bad-header", good_line});
  expect(chunked("3\r\nabc\r\n") + next, {"!bad-chunk", good_line});
  expect(chunked("3\r\nabc") + next, {"!bad-chunk", good_line});
  expect(chunked("0\r\nT: 1\r\n") + next, {"!bad-header", good_line});
  expect("GET /a HTTP/1.1\r\nA: 1", {"!short"});
  expect("GET /a", {"!short"});
  expect("\r\n\r", {});
  expect("rubbish\nhalf a line", {"!bad-request-line"});
}
END_TEST

START_TEST(says_where_a_request_began)
{
  RequestParser parser{{}};
  parser.feed(as_bytes("\r\n\r"));
  ck_assert(!parser.poll());
  parser.feed(as_bytes("\nPO"));
  ck_assert(!parser.poll());
  ck_assert_uint_eq(*parser.open_since(), 4);
  parser.feed(as_bytes("ST / HTTP/1.1\nContent-Length: 2\n\na"));
  ck_assert(!parser.poll());
  ck_assert_uint_eq(*parser.open_since(), 4);
  parser.feed(as_bytes("bGET / HTTP/1.1\n\n"));
  ck_assert_uint_eq(std::get<Request>(*parser.poll()).offset, 4);
  ck_assert_uint_eq(std::get<Request>(*parser.poll()).offset, 41);
  ck_assert(!parser.poll());
  ck_assert(!parser.open_since());
}
END_TEST

START_TEST(leaves_a_body_in_one_piece_where_it_is)
{
  const auto stream = post("Content-Length: 5\r\n", "hello");
  RequestParser parser{{}};
  parser.feed(as_bytes(stream));
  const auto whole = std::get<Request>(*parser.poll());
  ck_assert(whole.in_input && whole.collected.empty());
  ck_assert_ptr_eq(whole.body.data(), as_bytes(stream).last(5).data());
  parser.feed(as_bytes(stream).first(stream.size() - 1));
  ck_assert(!parser.poll());
  parser.feed(as_bytes(stream).last(1));
  const auto split = std::get<Request>(*parser.poll());
  ck_assert(!split.in_input && split.body.data() == split.collected.data());
  ck_assert(as_text(split.body) == "hello");
}
END_TEST

// Pieces of seeded random streams, cut at seeded random places.
START_TEST(does_not_care_how_the_bytes_are_cut)
{
  const std::array<std::string, 12> parts{std::string{good},
                                          post("Content-Length: 5\r\n", "he\nlo"),
                                          chunked("3\r\nabc\r\n0\r\n\r\n"),
                                          "POST /p HTTP/1.1\r\n",
                                          "A: 1\r\n",
                                          "\r\n",
                                          "\r",
                                          " folded\r\n",
                                          "Content-Length: 7\r\n",
                                          "Transfer-Encoding: chunked\r\n",
                                          "3;x=y\r\n",
                                          "rubbish\n"};
  const Limits limits{.max_header_size = 80, .max_body_size = 16, .max_headers = 4};
  for (std::uint32_t seed = 1; seed <= 1000; ++seed) {
    test::Random random{seed};
    std::string stream;
    for (auto count = 1 + random.below(12); count > 0; --count) {
      stream += parts[random.below(parts.size())];
      if (random.below(4) == 0)
        stream.insert(random.below(stream.size() + 1), 1, static_cast<char>(random.below(256)));
    }
    const auto want = all_of(stream, stream.size(), limits);
    Run run{.limits = limits};
    for (auto rest = as_bytes(stream); !rest.empty();) {
      const auto size = 1 + random.below(std::min<std::size_t>(rest.size(), 9));
      run.feed(rest.first(size));
      rest = rest.subspan(size);
    }
    run.end();
    ck_assert_msg(run.events == want, "seed %u: %s", seed, stream.c_str());
    const auto &stats = run.parser.stats();
    ck_assert_uint_eq(stats.request_bytes + stats.bytes_skipped + stats.blank_bytes,
                      stream.size());
  }
}
END_TEST

START_TEST(hostile_input_takes_no_memory)
{
  constexpr std::size_t total = std::size_t{test::memory_is_measurable ? 200 : 20} << 20U;
  constexpr std::size_t allowed = std::size_t{2} << 20U;
  const std::string no_line_end(64U << 10U, 'x');
  std::string lines;
  while (lines.size() < (64U << 10U))
    lines += "neither here nor there\r\n";
  const std::array<std::pair<std::string, std::string>, 9> cases{{
      {"", no_line_end},
      {"", lines},
      {"GET / HTTP/1.1\r\nA: ", no_line_end},
      {post("Content-Length: 2147483648\r\n"), no_line_end},
      {post("Content-Length: 18446744073709551619\r\n"), lines},
      {post("Content-Length: 100000000000000000000\r\n"), no_line_end},
      {chunked("ffffffff\r\n"), no_line_end},
      {chunked("1;"), no_line_end},
      {chunked("0\r\nA: "), no_line_end},
  }};
  for (const auto &[start, repeated] : cases) {
    const auto before = test::resident_memory();
    auto most = before;
    Run run;
    run.feed(as_bytes(start));
    for (std::size_t fed = 0; fed < total; fed += repeated.size()) {
      run.feed(as_bytes(repeated));
      if (fed % (std::size_t{4} << 20U) < repeated.size())
        most = std::max(most, test::resident_memory());
    }
    run.feed(as_bytes("\r\n"));
    run.feed(as_bytes(good));
    ck_assert_str_eq(run.events.back().c_str(), good_line.c_str());
    ck_assert_uint_eq(run.events.size(), 2);
    if (test::memory_is_measurable)
      ck_assert_msg(most - before < allowed, "%s: grew by %zu bytes", start.c_str(),
                    most - before);
  }
}
END_TEST

// A byte costs the same wherever it stands, also where they come one by one: what was looked
// at is not looked at again.
START_TEST(looks_at_every_byte_once)
{
  constexpr std::size_t size = std::size_t{2} << 20U;
  const auto cost_per_byte = [](std::string_view stream) {
    return test::cost_of([stream] {
             RequestParser parser{{}};
             for (std::size_t i = 0; i < stream.size(); ++i) {
               parser.feed(as_bytes(stream.substr(i, 1)));
               while (parser.poll()) {
               }
             }
           }) /
           static_cast<double>(stream.size());
  };
  std::string usual;
  while (usual.size() < size)
    usual += "GET /index.html HTTP/1.1\r\nHost: example.org\r\nUser-Agent: a browser\r\n\r\n";
  const auto plain = cost_per_byte(usual);
  const std::array<std::pair<const char *, std::string>, 5> cases{{
      {"no line end", std::string(size, 'x')},
      {"a long header", "GET / HTTP/1.1\r\nA: " + std::string(size, 'x')},
      {"a body", post("Content-Length: 2097152\r\n", std::string(size, 'x'))},
      {"a chunk", chunked("200000\r\n" + std::string(size, 'x'))},
      {"lines of nothing", std::string(size, '\n')},
  }};
  for (const auto &[what, stream] : cases) {
    const auto cost = cost_per_byte(stream);
    ck_assert_msg(cost < 3 * plain, "%s: %.1f a byte, not %.1f", what, cost, plain);
  }
}
END_TEST

CHECK_MAIN("request_parser", reads_what_kamaelia_read, reads_what_kamaelia_should_have_read,
           reads_request_lines, reads_headers, finds_the_end_of_a_body, reads_chunks,
           refuses_bodies_that_end_in_two_ways, holds_its_limits,
           finds_the_next_request_after_a_fault, says_where_a_request_began,
           leaves_a_body_in_one_piece_where_it_is, does_not_care_how_the_bytes_are_cut,
           hostile_input_takes_no_memory, looks_at_every_byte_once)
