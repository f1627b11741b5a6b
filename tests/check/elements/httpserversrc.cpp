// SPDX-License-Identifier: LGPL-2.1-or-later
#include "glue/bytes.hpp"
#include "net/tcp_connection.hpp"
#include "support/http_client.hpp"
#include "support/media_streams.hpp"
#include "support/random.hpp"

#include <gst/check/gstharness.h>
#include <gst/gst.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::test;

namespace {

constexpr auto chunked_put =
    "PUT /stream HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

// Whom sources send to; the pipeline is the test.
class Receiver {
 public:
  explicit Receiver(const std::string &properties = {})
  {
    const auto line = "httpserversrc address=127.0.0.1 port=0 " + properties;
    harness_ = gst_harness_new_parse(line.c_str());
    source_ = gst_harness_find_element(harness_, "httpserversrc");
    gst_harness_use_systemclock(harness_);
    gst_harness_play(harness_);
  }
  ~Receiver()
  {
    gst_object_unref(source_);
    gst_harness_teardown(harness_);
  }
  Receiver(const Receiver &) = delete;
  Receiver &operator=(const Receiver &) = delete;

  GstElement *source() const { return source_; }
  GstHarness *harness() const { return harness_; }
  int port() const
  {
    gint port = 0;
    g_object_get(source_, "bound-port", &port, nullptr);
    return port;
  }
  guint64 stat(const char *name) const
  {
    GstStructure *stats = nullptr;
    g_object_get(source_, "stats", &stats, nullptr);
    guint64 value = 0;
    ck_assert_msg(gst_structure_get_uint64(stats, name, &value), "%s", name);
    gst_structure_free(stats);
    return value;
  }
  void wait_for(const char *name, guint64 value) const
  {
    for (int i = 0; i < 2000 && stat(name) != value; ++i)
      g_usleep(5000);
    ck_assert_uint_eq(stat(name), value);
  }

  // The next so many bytes that come.
  std::string take(std::size_t size)
  {
    std::string bytes;
    while (bytes.size() < size) {
      const glue::BufferPtr buffer{gst_harness_pull(harness_)};
      ck_assert_msg(buffer != nullptr, "%zu of %zu bytes", bytes.size(), size);
      const glue::ReadMap map{buffer.get()};
      bytes += as_text(map.bytes());
      if (GST_BUFFER_FLAG_IS_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT))
        ++beginnings;
      last_pts = GST_BUFFER_PTS(buffer.get());
    }
    return bytes;
  }
  // The next event of that type.
  glue::EventPtr event(GstEventType type)
  {
    for (;;) {
      glue::EventPtr event{gst_harness_pull_event(harness_)};
      ck_assert_msg(event != nullptr, "no %s", gst_event_type_get_name(type));
      if (GST_EVENT_TYPE(event.get()) == type)
        return event;
    }
  }
  // The text of a tag in the next event with tags.
  std::string tag(const char *name)
  {
    const auto next = event(GST_EVENT_TAG);
    GstTagList *tags = nullptr;
    gst_event_parse_tag(next.get(), &tags);
    gchar *text = nullptr;
    gst_tag_list_get_string(tags, name, &text);
    const glue::StringPtr owned{text};
    return text ? text : "";
  }

  int beginnings = 0;
  GstClockTime last_pts = GST_CLOCK_TIME_NONE;

 private:
  GstHarness *harness_;
  GstElement *source_;
};

// In pieces of any size.
void send_split(HttpClient &client, std::string_view text, Random &random)
{
  while (!text.empty()) {
    const auto size = std::min<std::size_t>(1 + random.below(3000), text.size());
    client.send(text.substr(0, size));
    text.remove_prefix(size);
  }
}

std::string in_chunks(std::string_view text, Random &random)
{
  std::string chunks;
  while (!text.empty()) {
    const auto size = std::min<std::size_t>(1 + random.below(5000), text.size());
    std::array<char, 16> line{};
    g_snprintf(line.data(), line.size(), "%zx\r\n", size);
    chunks.append(line.data()).append(text.substr(0, size)).append("\r\n");
    text.remove_prefix(size);
  }
  return chunks + "0\r\n\r\n";
}

struct Calls {
  std::mutex mutex;
  std::vector<std::string> calls;

  void note(std::string call)
  {
    const std::lock_guard lock{mutex};
    calls.push_back(std::move(call));
  }
  bool has(const std::string &call)
  {
    const std::lock_guard lock{mutex};
    return std::ranges::find(calls, call) != calls.end();
  }
  void wait_for(const std::string &call)
  {
    for (int i = 0; i < 2000 && !has(call); ++i)
      g_usleep(5000);
    ck_assert_msg(has(call), "%s", call.c_str());
  }
};

void note_sources(Receiver &receiver, Calls &calls)
{
  g_signal_connect(receiver.source(), "source-connected",
                   G_CALLBACK(+[](GstElement *, GstStructure *about, gpointer data) {
                     const auto text = [about](const char *field) {
                       return std::string{gst_structure_get_string(about, field)};
                     };
                     const GstStructure *headers =
                         gst_value_get_structure(gst_structure_get_value(about, "headers"));
                     ck_assert(!gst_structure_has_field(headers, "authorization"));
                     static_cast<Calls *>(data)->note(text("method") + ' ' +
                                                      text("content-type") + ' ' +
                                                      text("user-agent"));
                   }),
                   &calls);
  g_signal_connect(
      receiver.source(), "source-disconnected",
      G_CALLBACK(+[](GstElement *, gchar *reason, guint64 bytes, gpointer data) {
        static_cast<Calls *>(data)->note(std::string{reason} + ' ' + std::to_string(bytes));
      }),
      &calls);
}

}  // namespace

// However a source sends, its bytes arrive, all of them and no others.
START_TEST(every_way_in)
{
  struct Way {
    const char *head;
    const char *welcome;  // nothing: at the end
    bool in_chunks;
    bool has_answer;  // at the end
  };
  static constexpr std::array ways{
      Way{"SOURCE /stream ICE/1.0\r\nContent-Type: audio/mpeg\r\n\r\n", "HTTP/1.1 200 OK",
          false, false},
      Way{"SOURCE /stream HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK", false, false},
      Way{"PUT /stream HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
          "HTTP/1.1 100 Continue\r\n\r\n", false, true},
      Way{"PUT /str%65am HTTP/1.0\r\nContent-Length: 100000\r\n\r\n", nullptr, false, true},
      Way{"POST /stream HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
          "Transfer-Encoding: chunked\r\n\r\n",
          "HTTP/1.1 100 Continue\r\n\r\n", true, true},
      Way{chunked_put, nullptr, true, true},
  };
  Receiver receiver;
  Random random{1};
  for (const auto &way : ways) {
    HttpClient client{receiver.port()};
    const auto bytes = random.bytes(100'000);
    client.send(way.head);
    if (way.welcome)
      ck_assert(client.read_until("\r\n\r\n") && client.received.starts_with(way.welcome));
    const auto text = std::string{as_text(bytes)};
    std::thread sender{
        [&] { send_split(client, way.in_chunks ? in_chunks(text, random) : text, random); }};
    ck_assert(receiver.take(bytes.size()) == text);
    sender.join();
    client.received.clear();
    client.end_sending();
    ck_assert(client.read_all());
    ck_assert(client.received.starts_with("HTTP/1.1 200 OK") == way.has_answer);
  }
  ck_assert_int_eq(receiver.beginnings, int{ways.size()});
  receiver.wait_for("bytes", ways.size() * 100'000);
  ck_assert_uint_eq(receiver.stat("lost-sources"), 0);
}
END_TEST

// What a source says becomes tags and caps; titles stand between the bytes they separate.
START_TEST(tags_and_caps)
{
  Receiver receiver;
  HttpClient client{receiver.port()};
  client.send(
      "SOURCE /stream HTTP/1.0\r\nContent-Type: application/ogg\r\nIce-Name: R\xe4"
      "dio\r\n"
      "ice-genre: jazz\r\nice-audio-info: ice-bitrate=128;ice-channels=2\r\n\r\nabc");
  ck_assert(receiver.take(3) == "abc");
  const auto caps_event = receiver.event(GST_EVENT_CAPS);
  GstCaps *caps = nullptr;
  gst_event_parse_caps(caps_event.get(), &caps);
  ck_assert(gst_structure_has_name(gst_caps_get_structure(caps, 0), "application/ogg"));
  const auto tag_event = receiver.event(GST_EVENT_TAG);
  GstTagList *tags = nullptr;
  gst_event_parse_tag(tag_event.get(), &tags);
  gchar *name = nullptr;
  guint bitrate = 0;
  ck_assert(gst_tag_list_get_string(tags, GST_TAG_ORGANIZATION, &name));
  ck_assert_str_eq(name, "Rädio");
  g_free(name);
  ck_assert(gst_tag_list_get_uint(tags, GST_TAG_NOMINAL_BITRATE, &bitrate));
  ck_assert_uint_eq(bitrate, 128'000);

  const auto change = [&](const std::string &query) {
    const auto answer = answer_to(
        receiver.port(), "GET /admin/metadata?" + query + " HTTP/1.0\r\nHost: h\r\n\r\n");
    return answer.substr(9, 3);
  };
  ck_assert(change("mode=updinfo&mount=/stream&song=A+-+B%C3%A4") == "200");
  client.send("def");
  ck_assert(receiver.take(3) == "def");
  ck_assert(receiver.tag(GST_TAG_TITLE) == "Bä");
  ck_assert(change("mount=/stream&charset=KOI8-R&artist=A&title=%D1") == "200");
  client.send("ghi");
  ck_assert(receiver.take(3) == "ghi");
  ck_assert(receiver.tag(GST_TAG_TITLE) == "я");
  ck_assert(change("mount=/stream&song=%E4") == "200");
  client.send("jkl");
  ck_assert(receiver.take(3) == "jkl");
  ck_assert(receiver.tag(GST_TAG_TITLE) == "ä");
  ck_assert(change("mount=/other&song=x") == "404");
  ck_assert(change("mount=/stream&mode=updinfo") == "400");
  ck_assert(change("mount=/stream&song=%00") == "400");
  ck_assert_uint_eq(receiver.stat("titles"), 3);
}
END_TEST

namespace {

// So long that what comes next is gathered.
void send_until_gathered(HttpClient &client, Receiver &receiver)
{
  client.send("SOURCE /stream ICE/1.0\r\n\r\n");
  for (unsigned i = 0; i <= net::TcpConnection::eager_reads; ++i) {
    client.send("x");
    ck_assert(receiver.take(1) == "x");
  }
}

}  // namespace

// A source that ended is not in the way of the next one, also where that was not read yet.
START_TEST(sources_behind_what_is_gathered)
{
  Receiver receiver{"read-interval=1000"};
  HttpClient first{receiver.port()};
  send_until_gathered(first, receiver);
  first.send("abc");
  first.end_sending();
  HttpClient second{receiver.port()};
  second.send(std::string{chunked_put} + "3\r\nxyz\r\n");
  ck_assert(receiver.take(6) == "abcxyz");
  ck_assert_uint_eq(receiver.stat("refused-sources"), 0);
}
END_TEST

// A title stands behind what its source sent before it, also where that was not read yet.
START_TEST(titles_behind_what_is_gathered)
{
  Receiver receiver{"read-interval=1000"};
  ck_assert_uint_eq(gst_harness_query_latency(receiver.harness()), GST_SECOND);
  HttpClient client{receiver.port()};
  send_until_gathered(client, receiver);
  const auto events = gst_harness_events_in_queue(receiver.harness());
  client.send("abc");
  ck_assert(answer_to(receiver.port(),
                      "GET /admin/metadata?mode=updinfo&mount=/stream&song=T HTTP/1.0\r\n\r\n")
                .starts_with("HTTP/1.1 200"));
  ck_assert(receiver.take(3) == "abc");
  ck_assert_uint_eq(gst_harness_events_in_queue(receiver.harness()), events);
  client.send("def");
  ck_assert(receiver.take(3) == "def");
  ck_assert_uint_eq(gst_harness_events_in_queue(receiver.harness()), events + 1);
}
END_TEST

// A source comes after another, with a segment of its own; two at once do not.
START_TEST(one_after_the_other)
{
  Receiver receiver;
  Calls calls;
  note_sources(receiver, calls);
  {
    HttpClient first{receiver.port()};
    first.send("SOURCE /stream ICE/1.0\r\nUser-Agent: one\r\n\r\nabc");
    ck_assert(receiver.take(3) == "abc");
    ck_assert_uint_eq(receiver.last_pts, 0);
    ck_assert(answer_to(receiver.port(), chunked_put).starts_with("HTTP/1.1 409 "));
    first.send("d");
    ck_assert(receiver.take(1) == "d");
    ck_assert_uint_eq(receiver.last_pts, GST_CLOCK_TIME_NONE);
    ck_assert(first.read_until("200 OK\r\n"));
  }
  calls.wait_for("ended 4");
  HttpClient second{receiver.port()};
  second.send(std::string{chunked_put} + "3\r\nxyz\r\n");
  ck_assert(receiver.take(3) == "xyz");
  ck_assert_uint_eq(receiver.last_pts, 0);
  ck_assert_int_eq(receiver.beginnings, 2);
  receiver.event(GST_EVENT_SEGMENT);
  const auto event = receiver.event(GST_EVENT_SEGMENT);
  const GstSegment *segment = nullptr;
  gst_event_parse_segment(event.get(), &segment);
  ck_assert(segment->format == GST_FORMAT_TIME && segment->base > 0 && segment->start == 0);
  ck_assert(calls.has("SOURCE  one") && calls.has("PUT  "));
  ck_assert_uint_eq(receiver.stat("refused-sources"), 1);

  // Unless the new one is preferred.
  g_object_set(receiver.source(), "takeover", TRUE, nullptr);
  HttpClient third{receiver.port()};
  third.send(std::string{chunked_put} + "1\r\nA\r\n");
  ck_assert(receiver.take(1) == "A");
  calls.wait_for("replaced 3");
  ck_assert(second.read_all());
  gboolean was_there = FALSE;
  g_signal_emit_by_name(receiver.source(), "remove-source", &was_there);
  ck_assert(was_there);
  g_signal_emit_by_name(receiver.source(), "remove-source", &was_there);
  ck_assert(!was_there);
  calls.wait_for("removed 1");
  ck_assert(third.read_all());
}
END_TEST

START_TEST(the_stream_may_end_with_its_source)
{
  Receiver receiver{"eos-on-disconnect=true"};
  ck_assert(answer_to(receiver.port(),
                      "PUT /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
                .starts_with("HTTP/1.1 200 "));
  ck_assert(receiver.take(2) == "ab");
  receiver.event(GST_EVENT_EOS);
}
END_TEST

// As libshout asks: whether a password is needed, and then with it.
START_TEST(passwords)
{
  Receiver receiver{"auth-password=hackme auth-realm=Club"};
  const auto ask = [&](const std::string &request) {
    HttpClient client{receiver.port()};
    client.send(request);
    client.read_until("\r\n\r\n");
    if (client.status() == 401)
      ck_assert(client.field("WWW-Authenticate").starts_with("Basic realm=\"Club\""));
    return client.status();
  };
  const std::string source = "SOURCE /stream HTTP/1.1\r\nHost: h\r\n";
  const std::string right = "Authorization: Basic c291cmNlOmhhY2ttZQ==\r\n";  // source:hackme
  const std::string wrong = "Authorization: Basic c291cmNlOndyb25n\r\n";      // source:wrong
  const std::string title = "GET /admin/metadata?song=x HTTP/1.0\r\n";
  ck_assert_int_eq(ask(source + "Content-Length: 0\r\n\r\n"), 401);
  ck_assert_int_eq(ask(source + wrong + "\r\n"), 401);
  ck_assert_int_eq(ask(title + "\r\n"), 401);
  ck_assert_int_eq(ask(title + wrong + "\r\n"), 401);
  ck_assert_int_eq(ask(title + right + "\r\n"), 200);
  // That was a question; nobody sends.
  ck_assert_int_eq(ask(source + right + "Content-Length: 0\r\n\r\n"), 200);
  ck_assert_uint_eq(receiver.stat("sources"), 0);
  ck_assert_int_eq(ask(source + right + "\r\n"), 200);
  receiver.wait_for("sources", 1);
  ck_assert_uint_eq(receiver.stat("refused-passwords"), 4);
  g_signal_connect(receiver.source(), "authenticate",
                   G_CALLBACK(+[](GstElement *, const gchar *mount, const gchar *user,
                                  const gchar *password, const gchar *, gpointer) -> gboolean {
                     return g_str_equal(mount, "/stream") && g_str_equal(user, "source") &&
                            g_str_equal(password, "wrong");
                   }),
                   nullptr);
  ck_assert_int_eq(ask(title + wrong + "\r\n"), 200);
  ck_assert_int_eq(ask(title + "Authorization: Basic eDp5\r\n\r\n"), 401);
}
END_TEST

// Without a password this host may send, but not the pages that a browser on it shows.
START_TEST(pages_may_not_send)
{
  Receiver receiver;
  for (const auto *field : {"Origin: http://evil.example", "Sec-Fetch-Site: cross-site"}) {
    const auto fields = std::string{field} + "\r\nContent-Length: 1\r\n\r\nx";
    ck_assert(answer_to(receiver.port(), "POST /stream HTTP/1.1\r\nHost: h\r\n" + fields)
                  .starts_with("HTTP/1.1 403 "));
  }
  for (const auto *request : {"PUT /other HTTP/1.0\r\n\r\n", "GET /stream HTTP/1.0\r\n\r\n",
                              "DELETE /stream HTTP/1.0\r\n\r\n", "PUT /%00 HTTP/1.0\r\n\r\n"})
    ck_assert(answer_to(receiver.port(), request).starts_with("HTTP/1.1 404 "));
  ck_assert(answer_to(receiver.port(), "OPTIONS * HTTP/1.0\r\n\r\n")
                .find("Allow: GET, OPTIONS, POST, PUT, SOURCE\r\n") != std::string::npos);
  ck_assert_uint_eq(receiver.stat("sources"), 0);
}
END_TEST

START_TEST(losses_are_told)
{
  Receiver receiver{"timeout=1"};
  Calls calls;
  note_sources(receiver, calls);
  {
    HttpClient client{receiver.port()};
    client.send(std::string{chunked_put} + "5\r\nab");
    ck_assert(receiver.take(2) == "ab");
  }
  calls.wait_for("lost 2");
  HttpClient broken{receiver.port()};
  broken.send(std::string{chunked_put} + "1\r\naXX");
  calls.wait_for("broken 1");
  ck_assert(broken.read_all());
  HttpClient silent{receiver.port()};
  silent.send("SOURCE /stream ICE/1.0\r\n\r\nabc");
  calls.wait_for("timeout 3");
  ck_assert(silent.read_all());
  ck_assert_uint_eq(receiver.stat("silent-sources"), 1);
  ck_assert_uint_eq(receiver.stat("lost-sources"), 1);
}
END_TEST

// A pipeline that takes nothing makes the source wait; nothing is lost, and little is kept.
START_TEST(sources_wait_for_the_pipeline)
{
  constexpr std::size_t size = std::size_t{24} << 20U;
  Random random{3};
  const auto bytes = random.bytes(size);
  auto *pipeline = gst_parse_launch(
      "httpserversrc name=source address=127.0.0.1 port=0 queue-bytes=65536 timeout=1 ! "
      "appsink name=sink sync=false max-buffers=1 emit-signals=false",
      nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  auto *source = gst_bin_get_by_name(GST_BIN(pipeline), "source");
  auto *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  gint port = 0;
  g_object_get(source, "bound-port", &port, nullptr);
  HttpClient client{port};
  std::atomic<std::size_t> sent{0};
  std::thread sender{[&] {
    client.send("PUT /stream HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) +
                "\r\n\r\n");
    for (std::size_t at = 0; at < size; at += 65536) {
      client.send(as_text(bytes).substr(at, 65536));
      sent = at + 65536;
    }
  }};
  // It comes to a standstill that is no silence of the source's.
  for (std::size_t last = 1; last != sent || last == 0; g_usleep(1'300'000))
    last = sent;
  ck_assert_uint_lt(sent, size);
  std::string got;
  while (got.size() < size) {
    GstSample *sample = nullptr;
    g_signal_emit_by_name(sink, "try-pull-sample", 20 * GST_SECOND, &sample);
    ck_assert_msg(sample != nullptr, "after %zu bytes", got.size());
    const glue::ReadMap map{gst_sample_get_buffer(sample)};
    got += as_text(map.bytes());
    gst_sample_unref(sample);
  }
  sender.join();
  ck_assert(got == as_text(bytes));
  ck_assert(client.read_until("HTTP/1.1 200 OK"));
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(source);
  gst_object_unref(sink);
  gst_object_unref(pipeline);
}
END_TEST

namespace {

// So much alike that finders of types believe in them.
std::string frames_of_one_kind(std::size_t count)
{
  Random random{5};
  std::string frames;
  for (std::size_t i = 0; i < count; ++i) {
    auto frame = mp3_frame(random);
    frame[3] = std::byte{0};
    frames += as_text(frame);
  }
  return frames;
}

int free_port()
{
  Receiver receiver;
  return receiver.port();
}

}  // namespace

// Icecast in one line: who sends to an address is heard at it.
START_TEST(a_source_and_its_listeners_on_one_port)
{
  const auto port = std::to_string(free_port());
  const auto line =
      "httpserversrc address=127.0.0.1 port=" + port +
      " ! mpegaudioparse ! httpserversink flush-interval=20 address=127.0.0.1 port=" + port;
  auto *pipeline = gst_parse_launch(line.c_str(), nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  const auto frames = frames_of_one_kind(40);
  HttpClient source{std::stoi(port)};
  source.send("SOURCE /stream ICE/1.0\r\nContent-Type: audio/mpeg\r\nice-name: One\r\n\r\n");
  ck_assert(source.read_until("200 OK\r\n"));
  source.send(frames);
  std::unique_ptr<HttpClient> listener;
  // The format is known before the name.
  const auto is_named = [&] {
    return listener && listener->status() == 200 && listener->field("icy-name") == "One";
  };
  for (int i = 0; i < 2000 && !is_named(); ++i) {
    listener = std::make_unique<HttpClient>(std::stoi(port));
    listener->get("/stream");
    ck_assert(listener->read_until("\r\n\r\n"));
    g_usleep(5000);
  }
  ck_assert(is_named());
  ck_assert(listener->field("Content-Type") == "audio/mpeg");
  const auto head_size = listener->head().size() + 2;
  // A parser keeps the last ones back until it has seen what follows.
  ck_assert(listener->read_at_least(head_size + frames.size() * 3 / 4));
  const auto heard = listener->body();
  const auto at = frames.find(heard.substr(0, 417));
  ck_assert(at != std::string::npos && frames.compare(at, heard.size(), heard) == 0);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
}
END_TEST

// Without a parser, any format goes through as it is.
START_TEST(formats_are_found_without_a_parser)
{
  const auto port = std::to_string(free_port());
  const auto line =
      "httpserversrc address=127.0.0.1 port=" + port +
      " ! httpserversink sync=false flush-interval=20 address=127.0.0.1 port=" + port;
  auto *pipeline = gst_parse_launch(line.c_str(), nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  const auto frames = frames_of_one_kind(400);
  HttpClient source{std::stoi(port)};
  source.send("SOURCE /stream ICE/1.0\r\nContent-Type: audio/mpeg\r\n\r\n");
  source.send(frames);
  std::unique_ptr<HttpClient> listener;
  for (int i = 0; i < 2000 && (!listener || listener->status() != 200); ++i) {
    listener = std::make_unique<HttpClient>(std::stoi(port));
    listener->get("/stream");
    ck_assert(listener->read_until("\r\n\r\n"));
    g_usleep(5000);
  }
  ck_assert(listener->field("Content-Type") == "audio/mpeg");
  ck_assert(listener->read_at_least(10'000));
  const auto heard = listener->body();
  ck_assert_uint_eq(frames.find(heard.substr(0, 100)) % 417, 0);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
}
END_TEST

// Elements come and go while sources send.
START_TEST(stopping_in_the_middle)
{
  for (int i = 0; i < 20; ++i) {
    auto receiver = std::make_unique<Receiver>(i % 2 == 0 ? "" : "do-timestamp=true");
    HttpClient client{receiver->port()};
    client.send("SOURCE /stream ICE/1.0\r\n\r\nabc");
    if (i % 3 == 0)
      receiver->take(3);
    if (i % 5 == 0)
      client.send("GET /admin/metadata?song=x HTTP/1.0\r\n\r\n");
    receiver.reset();
    client.read_all();
  }
  Receiver receiver;
  gst_element_set_state(receiver.source(), GST_STATE_NULL);
  ck_assert_int_eq(receiver.port(), 0);
  ck_assert_int_ne(gst_element_set_state(receiver.source(), GST_STATE_PLAYING),
                   GST_STATE_CHANGE_FAILURE);
  ck_assert_int_ne(receiver.port(), 0);
}
END_TEST

static Suite *httpserversrc_suite()
{
  Suite *suite = suite_create("httpserversrc");
  auto *tests = tcase_create("httpserversrc");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, every_way_in);
  tcase_add_test(tests, tags_and_caps);
  tcase_add_test(tests, sources_behind_what_is_gathered);
  tcase_add_test(tests, titles_behind_what_is_gathered);
  tcase_add_test(tests, one_after_the_other);
  tcase_add_test(tests, the_stream_may_end_with_its_source);
  tcase_add_test(tests, passwords);
  tcase_add_test(tests, pages_may_not_send);
  tcase_add_test(tests, losses_are_told);
  tcase_add_test(tests, sources_wait_for_the_pipeline);
  tcase_add_test(tests, a_source_and_its_listeners_on_one_port);
  tcase_add_test(tests, formats_are_found_without_a_parser);
  tcase_add_test(tests, stopping_in_the_middle);
  suite_add_tcase(suite, tests);
  return suite;
}

GST_CHECK_MAIN(httpserversrc)
