// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/source_request.hpp"
#include "core/icy/station_text.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <string>

using namespace kam;
using namespace kam::http;
using kam::test::Random;

namespace {

RequestHead head_of(std::string_view text)
{
  RequestHeadParser parser;
  parser.feed(as_bytes(text));
  ck_assert_msg(parser.state() == RequestHeadParser::State::complete, "%s",
                std::string{text}.c_str());
  return parser.head();
}

std::string decoded(SourceBody &body, std::string_view text)
{
  ByteVector bytes{as_bytes(text).begin(), as_bytes(text).end()};
  const auto size = body.decode(bytes);
  return std::string{as_text(bytes).substr(0, size)};
}

}  // namespace

START_TEST(welcomes)
{
  const auto welcome = [](const char *text) { return welcome_of(head_of(text)); };
  ck_assert(welcome("SOURCE /m ICE/1.0\r\n\r\n") == Welcome::at_once);
  ck_assert(welcome("PUT /m HTTP/1.0\r\n\r\n") == Welcome::at_once);
  ck_assert(welcome("PUT /m HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n") ==
            Welcome::go_ahead);
  ck_assert(welcome("PUT /m HTTP/1.0\r\nContent-Length: 9\r\n\r\n") == Welcome::at_end);
  ck_assert(welcome("POST /m HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n") ==
            Welcome::at_end);
  ck_assert(is_source_probe(head_of("SOURCE /m HTTP/1.0\r\nContent-Length: 0\r\n\r\n")));
  ck_assert(!is_source_probe(head_of("SOURCE /m HTTP/1.0\r\n\r\n")));
  ck_assert(!is_source_probe(head_of("PUT /m HTTP/1.0\r\nContent-Length: 1\r\n\r\n")));
  for (const auto *method : {"SOURCE", "PUT", "POST"})
    ck_assert(is_source_method(method));
  for (const auto *method : {"GET", "source", "OPTIONS", ""})
    ck_assert(!is_source_method(method));
}
END_TEST

// The same bytes come out however they are cut.
START_TEST(bodies)
{
  Random random{11};
  struct Case {
    const char *head;
    const char *body;
    const char *stream;
    bool finishes;
    bool may_end;
  };
  for (const auto &[head, text, stream, finishes, may_end] :
       {Case{"SOURCE /m ICE/1.0\r\n\r\n", "abcdef", "abcdef", false, true},
        Case{"PUT /m HTTP/1.0\r\nContent-Length: 4\r\n\r\n", "abcdef", "abcd", true, true},
        Case{"PUT /m HTTP/1.0\r\nContent-Length: 9\r\n\r\n", "abcdef", "abcdef", false, false},
        Case{"PUT /m HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
             "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\nrest", "abcde", true, true},
        Case{"PUT /m HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
             "3\r\nabc\r\n2\r\nd", "abcd", false, false}}) {
    for (int round = 0; round < 20; ++round) {
      SourceBody body{head_of(head)};
      std::string got;
      std::string_view rest = text;
      while (!rest.empty()) {
        const auto size = std::min<std::size_t>(1 + random.below(4), rest.size());
        got += decoded(body, rest.substr(0, size));
        rest.remove_prefix(size);
      }
      ck_assert_str_eq(got.c_str(), stream);
      ck_assert(body.finished() == finishes && body.may_end() == may_end && !body.broken());
    }
  }
  SourceBody broken{
      head_of("PUT /m HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")};
  ck_assert(decoded(broken, "1\r\naXX\r\n") == "a");
  ck_assert(broken.broken() && !broken.finished());
}
END_TEST

START_TEST(titles)
{
  const auto update = [](const std::string &query) {
    return title_update(head_of("GET /admin/metadata?" + query + " HTTP/1.0\r\n\r\n"));
  };
  // As libshout asks.
  const auto shout =
      update("mode=updinfo&charset=UTF-8&mount=%2Flive%2Emp3&song=A%20-%20B%26C");
  ck_assert(shout && shout->mount == "/live.mp3" && shout->charset == "UTF-8" &&
            shout->title == "A - B&C" && shout->url.empty());
  const auto two = update("mount=/m&artist=A&title=T+t&url=http://x/");
  ck_assert(two && two->title == "A - T t" && two->url == "http://x/" && two->charset.empty());
  ck_assert(update("title=T")->title == "T" && !update("title=T")->mount);
  ck_assert(update("song=")->title.empty());
  ck_assert(update("song=%FF")->title == "\xff");
  for (const auto *query : {"", "mode=updinfo", "mode=other&song=x", "song=%00", "song=%1"})
    ck_assert_msg(!update(query), "%s", query);
  ck_assert(!title_update(head_of("GET /admin/stats?song=x HTTP/1.0\r\n\r\n")));
}
END_TEST

START_TEST(what_a_source_says_of_its_station)
{
  const auto text = [](const std::string &fields) {
    return icy::station_text(head_of("SOURCE /m ICE/1.0\r\n" + fields + "\r\n"));
  };
  ck_assert((text("Ice-Name: N\r\nice-genre: G\r\nice-description: D\r\nice-url: U\r\n"
                  "ice-bitrate: 96\r\n") == icy::StationText{"N", "G", "D", "U", "96"}));
  ck_assert((text("icy-name: N\r\nice-name: other\r\nicy-br: 64\r\n") ==
             icy::StationText{"N", "", "", "", "64"}));
  ck_assert(text("ice-audio-info: ice-samplerate=44100;ice-bitrate=128\r\n").bitrate == "128");
  ck_assert(text("ice-audio-info: channels=2;bitrate=32\r\n").bitrate == "32");
  ck_assert(text("ice-audio-info: bitrate;=5;;\r\n").bitrate.empty());
  ck_assert(text("") == icy::StationText{});
}
END_TEST

CHECK_MAIN("source_request", welcomes, bodies, titles, what_a_source_says_of_its_station)
