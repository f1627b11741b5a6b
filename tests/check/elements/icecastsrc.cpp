// SPDX-License-Identifier: LGPL-2.1-or-later
// icecastsrc against a server that does everything wrong that servers do.
#include "glue/refs.hpp"
#include "net/stream_reader.hpp"
#include "support/leak_sanitiser.hpp"
#include "support/memory.hpp"
#include "support/ogg_pages.hpp"
#include "support/radio_server.hpp"
#include "support/random.hpp"
#include "support/source_player.hpp"
#include "support/tls_identity.hpp"

#include <gst/gst.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::test;

namespace {

// Quick retries, so that a test is not about waiting.
constexpr auto eager = "retry-delay=1 retry-backoff-max=5 ";

// A pipeline that listens, and notes what leaves the source.
class Listener : public SourcePlayer<Listener> {
 public:
  explicit Listener(const std::string &location, const std::string &properties = eager,
                    const std::string &rest = "fakesink sync=false async=false")
      : SourcePlayer{"icecastsrc name=source " + properties + " ! " + rest, location}
  {
  }
  ~Listener() { stop(); }
  Listener(const Listener &) = delete;
  Listener &operator=(const Listener &) = delete;

  void wait_for_bytes(std::size_t count)
  {
    wait("audio", [&] { return received >= count; });
  }
  void wait_for_eos()
  {
    wait("EOS", [&] { return eos; });
  }

  guint64 stat(const char *key) const
  {
    GstStructure *stats = nullptr;
    g_object_get(source(), "stats", &stats, nullptr);
    guint64 value = 0;
    ck_assert_msg(gst_structure_get_uint64(stats, key, &value), "%s", key);
    gst_structure_free(stats);
    return value;
  }

  bool keep = true;  // the bytes, not only how many
  // What came, in its order. While data flows, only in what wait() is given.
  std::string audio;
  std::vector<std::pair<std::size_t, std::string>> titles;  // after so many bytes
  std::vector<std::string> artists;
  std::vector<std::size_t> disconts;
  std::string station;
  std::string last_tags;
  std::vector<GstClockTime> times;  // of the buffers
  int segments = 0;
  bool segment_first = true;  // tags came behind the segment
  int warnings = 0;
  bool entered = false;              // there is a streaming thread
  std::vector<std::string> reasons;  // of disconnections
  std::string http_headers;

 private:
  friend class SourcePlayer<Listener>;
  void note(GstBuffer *buffer)
  {
    if (GST_BUFFER_IS_DISCONT(buffer))
      disconts.push_back(received);
    if (!keep)
      return;
    audio += as_text(glue::ReadMap{buffer}.bytes());
    times.push_back(GST_BUFFER_PTS(buffer));
  }

  void note(GstEvent *event)
  {
    if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT)
      ++segments;
    if (GST_EVENT_TYPE(event) == GST_EVENT_CUSTOM_DOWNSTREAM_STICKY)
      http_headers =
          glue::StringPtr{gst_structure_to_string(gst_event_get_structure(event))}.get();
    if (GST_EVENT_TYPE(event) != GST_EVENT_TAG)
      return;
    segment_first &= segments > 0;
    GstTagList *tags = nullptr;
    gst_event_parse_tag(event, &tags);
    const auto text = [tags](const char *tag) {
      gchar *value = nullptr;
      gst_tag_list_get_string(tags, tag, &value);
      const glue::StringPtr owned{value};
      return std::string{value ? value : ""};
    };
    if (!keep)
      return;
    titles.emplace_back(received, text(GST_TAG_TITLE));
    artists.push_back(text(GST_TAG_ARTIST));
    station = text(GST_TAG_ORGANIZATION);
    last_tags = glue::StringPtr{gst_tag_list_to_string(tags)}.get();
  }

  void note(GstMessage *message)
  {
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING)
      ++warnings;
    else if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_STREAM_STATUS)
      entered = true;
    else if (gst_message_has_name(message, "icecast-disconnected") && keep)
      reasons.emplace_back(
          gst_structure_get_string(gst_message_get_structure(message), "reason"));
  }
};

std::string noise(std::size_t size, std::uint32_t seed = 1)
{
  Random random{seed};
  // No first byte of a frame, a page or a playlist.
  auto bytes = random.bytes(size);
  bytes.at(0) = std::byte{0};
  return std::string{as_text(bytes)};
}

// Audio with these blocks after each `metaint` bytes of it.
std::string interleaved(std::string_view audio, std::size_t metaint,
                        std::deque<std::string> blocks)
{
  std::string wire;
  while (!audio.empty()) {
    const auto part = audio.substr(0, metaint);
    wire += part;
    audio.remove_prefix(part.size());
    if (part.size() == metaint) {
      wire += blocks.empty() ? icy_block("") : icy_block(blocks.front());
      if (!blocks.empty())
        blocks.pop_front();
    }
  }
  return wire;
}

void expect_equal(std::string_view got, std::string_view want)
{
  ck_assert_msg(got == want, "%zu bytes instead of %zu, or other ones", got.size(),
                want.size());
}

}  // namespace

GST_START_TEST(every_kind_of_head_is_understood)
{
  const char *heads[] = {
      "ICY 200 OK\r\nicy-name: x\r\n\r\n",
      "ICY 200 OK\nicy-name: x\n\n",
      "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Type:audio/mpeg\r\nFolded: a\r\n b\r\n\r\n",
      "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200\r\nNo field\r\n\r\n",
  };
  const auto audio = noise(5000);
  for (const auto *head : heads) {
    RadioServer server;
    server.on("/s", [&](Peer &peer) {
      ck_assert(peer.header("Icy-MetaData") == "1");
      // Byte by byte, as far as the head goes and a little further.
      for (const char c : std::string{head} + audio.substr(0, 10))
        peer.send({&c, 1});
      peer.send(audio.substr(10));
      peer.stall();
    });
    Listener listener{server.uri("/s")};
    listener.start().wait_for_bytes(audio.size());
    listener.stop();
    expect_equal(listener.audio, audio);
    ck_assert(listener.error.empty() && !listener.eos);
  }
}
GST_END_TEST

GST_START_TEST(tags_stand_exactly_between_the_buffers)
{
  constexpr std::size_t metaint = 1000;
  const auto audio = noise(5500);
  RadioServer server;
  server.on("/s", [&](Peer &peer) {
    peer.send(
        ok_response("icy-metaint: 1000\r\nicy-name: Radio \xd6sterreich\r\nicy-br: 128\r\n",
                    interleaved(audio, metaint,
                                {"StreamTitle='A - One';StreamUrl='http://u/';", "",
                                 "StreamTitle='It's Two';unknown='x';", "StreamTitle='';"})));
    peer.stall();
  });
  Listener listener{server.uri("/s")};
  std::vector<std::string> changes;
  g_signal_connect(listener.source(), "title-changed",
                   G_CALLBACK(+[](GstElement *, const char *title, const char *url,
                                  std::vector<std::string> *to) {
                     to->push_back(std::string{title} + "|" + url);
                   }),
                   &changes);
  // Who splits a recording when told of a title has to find the tags of the new one there.
  struct Order {
    const Listener &listener;
    std::vector<std::size_t> tags_before;
  } order{listener, {}};
  g_signal_connect(listener.source(), "title-changed",
                   G_CALLBACK(+[](GstElement *, const char *, const char *, Order *noted) {
                     noted->tags_before.push_back(noted->listener.titles.size());
                   }),
                   &order);
  listener.start().wait_for_bytes(audio.size());
  listener.stop();
  expect_equal(listener.audio, audio);
  ck_assert(order.tags_before == std::vector<std::size_t>({2, 3, 4}));
  const std::vector<std::pair<std::size_t, std::string>> expected{
      {0, ""}, {1000, "One"}, {3000, "It's Two"}, {4000, ""}};
  ck_assert(listener.titles == expected);
  ck_assert(listener.artists == std::vector<std::string>({"", "A", "", ""}));
  ck_assert(changes == std::vector<std::string>({"A - One|http://u/", "It's Two|", "|"}));
  ck_assert_msg(listener.station == "Radio Österreich", "%s", listener.station.c_str());
  ck_assert(listener.segment_first);
  ck_assert_uint_eq(listener.stat("metadata-blocks"), 5);
  ck_assert_uint_eq(listener.stat("titles"), 3);
}
GST_END_TEST

// What a block says, as a player shows it; the core's test has more of them.
GST_START_TEST(titles_that_servers_send)
{
  const std::string longest(4080 - 13, 'x');
  const struct {
    std::string block;
    std::string title;
  } cases[] = {
      {"StreamTitle='Rock';n Roll';", "Rock';n Roll"},
      {"StreamTitle='It's \"quoted\"';StreamUrl='';", "It's \"quoted\""},
      {"StreamTitle='without an end", "without an end"},
      {"StreamTitle='half an end'", "half an end"},
      {"adw_ad='true';StreamTitle='after something else';", "after something else"},
      {"StreamTitle='" + longest, longest},  // 255 times 16 bytes, and no NUL
      {"StreamTitle='';", ""},
  };
  for (const auto &[block, title] : cases) {
    RadioServer server;
    server.on("/s", [&, block = block](Peer &peer) {
      peer.send(ok_response("icy-metaint: 4\r\n",
                            interleaved("beforeafter.", 4, {"StreamTitle='old';", block})));
      peer.stall();
    });
    Listener listener{server.uri("/s")};
    listener.start().wait_for_bytes(12);
    listener.stop();
    expect_equal(listener.audio, "beforeafter.");
    ck_assert_msg(listener.titles.back() == std::pair(std::size_t{8}, title), "%s: %s",
                  block.c_str(), listener.titles.back().second.c_str());
  }
}
GST_END_TEST

GST_START_TEST(what_a_station_says_about_itself)
{
  RadioServer server;
  server.on("/s", [](Peer &peer) {
    peer.send(
        ok_response("icy-name: Name\r\nicy-genre: Genre\r\nicy-url: http://home/\r\n"
                    "icy-description: About\r\nicy-br: 128, 64\r\n",
                    "sound"));
    peer.stall();
  });
  Listener listener{server.uri("/s")};
  listener.start().wait_for_bytes(5);
  listener.stop();
  for (const auto *tag :
       {"organization=(string)Name", "genre=(string)Genre", "location=(string)http://home/",
        "description=(string)About", "nominal-bitrate=(uint)128000"})
    ck_assert_msg(listener.last_tags.find(tag) != std::string::npos, "%s is not in %s", tag,
                  listener.last_tags.c_str());
}
GST_END_TEST

// GLib takes the variable for the locale's character set; a thread looks at it once.
GST_START_TEST(the_locale_has_a_character_set_too)
{
  g_setenv("CHARSET", "windows-1251", TRUE);
  RadioServer server;
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("icy-metaint: 1\r\n",
                          "a" + icy_block("StreamTitle='\xcf\xf0\xe8\xe2\xe5\xf2';") + "b"));
    peer.stall();
  });
  Listener listener{server.uri("/s")};
  listener.start().wait_for_bytes(2);
  listener.stop();
  g_unsetenv("CHARSET");
  ck_assert_str_eq(listener.titles.back().second.c_str(), "Привет");
}
GST_END_TEST

GST_START_TEST(character_sets)
{
  const struct {
    const char *properties;
    const char *fragment;
    std::string raw;
    const char *title;
  } cases[] = {
      {"", "", "Bj\xc3\xb6rk", "Björk"},
      {"", "", "Bj\xf6rk", "Björk"},
      {"icy-charset=windows-1251", "", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
      {"", "#charset=windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"},
      {"icy-charset=windows-1251", "", "Bj\xc3\xb6rk", "Björk"},
      {"icy-charset=no-such", "", "Bj\xf6rk", "Björk"},
      {"icy-charset=ISO-2022-JP", "", "\x1b$B$\"\x1b(B", "あ"},
  };
  for (const auto &c : cases) {
    RadioServer server;
    server.on("/s", [&](Peer &peer) {
      peer.send(ok_response("icy-metaint: 10\r\nicy-name: " + c.raw + "\r\n",
                            "0123456789" + icy_block("StreamTitle='" + c.raw + "';") + "0"));
      peer.stall();
    });
    Listener listener{server.uri("/s") + c.fragment, std::string{eager} + c.properties};
    listener.start().wait_for_bytes(11);
    listener.stop();
    ck_assert_msg(listener.titles.back().second == c.title, "%s: %s", c.title,
                  listener.titles.back().second.c_str());
    ck_assert_msg(listener.station == c.title, "%s: %s", c.title, listener.station.c_str());
  }
}
GST_END_TEST

// What ends a connection, and how it is called.
struct Ending {
  const char *reason;
  RadioServer::Script script;
};

static std::vector<Ending> endings(const std::string &head, const std::string &part)
{
  return {
      {"closed", [=](Peer &peer) { peer.send(head + "\r\n" + part); }},
      {"truncated",
       [=](Peer &peer) {
         peer.send(head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + part + "\r\n");
       }},
      {"truncated",
       [=](Peer &peer) {
         peer.send(head + "Transfer-Encoding: chunked\r\n\r\nfa0\r\n" + part);
       }},
      {"truncated",
       [=](Peer &peer) {
         peer.send(head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + part + "what?");
       }},
      {"closed",
       [=](Peer &peer) {
         peer.send(head + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + part + "\r\n0\r\n\r\n");
       }},
      {"truncated",
       [=](Peer &peer) { peer.send(head + "Content-Length: 4000\r\n\r\n" + part); }},
      // A length that some stations make up.
      {"closed",
       [=](Peer &peer) {
         peer.send(head + "icy-br: 1\r\nContent-Length: 2000\r\n\r\n" + part + "rest");
         peer.stall();
       }},
      {"stalled",
       [=](Peer &peer) {
         peer.send(head + "\r\n" + part);
         peer.stall();
       }},
  };
}

GST_START_TEST(the_sound_comes_back)
{
  const auto first = noise(2000, 1);
  const auto second = noise(2000, 2);
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: audio/x-unknown\r\n";
  for (const auto &[reason, script] : endings(head, first)) {
    RadioServer server;
    server.on("/s", [&, script = script](Peer &peer) {
      if (peer.earlier() == 0)
        return script(peer);
      peer.send(head + "\r\n" + second);
      peer.stall();
    });
    Listener listener{server.uri("/s"), std::string{eager} + "timeout=1"};
    listener.start().wait_for_bytes(4000);
    listener.stop();
    expect_equal(listener.audio, first + second);
    ck_assert(listener.disconts == std::vector<std::size_t>({0, 2000}));
    ck_assert(!listener.eos && listener.error.empty());
    ck_assert_msg(listener.reasons.at(0) == reason, "%s, not %s", listener.reasons[0].c_str(),
                  reason);
    ck_assert_uint_eq(listener.stat("reconnects"), 1);
  }
}
GST_END_TEST

GST_START_TEST(the_sound_comes_back_after_a_reset)
{
  const auto second = noise(2000, 2);
  RadioServer server;
  std::mutex heard;
  heard.lock();
  server.on("/s", [&](Peer &peer) {
    if (peer.earlier() == 0) {
      peer.send(ok_response("", std::string(2000, 'a')));
      // A reset takes with it what was not read yet.
      const std::lock_guard wait{heard};
      return peer.reset();
    }
    peer.send(ok_response("", second));
    peer.stall();
  });
  Listener listener{server.uri("/s"), std::string{eager} + "resync=false"};
  listener.start().wait_for_bytes(2000);
  heard.unlock();
  listener.wait_for_bytes(4000);
  listener.stop();
  expect_equal(listener.audio, std::string(2000, 'a') + second);
  ck_assert(listener.reasons.at(0) == "lost");
}
GST_END_TEST

GST_START_TEST(a_server_that_restarts)
{
  const auto audio = noise(2000);
  RadioServer server;
  server.on("/s", [&](Peer &peer) {
    peer.send(ok_response("", audio));
    peer.stall();
  });
  Listener listener{server.uri("/s"), std::string{eager} + "resync=false"};
  listener.start().wait_for_bytes(2000);
  server.stop();
  // Until it was seen that nobody listens there.
  listener.wait("a refused connection", [&] {
    return std::ranges::find(listener.reasons, "unreachable") != listener.reasons.end();
  });
  server.start();
  listener.wait_for_bytes(4000);
  listener.stop();
  expect_equal(listener.audio, audio + audio);
  ck_assert(!listener.eos && listener.error.empty());
}
GST_END_TEST

// The clock goes on while nothing comes: what is stamped after a gap is later by it.
GST_START_TEST(the_clock_goes_on)
{
  RadioServer server;
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("", "sound"));
    if (peer.earlier() > 0)
      peer.stall();
  });
  Listener listener{server.uri("/s"),
                    "is-live=true do-timestamp=true resync=false retry-delay=100"};
  listener.start().wait_for_bytes(10);
  listener.stop();
  ck_assert(!listener.eos && listener.error.empty());
  ck_assert_int_eq(listener.segments, 1);
  ck_assert(listener.disconts == std::vector<std::size_t>({0, 5}));
  ck_assert_uint_eq(listener.times.size(), 2);
  ck_assert_uint_ge(listener.times[1] - listener.times[0], 100 * GST_MSECOND);
}
GST_END_TEST

// After its first seconds a station is not read for each piece that it sends.
GST_START_TEST(pieces_are_gathered_at_an_interval)
{
  RadioServer server;
  std::atomic<std::size_t> heard = 0;
  server.on("/s", [&](Peer &peer) {
    peer.send(ok_response());
    for (std::size_t sent = 1; sent <= net::StreamReader::eager_reads; ++sent) {
      peer.send("x");
      while (heard < sent)
        std::this_thread::yield();
    }
    for (const auto *piece : {"a", "b", "c"}) {
      peer.send(piece);
      std::this_thread::yield();
    }
    peer.stall();
  });
  Listener listener{server.uri("/s"), std::string{eager} + "read-interval=500"};
  listener.start();
  for (std::size_t i = 1; i <= net::StreamReader::eager_reads; ++i) {
    listener.wait_for_bytes(i);
    heard = i;
  }
  listener.wait_for_bytes(net::StreamReader::eager_reads + 3);
  listener.stop();
  ck_assert(listener.audio.ends_with("xabc"));
  ck_assert_uint_eq(listener.times.size(), net::StreamReader::eager_reads + 1);
}
GST_END_TEST

GST_START_TEST(some_refusals_pass)
{
  for (const auto *status : {"404 Not Found", "500 Oops", "503 Busy", "429 Slow down"}) {
    RadioServer server;
    server.on("/s", [&](Peer &peer) {
      if (peer.earlier() < 3) {
        peer.send(std::string{"HTTP/1.0 "} + status + "\r\n\r\nsorry");
        return;
      }
      peer.send(ok_response("", noise(100)));
      peer.stall();
    });
    Listener listener{server.uri("/s")};
    listener.start().wait_for_bytes(100);
    listener.stop();
    ck_assert_int_eq(listener.warnings, 1);
    ck_assert_uint_eq(listener.reasons.size(), 3);
    ck_assert_uint_eq(listener.stat("failures"), 3);
  }
}
GST_END_TEST

GST_START_TEST(some_refusals_do_not)
{
  const struct {
    const char *response;
    const char *domain;
    int code;
  } cases[] = {
      {"HTTP/1.0 401 No\r\n\r\n", "gst-resource-error-quark",
       GST_RESOURCE_ERROR_NOT_AUTHORIZED},
      {"HTTP/1.0 403 No\r\n\r\n", "gst-resource-error-quark",
       GST_RESOURCE_ERROR_NOT_AUTHORIZED},
      {"HTTP/1.0 410 No\r\n\r\n", "gst-resource-error-quark", GST_RESOURCE_ERROR_NOT_FOUND},
      {"HTTP/1.0 400 No\r\n\r\n", "gst-resource-error-quark", GST_RESOURCE_ERROR_OPEN_READ},
      {"HTTP/1.0 302 x\r\nLocation: ftp://h/\r\n\r\n", "gst-resource-error-quark",
       GST_RESOURCE_ERROR_NOT_FOUND},
      {"HTTP/1.0 302 x\r\n\r\n", "gst-resource-error-quark", GST_RESOURCE_ERROR_OPEN_READ},
      {"HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=x\r\n\r\nsorry",
       "gst-stream-error-quark", GST_STREAM_ERROR_WRONG_TYPE},
      {"HTTP/1.0 200 OK\r\n\r\n  <!DOCTYPE HTML><html>", "gst-stream-error-quark",
       GST_STREAM_ERROR_WRONG_TYPE},
      {"HTTP/1.0 200 OK\r\nContent-Type: audio/x-scpls\r\n\r\n[playlist]\r\n",
       "gst-stream-error-quark", GST_STREAM_ERROR_WRONG_TYPE},
      {"HTTP/1.0 200 OK\r\n\r\n#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\na.ts\n",
       "gst-stream-error-quark", GST_STREAM_ERROR_WRONG_TYPE},
  };
  for (const auto &c : cases) {
    RadioServer server;
    server.on("/s", [&](Peer &peer) { peer.send(c.response); });
    Listener listener{server.uri("/s")};
    listener.start().wait_for_error();
    listener.stop();
    ck_assert_msg(listener.error_domain == c.domain && listener.error_code == c.code,
                  "%s: %s %d %s", c.response, listener.error_domain.c_str(),
                  listener.error_code, listener.error.c_str());
    ck_assert_uint_eq(server.requests("/s"), 1);
  }
}
GST_END_TEST

GST_START_TEST(retries_end_in_an_error)
{
  for (const auto *response :
       {"HTTP/1.0 503 Busy\r\n\r\n", "no HTTP at all", "", "HTTP/1.0 200 OK\r\nA: "}) {
    RadioServer server;
    server.on("/s", [&](Peer &peer) { peer.send(response); });
    Listener listener{server.uri("/s"), std::string{eager} + "retries=2"};
    listener.start().wait_for_error();
    listener.stop();
    ck_assert_uint_eq(server.requests("/s"), 3);
    ck_assert_uint_eq(listener.reasons.size(), 3);
  }
}
GST_END_TEST

GST_START_TEST(a_file_ends)
{
  RadioServer server;
  server.on("/s",
            [&](Peer &peer) { peer.send(ok_response("Content-Length: 5\r\n", "audio+")); });
  server.on("/t", [&](Peer &peer) { peer.send(ok_response("", "audio")); });
  for (const auto &[path, properties] : {std::pair{"/s", ""}, {"/t", "retries=0"}}) {
    Listener listener{server.uri(path), properties};
    listener.start().wait_for_eos();
    listener.stop();
    expect_equal(listener.audio, "audio");
    ck_assert(listener.error.empty());
    ck_assert_uint_eq(server.requests(path), 1);
  }
}
GST_END_TEST

GST_START_TEST(redirects)
{
  RadioServer other;
  other.on("/far", [](Peer &peer) {
    ck_assert(peer.header("Authorization").empty());
    // Cookies of a server are not a matter of its port; those of the user are.
    ck_assert(peer.header("Cookie") == "a=b");
    ck_assert(peer.header("X-Mine") == "1");
    peer.send("ICY 200 OK\r\nicy-metaint: 4\r\n\r\nabcd" + icy_block("StreamTitle='t';") +
              "ef");
    peer.stall();
  });
  RadioServer server;
  server.on("/s", [&](Peer &peer) {
    peer.send("HTTP/1.1 302 Found\r\nLocation: sub/x?q#f\r\nSet-Cookie: a=b\r\n\r\n");
  });
  server.on("/sub/x?q", [&](Peer &peer) {
    ck_assert_msg(peer.header("Cookie") == "a=b; mine=1", "%s", peer.header("Cookie").c_str());
    peer.send("HTTP/1.1 307 Temporary\r\nLocation: " + other.uri("/far", "icy") + "\r\n\r\n");
  });
  Listener listener{server.uri("/s"), std::string{eager} +
                                          "extra-headers=\"h,X-Mine=(string)1,"
                                          "Authorization=(string)secret\""};
  const char *cookies[] = {"mine=1", nullptr};
  g_object_set(listener.source(), "cookies", cookies, nullptr);
  listener.start().wait_for_bytes(6);
  gchar *uri = nullptr;
  g_object_get(listener.source(), "current-uri", &uri, nullptr);
  ck_assert(uri == other.uri("/far"));
  g_free(uri);
  listener.stop();
  expect_equal(listener.audio, "abcdef");
}
GST_END_TEST

GST_START_TEST(redirect_loops_end)
{
  RadioServer server;
  server.on("/s", [&](Peer &peer) { peer.send("HTTP/1.1 301 Moved\r\nLocation: /s\r\n\r\n"); });
  Listener listener{server.uri("/s"), std::string{eager} + "max-redirects=5"};
  listener.start().wait_for_error();
  listener.stop();
  ck_assert_uint_eq(server.requests("/s"), 6);
}
GST_END_TEST

GST_START_TEST(playlists)
{
  const auto script = [](Peer &peer) {
    peer.send(ok_response("", "sound"));
    peer.stall();
  };
  const struct {
    const char *type;
    const char *text;
  } documents[] = {
      {"", "[playlist]\r\nFile1=/dead\r\nFile2=s\r\nNumberOfEntries=2\r\n"},
      {"", "#EXTM3U\n#EXTINF:-1,x\n/dead\n\n#EXTINF:-1,y\ns\n"},
      // As HLS is called, but with stations in it.
      {"Content-Type: application/vnd.apple.mpegurl\r\n",
       "#EXTM3U\n#EXTINF:-1,x\n/dead\n#EXTINF:-1,y\ns\n"},
      {"",
       "<?xml version=\"1.0\"?><playlist xmlns=\"http://xspf.org/ns/0/\"><trackList>"
       "<track><location>/dead</location></track><track><location>/s</location></track>"
       "</trackList></playlist>"},
  };
  for (const auto &document : documents) {
    RadioServer server;
    server.on("/outer", [&](Peer &peer) {
      peer.send("HTTP/1.0 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\n/list\n");
    });
    server.on("/list", [&](Peer &peer) {
      for (const char c :
           std::string{"HTTP/1.0 200 OK\r\n"} + document.type + "\r\n" + document.text)
        peer.send({&c, 1});
    });
    server.on("/s", script);
    Listener listener{server.uri("/outer")};
    listener.start().wait_for_bytes(5);
    gchar *uri = nullptr;
    g_object_get(listener.source(), "playlist-uri", &uri, nullptr);
    ck_assert(uri == server.uri("/outer"));
    g_free(uri);
    listener.stop();
    expect_equal(listener.audio, "sound");
    ck_assert_uint_eq(server.requests("/dead"), 1);
  }
}
GST_END_TEST

GST_START_TEST(playlists_without_end)
{
  RadioServer server;
  server.on("/self", [&](Peer &peer) {
    peer.send("HTTP/1.0 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\n/self\n/self\n");
  });
  for (int i = 0; i < 20; ++i)
    server.on("/nest" + std::to_string(i), [i](Peer &peer) {
      peer.send("HTTP/1.0 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\n/nest" +
                std::to_string(i + 1) + "\n");
    });
  server.on("/large", [&](Peer &peer) {
    std::string entries;
    while (entries.size() < 10'000'000)
      entries += "http://127.0.0.1/station\n";
    peer.send("HTTP/1.0 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\n" + entries);
  });
  for (const auto *path : {"/self", "/nest0", "/large"}) {
    Listener listener{server.uri(path)};
    listener.start().wait_for_error();
    listener.stop();
    ck_assert_msg(listener.error_code == GST_STREAM_ERROR_WRONG_TYPE, "%s: %s", path,
                  listener.error.c_str());
  }
  ck_assert_uint_eq(server.requests("/self"), 1);
  ck_assert_uint_eq(server.requests("/nest3"), 1);
  ck_assert_uint_eq(server.requests("/nest4"), 0);
}
GST_END_TEST

// Whatever is said about metaint, no metadata gets into the audio.
GST_START_TEST(strange_metaints)
{
  const auto audio = noise(3000);
  for (const auto *metaint :
       {"0", "-1", "2147483648", "99999999999999999999", "", "x", "1e3"}) {
    RadioServer server;
    server.on("/s", [&](Peer &peer) {
      const bool asked = !peer.header("Icy-MetaData").empty();
      ck_assert(asked || peer.earlier() > 0);
      peer.send(ok_response(std::string{"icy-metaint: "} + metaint + "\r\n", audio));
      peer.stall();
    });
    Listener listener{server.uri("/s")};
    listener.start().wait_for_bytes(audio.size());
    listener.stop();
    expect_equal(listener.audio, audio);
    ck_assert_uint_le(server.requests("/s"), 2);
  }
}
GST_END_TEST

// Random metaints, splits and cuts: all audio that was sent comes out, and nothing else.
GST_START_TEST(random_connections)
{
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    Random random{seed};
    struct Connection {
      std::string wire;
      std::size_t piece;
    };
    std::vector<Connection> connections;
    std::string expected;
    const auto count = 1 + random.below(5);
    for (std::size_t i = 0; i < count; ++i) {
      const auto metaint = 1 + random.below(std::size_t{1} << (1 + random.below(16)));
      const auto audio = noise(1 + random.below(100'000), seed * 100 + std::uint32_t(i));
      std::deque<std::string> blocks;
      while (blocks.size() < 40)
        blocks.push_back(random.below(2) == 0
                             ? ""
                             : "StreamTitle='" +
                                   std::string(random.below(4000), static_cast<char>('a' + i)) +
                                   "';");
      // A cut inside a block is what the core's test does.
      connections.push_back({ok_response("icy-metaint: " + std::to_string(metaint) + "\r\n",
                                         interleaved(audio, metaint, blocks)),
                             1 + random.below(20'000)});
      expected += audio;
    }
    RadioServer server;
    server.on("/s", [&](Peer &peer) {
      if (peer.earlier() >= connections.size())
        return peer.stall();
      const auto &[wire, piece] = connections[peer.earlier()];
      for (std::size_t at = 0; at < wire.size(); at += piece)
        peer.send(std::string_view{wire}.substr(at, piece));
    });
    Listener listener{server.uri("/s"), std::string{eager} + "resync=false"};
    listener.start().wait_for_bytes(expected.size());
    listener.stop();
    ck_assert_msg(listener.audio == expected, "seed %u", seed);
  }
}
GST_END_TEST

// After a reconnect a decoder gets whole frames.
GST_START_TEST(a_frame_comes_first_after_a_reconnect)
{
  std::string frame(417, 'x');
  frame.replace(0, 4, "\xff\xfb\x90\x64");
  std::string frames;
  for (int i = 0; i < 20; ++i)
    frames += frame;
  RadioServer server;
  server.on("/s", [&](Peer &peer) {
    const auto skipped = peer.earlier() == 0 ? 0U : 100U;
    peer.send(ok_response("icy-metaint: 200\r\n",
                          interleaved(frames.substr(skipped), 200, {"StreamTitle='t';"})));
    if (peer.earlier() > 0)
      peer.stall();
  });
  Listener listener{server.uri("/s")};
  listener.start().wait_for_bytes(frames.size() * 2 - 417);
  listener.stop();
  expect_equal(listener.audio, frames + frames.substr(417));
  ck_assert_uint_eq(listener.stat("bytes-skipped"), 317);
  // The block stood before the first whole frame, and so does the tag.
  ck_assert(listener.titles.back().first == frames.size());
}
GST_END_TEST

// A new Ogg stream for each title, and one more after a reconnect, do not end a pipeline that
// has a place for one.
GST_START_TEST(chained_ogg_plays_in_a_static_pipeline)
{
  Random random{1};
  constexpr std::size_t pages = 20;
  const auto one = opus_link(random, {7, "One", pages});
  const auto two = opus_link(random, {8, "Two", pages});
  const auto three = opus_link(random, {7, "Three", pages});
  for (const bool merge : {false, true}) {
    RadioServer server;
    server.on("/s", [&](Peer &peer) {
      peer.send("HTTP/1.0 200 OK\r\nContent-Type: application/ogg\r\n\r\n");
      if (peer.earlier() == 0) {
        peer.send(one);
        peer.send(two);
      } else {
        peer.send(three);
        peer.stall();
      }
    });
    Listener listener{
        server.uri("/s"), std::string{eager} + (merge ? "" : "merge-ogg-chains=false"),
        "oggdemux ! fakesink name=sink sync=false async=false signal-handoffs=true"};
    std::atomic<std::size_t> packets = 0;
    const auto sink =
        glue::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(listener.pipeline()), "sink"));
    g_signal_connect(sink.get(), "handoff",
                     G_CALLBACK(+[](GstElement *, GstBuffer *, GstPad *,
                                    std::atomic<std::size_t> *count) { ++*count; }),
                     &packets);
    listener.start();
    if (!merge) {
      listener.wait_for_error();
      continue;
    }
    listener.wait("titles", [&] { return listener.titles.size() >= 5; });
    while (packets < 3 * 2 * pages)
      std::this_thread::yield();
    listener.stop();
    ck_assert(listener.error.empty() && !listener.eos);
    std::vector<std::string> titles;
    for (const auto &[after, title] : listener.titles)
      if (!title.empty() && (titles.empty() || titles.back() != title))
        titles.push_back(title);
    ck_assert(titles == std::vector<std::string>({"One", "Two", "Three"}));
  }
}
GST_END_TEST

GST_START_TEST(authentication)
{
  const auto challenge = [](const char *schemes) {
    return [schemes](Peer &peer) {
      const auto answer = peer.header("Authorization");
      if (answer.empty()) {
        peer.send(std::string{"HTTP/1.1 401 Who?\r\n"} + schemes + "\r\n");
        return;
      }
      const bool digest = answer.starts_with("Digest ") &&
                          answer.find("username=\"me\"") != std::string::npos &&
                          answer.find("response=\"") != std::string::npos;
      if (!digest && answer != "Basic bWU6c2VjcmV0") {
        peer.send("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n");
        return;
      }
      peer.send(ok_response("", digest ? "digest" : "basic!"));
      if (peer.earlier() > 1)
        peer.stall();
    };
  };
  RadioServer server;
  server.on("/b", challenge("WWW-Authenticate: Basic realm=\"x\"\r\n"));
  server.on("/d",
            challenge("WWW-Authenticate: Basic realm=\"x\"\r\n"
                      "WWW-Authenticate: Digest realm=\"x\", nonce=\"1\", qop=\"auth\"\r\n"));
  for (const auto &[path, body] : {std::pair{"/b", "basic!basic!"}, {"/d", "digestdigest"}}) {
    Listener listener{server.uri(path),
                      std::string{eager} + "user-id=me user-pw=secret resync=false"};
    listener.start().wait_for_bytes(12);
    listener.stop();
    expect_equal(listener.audio, body);
    // Once asked, it is told at once.
    ck_assert_uint_eq(server.requests(path), 3);
    ck_assert(listener.http_headers.find("c2VjcmV0") == std::string::npos);
  }
  Listener wrong{server.uri("/b"), std::string{eager} + "user-id=me user-pw=wrong"};
  wrong.start().wait_for_error();
  ck_assert_int_eq(wrong.error_code, GST_RESOURCE_ERROR_NOT_AUTHORIZED);
}
GST_END_TEST

GST_START_TEST(a_proxy_is_told_the_whole_address)
{
  RadioServer proxy;
  proxy.on("http://station.invalid:8000/s?a=b", [](Peer &peer) {
    ck_assert(peer.header("Host") == "station.invalid:8000");
    ck_assert(peer.header("Proxy-Authorization") == "Basic bWU6c2VjcmV0");
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  Listener listener{"icy://station.invalid:8000/s?a=b",
                    std::string{eager} + "proxy-id=me proxy-pw=secret proxy=" + proxy.uri("")};
  listener.start().wait_for_bytes(5);
}
GST_END_TEST

// With TLS it only passes bytes on, to who may use it.
GST_START_TEST(a_proxy_makes_a_tunnel_for_tls)
{
  leaks_cannot_be_counted = true;
  RadioServer server;
  server.use_tls();
  server.on("/s", [](Peer &peer) {
    ck_assert(peer.header("Proxy-Authorization").empty());
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  RadioServer proxy;
  proxy.on("127.0.0.1:" + std::to_string(server.port()), [&](Peer &peer) {
    ck_assert(peer.request().starts_with("CONNECT "));
    ck_assert_msg(peer.header("Proxy-Authorization") == "Basic bWU6c2VjcmV0", "%s",
                  peer.request().c_str());
    peer.tunnel_to(server.port());
  });
  Listener listener{server.uri("/s", "icys"),
                    std::string{eager} + "ssl-strict=false proxy-id=me proxy-pw=secret " +
                        "proxy=127.0.0.1:" + std::to_string(proxy.port())};
  listener.start().wait_for_bytes(5);
  listener.stop();
  expect_equal(listener.audio, "sound");
}
GST_END_TEST

GST_START_TEST(the_user_cannot_write_lines_of_the_request)
{
  RadioServer server;
  server.on("/s%20x?%C3%A4", [](Peer &peer) {
    ck_assert(peer.request().find("Evil") == std::string::npos ||
              peer.request().find("\nEvil") == std::string::npos);
    ck_assert(peer.header("User-Agent") == "aEvil: 1");
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  Listener listener{server.uri("/s x?ä")};
  g_object_set(listener.source(), "user-agent", "a\r\nEvil: 1", nullptr);
  listener.start().wait_for_bytes(5);
}
GST_END_TEST

GST_START_TEST(tls)
{
  leaks_cannot_be_counted = true;
  RadioServer server;
  server.use_tls();
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  const auto location = server.uri("/s", "icys");
  {
    Listener strict{location};
    strict.start().wait_for_error();
    ck_assert_int_eq(strict.error_code, GST_RESOURCE_ERROR_OPEN_READ);
    ck_assert(strict.reasons.at(0) == "insecure");
  }
  {
    Listener careless{location, std::string{eager} + "ssl-strict=false"};
    careless.start().wait_for_bytes(5);
  }
  const TlsAuthorities authorities;
  Listener trusting{location};
  g_object_set(trusting.source(), "tls-database", authorities.database(), nullptr);
  trusting.start().wait_for_bytes(5);
}
GST_END_TEST

namespace {

// A resolver that never answers, as with a network that is away.
struct SilentResolver {
  GResolver parent;
};
struct SilentResolverClass {
  GResolverClass parent;
};

GList *never(GResolver *, const gchar *, GResolverNameLookupFlags, GCancellable *cancellable,
             GError **error)
{
  GPollFD cancelled{};
  g_cancellable_make_pollfd(cancellable, &cancelled);
  g_poll(&cancelled, 1, -1);
  g_cancellable_release_fd(cancellable);
  g_cancellable_set_error_if_cancelled(cancellable, error);
  return nullptr;
}

GResolver *silent_resolver()
{
  static const GType type = g_type_register_static_simple(
      G_TYPE_RESOLVER, "SilentResolver", sizeof(SilentResolverClass),
      [](gpointer klass, gpointer) {
        auto *resolver = static_cast<GResolverClass *>(klass);
        resolver->lookup_by_name = [](GResolver *self, const gchar *host,
                                      GCancellable *cancellable, GError **error) {
          return never(self, host, G_RESOLVER_NAME_LOOKUP_FLAGS_DEFAULT, cancellable, error);
        };
        resolver->lookup_by_name_with_flags = never;
      },
      sizeof(SilentResolver), nullptr, GTypeFlags(0));
  return G_RESOLVER(g_object_new(type, nullptr));
}

// A port on which a connection is neither accepted nor refused: its queue is full.
class FullPort {
 public:
  FullPort()
  {
    sockets_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    socklen_t size = sizeof address_;
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(sockets_[0], reinterpret_cast<sockaddr *>(&address_), size), 0);
    ck_assert_int_eq(listen(sockets_[0], 0), 0);
    getsockname(sockets_[0], reinterpret_cast<sockaddr *>(&address_), &size);
    for (int i = 0; i < 4; ++i) {
      sockets_.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)connect(sockets_.back(), reinterpret_cast<sockaddr *>(&address_), size);
    }
  }
  ~FullPort()
  {
    for (const int descriptor : sockets_)
      close(descriptor);
  }
  FullPort(const FullPort &) = delete;
  FullPort &operator=(const FullPort &) = delete;
  std::string uri() const
  {
    return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/";
  }

 private:
  std::vector<int> sockets_;
  sockaddr_in address_{};
};

// Stops listeners that wait for something that will not come. `begin` makes one that does. A
// busy machine may be late now and then, but not each time.
template <class Begin>
void expect_quick_stops(const char *during, Begin begin)
{
  constexpr int attempts = 5;
  constexpr gint64 quick_ms = 100;
  // Whatever waits for a timeout waits for an hour here, and what cannot be interrupted for as
  // long as it takes to read all certificates with a sanitiser: four seconds.
  constexpr gint64 bearable_ms = 2000;
  auto best = G_MAXINT64;
  for (int i = 0; i < attempts; ++i) {
    const std::unique_ptr<Listener> listener = begin();
    const auto before = g_get_monotonic_time();
    listener->stop();
    const auto took = (g_get_monotonic_time() - before) / 1000;
    ck_assert_msg(took < bearable_ms, "%s: %" G_GINT64_FORMAT " ms", during, took);
    best = std::min(best, took);
  }
  g_print("NULL after %" G_GINT64_FORMAT " ms during %s\n", best, during);
  ck_assert_msg(best < quick_ms, "%s: %" G_GINT64_FORMAT " ms", during, best);
}

constexpr auto patient =
    "timeout=3600 connect-timeout=3600 retry-delay=3600000 "
    "retry-backoff-max=3600000 ";

}  // namespace

GST_START_TEST(it_stops_at_once_whatever_it_waits_for)
{
  RadioServer server;
  std::atomic<bool> asked = false;
  server.on("/silent", [&](Peer &peer) {
    asked = true;
    peer.stall();
  });
  server.on("/half-a-head", [&](Peer &peer) {
    peer.send("HTTP/1.0 200 OK\r\nA: ");
    asked = true;
    peer.stall();
  });
  server.on("/playlist", [&](Peer &peer) {
    peer.send("HTTP/1.0 200 OK\r\nContent-Type: audio/x-mpegurl\r\n\r\n/s\n");
    asked = true;
    peer.stall();
  });
  for (const auto *path : {"/silent", "/half-a-head", "/playlist"})
    expect_quick_stops(path, [&] {
      asked = false;
      auto listener = std::make_unique<Listener>(server.uri(path), patient);
      listener->start();
      while (!asked)
        std::this_thread::yield();
      return listener;
    });
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  for (const auto state : {GST_STATE_PLAYING, GST_STATE_PAUSED})
    expect_quick_stops("a stall", [&] {
      auto listener = std::make_unique<Listener>(server.uri("/s"), patient);
      listener->start(state).wait_for_bytes(5);
      return listener;
    });
  expect_quick_stops("a pause", [&] {
    auto listener = std::make_unique<Listener>(server.uri("/absent"), patient);
    listener->start().wait("a refusal", [&] { return !listener->reasons.empty(); });
    return listener;
  });
}
GST_END_TEST

GST_START_TEST(it_stops_at_once_before_there_is_a_connection)
{
  leaks_cannot_be_counted = true;
  // It accepts, and says nothing to a handshake.
  RadioServer mute;
  const auto listen_to = [](const std::string &location) {
    auto listener = std::make_unique<Listener>(location, patient);
    listener->start().wait("a thread", [&] { return listener->entered; });
    return listener;
  };
  // The first of these begins to read what the system trusts.
  expect_quick_stops("the reading of certificates",
                     [&] { return listen_to(mute.uri("/", "icys")); });
  expect_quick_stops("a TLS handshake", [&] {
    const auto before = mute.connections();
    auto listener = listen_to(mute.uri("/", "icys"));
    while (mute.connections() == before)
      std::this_thread::yield();
    return listener;
  });
  const FullPort full;
  expect_quick_stops("a connect", [&] { return listen_to(full.uri()); });
  auto *before = g_resolver_get_default();
  auto *silent = silent_resolver();
  g_resolver_set_default(silent);
  expect_quick_stops("a look-up of a name",
                     [&] { return listen_to("icy://station.invalid/"); });
  g_resolver_set_default(before);
  g_object_unref(silent);
  g_object_unref(before);
}
GST_END_TEST

GST_START_TEST(it_stops_while_titles_come)
{
  std::string wire = ok_response("icy-metaint: 1\r\n");
  for (int i = 0; i < 1000; ++i)
    wire += "x" + icy_block("StreamTitle='" + std::to_string(i) + "';");
  RadioServer server;
  server.on("/s", [&](Peer &peer) { peer.send(wire); });
  Listener listener{server.uri("/s"), "retry-delay=0"};
  for (std::size_t i = 1; i <= 50; ++i) {
    listener.start().wait_for_bytes(500 * i);
    listener.start(GST_STATE_READY);
  }
}
GST_END_TEST

GST_START_TEST(it_starts_again_after_a_stop)
{
  RadioServer server;
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  Listener listener{server.uri("/s")};
  for (std::size_t i = 1; i <= 3; ++i) {
    listener.start().wait_for_bytes(5 * i);
    ck_assert_uint_eq(listener.stat("connections"), 1);
    listener.start(GST_STATE_READY);
  }
}
GST_END_TEST

// Paused while it waits, and played again: the wait goes on, nothing is lost.
GST_START_TEST(a_live_source_sends_only_while_it_plays)
{
  RadioServer server;
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  Listener listener{server.uri("/s"), std::string{patient} + "is-live=true do-timestamp=true"};
  listener.start(GST_STATE_PAUSED);
  ck_assert_int_eq(gst_element_get_state(listener.source(), nullptr, nullptr, 0),
                   GST_STATE_CHANGE_NO_PREROLL);
  ck_assert_uint_eq(server.connections(), 0);
  listener.start().wait_for_bytes(5);
  for (int i = 0; i < 3; ++i)
    listener.start(GST_STATE_PAUSED).start();
  ck_assert_uint_eq(listener.stat("connections"), 1);
}
GST_END_TEST

GST_START_TEST(players_find_it_by_scheme)
{
  for (const auto *uri :
       {"icy://h/", "icecast://h/", "icyx://h/", "icys://h/", "icecasts://h/"}) {
    auto *element = gst_element_make_from_uri(GST_URI_SRC, uri, nullptr, nullptr);
    ck_assert_msg(element, "%s", uri);
    gst_object_ref_sink(element);
    ck_assert_str_eq(GST_OBJECT_NAME(gst_element_get_factory(element)), "icecastsrc");
    const glue::StringPtr location{gst_uri_handler_get_uri(GST_URI_HANDLER(element))};
    ck_assert_str_eq(location.get(), uri);
    gst_object_unref(element);
  }
  ck_assert(!gst_element_make_from_uri(GST_URI_SRC, "http://h/", nullptr, nullptr));
  auto *element = gst_element_factory_make("icecastsrc", nullptr);
  g_object_set(gst_object_ref_sink(element), "location", "no address", nullptr);
  ck_assert(!gst_uri_handler_get_uri(GST_URI_HANDLER(element)));
  gst_object_unref(element);
}
GST_END_TEST

GST_START_TEST(players_put_a_buffer_behind_it)
{
  auto *element = gst_element_factory_make("icecastsrc", nullptr);
  gst_object_ref_sink(element);
  auto *query = gst_query_new_scheduling();
  ck_assert(gst_element_query(element, query));
  GstSchedulingFlags flags{};
  gst_query_parse_scheduling(query, &flags, nullptr, nullptr, nullptr);
  ck_assert(flags & GST_SCHEDULING_FLAG_BANDWIDTH_LIMITED);
  gst_query_unref(query);
  gst_object_unref(element);
}
GST_END_TEST

// So that a parser, which has to wait for a frame, may follow it without a queue.
GST_START_TEST(a_live_source_can_wait)
{
  RadioServer server;
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("", "sound"));
    peer.stall();
  });
  Listener listener{server.uri("/s"), "is-live=true do-timestamp=true"};
  listener.start().wait_for_bytes(5);
  auto *query = gst_query_new_latency();
  ck_assert(gst_element_query(listener.source(), query));
  gboolean is_live = FALSE;
  GstClockTime most = 0;
  gst_query_parse_latency(query, &is_live, nullptr, &most);
  ck_assert(is_live);
  ck_assert(!GST_CLOCK_TIME_IS_VALID(most));
  gst_query_unref(query);
}
GST_END_TEST

GST_START_TEST(headers_go_downstream_and_to_the_application)
{
  RadioServer server;
  server.on("/s", [](Peer &peer) {
    peer.send(ok_response("X-Mine: 1\r\nicy-name: n\r\n", "sound"));
    if (peer.earlier() > 0)
      peer.stall();
  });
  Listener listener{server.uri("/s"), std::string{eager} + "resync=false"};
  std::vector<std::string> events;
  g_signal_connect(
      listener.source(), "connected",
      G_CALLBACK(+[](GstElement *, GstStructure *headers, std::vector<std::string> *to) {
        const GValue *fields = gst_structure_get_value(headers, "response-headers");
        to->emplace_back(gst_structure_get_string(gst_value_get_structure(fields), "x-mine"));
      }),
      &events);
  g_signal_connect(listener.source(), "disconnected",
                   G_CALLBACK(+[](GstElement *, const char *reason, gboolean will_retry,
                                  std::vector<std::string> *to) {
                     to->push_back(std::string{reason} + (will_retry ? "+" : "-"));
                   }),
                   &events);
  listener.start().wait_for_bytes(10);
  listener.stop();
  ck_assert(events == std::vector<std::string>({"1", "closed+", "1"}));
  ck_assert(listener.http_headers.find("x-mine") != std::string::npos);
  ck_assert(listener.http_headers.find("http-status-code=(uint)200") != std::string::npos);
}
GST_END_TEST

// A server that sends more than it should for as long as it may, and drops the connection now
// and then: what is held does not grow. KAM_RADIO_MINUTES makes it as many minutes.
GST_START_TEST(memory_does_not_grow)
{
  const char *minutes = g_getenv("KAM_RADIO_MINUTES");
  // Twenty times 128 kbit/s.
  constexpr std::size_t rate = 20 * 16'000;
  const std::size_t per_connection = rate;
  const std::string audio = noise(per_connection);
  std::deque<std::string> blocks;
  for (int i = 0; i < 200; ++i)
    blocks.push_back("StreamTitle='" + std::to_string(i) + " - " +
                     std::string(static_cast<std::size_t>(i) * 10, 'x') + "';");
  const auto wire = ok_response("icy-metaint: 1600\r\n", interleaved(audio, 1600, blocks));
  RadioServer server;
  server.on("/s", [&](Peer &peer) { peer.send(wire); });
  Listener listener{server.uri("/s"), minutes ? "retry-delay=1000" : eager};
  listener.keep = false;
  const auto total = minutes ? std::stoul(minutes) * 60 * rate : hostile_bytes / 4;
  // A piece at a time, as what comes in minutes is not there after the patience of one wait.
  const auto receive = [&](std::size_t from, std::size_t to) {
    for (auto next = from; next < to; next += rate)
      listener.wait_for_bytes(next);
    listener.wait_for_bytes(to);
  };
  listener.start();
  receive(0, total / 10);
  const auto before = resident_memory();
  const auto since = g_get_monotonic_time();
  receive(total / 10, total);
  const auto growth = static_cast<double>(resident_memory()) - static_cast<double>(before);
  const auto took = static_cast<double>(g_get_monotonic_time() - since) / 60e6;
  g_print("%.0f kB more after %zu MB and %" G_GUINT64_FORMAT
          " connections in %.1f minutes: %.0f kB a minute\n",
          growth / 1000, total / 1'000'000, listener.stat("connections"), took,
          growth / 1000 / took);
  listener.stop();
  if (memory_is_measurable && minutes)
    ck_assert_msg(growth / took < 100'000, "%.0f bytes a minute", growth / took);
  else if (memory_is_measurable)
    ck_assert_msg(growth < 2'000'000, "%.0f bytes", growth);
}
GST_END_TEST

static Suite *icecastsrc_suite()
{
  Suite *suite = suite_create("icecastsrc");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_set_timeout(tc, g_getenv("KAM_RADIO_MINUTES") ? 0 : 120);
  tcase_add_test(tc, every_kind_of_head_is_understood);
  tcase_add_test(tc, tags_stand_exactly_between_the_buffers);
  tcase_add_test(tc, titles_that_servers_send);
  tcase_add_test(tc, what_a_station_says_about_itself);
  tcase_add_test(tc, character_sets);
  // Threads that outlive a part of the test have looked already.
  if (g_strcmp0(g_getenv("CK_FORK"), "no") != 0)
    tcase_add_test(tc, the_locale_has_a_character_set_too);
  tcase_add_test(tc, the_sound_comes_back);
  tcase_add_test(tc, the_sound_comes_back_after_a_reset);
  tcase_add_test(tc, a_server_that_restarts);
  tcase_add_test(tc, the_clock_goes_on);
  tcase_add_test(tc, pieces_are_gathered_at_an_interval);
  tcase_add_test(tc, some_refusals_pass);
  tcase_add_test(tc, some_refusals_do_not);
  tcase_add_test(tc, retries_end_in_an_error);
  tcase_add_test(tc, a_file_ends);
  tcase_add_test(tc, redirects);
  tcase_add_test(tc, redirect_loops_end);
  tcase_add_test(tc, playlists);
  tcase_add_test(tc, playlists_without_end);
  tcase_add_test(tc, strange_metaints);
  tcase_add_test(tc, random_connections);
  tcase_add_test(tc, a_frame_comes_first_after_a_reconnect);
  tcase_add_test(tc, chained_ogg_plays_in_a_static_pipeline);
  tcase_add_test(tc, authentication);
  tcase_add_test(tc, a_proxy_is_told_the_whole_address);
  tcase_add_test(tc, a_proxy_makes_a_tunnel_for_tls);
  tcase_add_test(tc, the_user_cannot_write_lines_of_the_request);
  tcase_add_test(tc, tls);
  tcase_add_test(tc, it_stops_at_once_whatever_it_waits_for);
  tcase_add_test(tc, it_stops_at_once_before_there_is_a_connection);
  tcase_add_test(tc, it_stops_while_titles_come);
  tcase_add_test(tc, it_starts_again_after_a_stop);
  tcase_add_test(tc, a_live_source_sends_only_while_it_plays);
  tcase_add_test(tc, players_find_it_by_scheme);
  tcase_add_test(tc, players_put_a_buffer_behind_it);
  tcase_add_test(tc, a_live_source_can_wait);
  tcase_add_test(tc, headers_go_downstream_and_to_the_application);
  tcase_add_test(tc, memory_does_not_grow);
  return suite;
}

GST_CHECK_MAIN(icecastsrc)
