// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/demuxer.hpp"
#include "core/icy/metadata.hpp"
#include "glue/bytes.hpp"
#include "support/http_client.hpp"
#include "support/media_streams.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/warnings.hpp"

#include <glib/gstdio.h>
#include <gst/check/gstharness.h>
#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::test;

namespace {

constexpr auto mp3_caps = "audio/mpeg,mpegversion=1,layer=3,parsed=true,rate=44100,channels=2";

// A station whose pipeline is the test.
class Station {
 public:
  explicit Station(const std::string &properties = {}, const char *caps = mp3_caps)
  {
    const auto line =
        "httpserversink address=127.0.0.1 port=0 sync=false flush-interval=20 " + properties;
    harness_ = gst_harness_new_parse(line.c_str());
    sink_ = gst_harness_find_element(harness_, "httpserversink");
    if (caps)
      gst_harness_set_src_caps_str(harness_, caps);
  }
  ~Station()
  {
    gst_object_unref(sink_);
    gst_harness_teardown(harness_);
  }
  Station(const Station &) = delete;
  Station &operator=(const Station &) = delete;

  GstElement *sink() const { return sink_; }
  GstHarness *harness() const { return harness_; }
  int port() const
  {
    gint port = 0;
    g_object_get(sink_, "bound-port", &port, nullptr);
    return port;
  }
  guint64 stat(const char *name) const
  {
    GstStructure *stats = nullptr;
    g_object_get(sink_, "stats", &stats, nullptr);
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

  GstFlowReturn push(Bytes bytes, GstClockTime time, GstBufferFlags flags = GstBufferFlags(0))
  {
    auto buffer = glue::copy(bytes);
    GST_BUFFER_PTS(buffer.get()) = time;
    GST_BUFFER_FLAG_SET(buffer.get(), flags);
    return gst_harness_push(harness_, buffer.release());
  }
  // Whole frames, one buffer each; they are kept.
  void push_frames(int count)
  {
    for (int i = 0; i < count; ++i) {
      const auto frame = mp3_frame(random_);
      frames.append(as_text(frame));
      boundaries.push_back(frames.size());
      ck_assert_int_eq(push(frame, frames_pushed_++ * 26 * GST_MSECOND), GST_FLOW_OK);
    }
  }
  void push_title(const char *artist, const char *title)
  {
    auto *tags = gst_tag_list_new(GST_TAG_ARTIST, artist, GST_TAG_TITLE, title, nullptr);
    gst_harness_push_event(harness_, gst_event_new_tag(tags));
  }
  void end() { gst_harness_push_event(harness_, gst_event_new_eos()); }

  std::string frames;
  std::vector<std::size_t> boundaries{0};

 private:
  GstHarness *harness_;
  GstElement *sink_;
  Random random_{1};
  guint frames_pushed_ = 0;
};

struct Heard {
  std::string sound;
  std::vector<std::pair<std::size_t, std::string>> titles;
};

Heard heard_by(const HttpClient &client)
{
  const auto body = client.body();
  ByteVector bytes{as_bytes(body).begin(), as_bytes(body).end()};
  const auto metaint = client.field("icy-metaint");
  icy::Demuxer demuxer{metaint.empty() ? 0 : std::stoull(metaint)};
  demuxer.feed(bytes);
  Heard heard;
  while (const auto event = demuxer.poll()) {
    if (const auto *audio = std::get_if<icy::Demuxer::Audio>(&*event))
      heard.sound.append(as_text(audio->bytes));
    else
      heard.titles.emplace_back(
          heard.sound.size(),
          icy::parse_metadata(std::get<icy::Demuxer::Block>(*event).bytes).at(0).value);
  }
  return heard;
}

}  // namespace

// Listeners that come at any time hear whole frames from where they came, to the end.
START_TEST(sound_is_byte_exact_and_begins_with_a_frame)
{
  Station station{"burst-time=500"};
  station.push_frames(50);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 20; ++i) {
    auto client = std::make_unique<HttpClient>(station.port());
    client->get("/stream", i % 2 == 0 ? "Icy-MetaData: 1\r\n" : "");
    ck_assert(client->read_until("\r\n\r\n"));
    ck_assert_int_eq(client->status(), 200);
    ck_assert(client->field("Content-Type") == "audio/mpeg");
    clients.push_back(std::move(client));
    station.push_frames(7);
    if (i % 5 == 0)
      station.push_title("A", std::to_string(i).c_str());
  }
  station.end();
  for (const auto &client : clients) {
    ck_assert(client->read_all());
    const auto heard = heard_by(*client);
    ck_assert(station.frames.ends_with(heard.sound));
    const auto began = station.frames.size() - heard.sound.size();
    ck_assert(std::ranges::binary_search(station.boundaries, began));
    ck_assert_uint_ge(heard.sound.size(), 19 * 417);
    for (const auto &title : heard.titles)
      ck_assert(title.second.starts_with("A - "));
  }
  station.wait_for("listeners", 0);
  ck_assert_uint_eq(station.stat("peak-listeners"), 20);
}
END_TEST

// The block with a title stands at the first place for one behind the byte where it began.
START_TEST(titles_change_at_their_byte)
{
  Station station{"icy-metaint=1000"};
  station.push_frames(3);
  HttpClient client{station.port()};
  client.get("/stream", "icy-metadata: 1\r\n");
  ck_assert(client.read_until("\r\n\r\n"));
  std::vector<std::pair<std::size_t, std::string>> expected;
  for (const auto *title : {"Eins", "Zw'ei'; drei", "Vier"}) {
    station.push_frames(10);
    station.push_title("Ä", title);
    expected.emplace_back((station.frames.size() + 999) / 1000 * 1000,
                          "Ä - " + std::string{title});
    station.push_frames(10);
  }
  expected[1].second = "Ä - Zw'ei' ; drei";
  g_signal_emit_by_name(station.sink(), "set-title", "By hand", "http://example.org/");
  expected.emplace_back((station.frames.size() + 999) / 1000 * 1000, "By hand");
  station.push_frames(10);
  station.end();
  ck_assert(client.read_all());
  ck_assert(heard_by(client).titles == expected);
  ck_assert_uint_eq(station.stat("titles"), 4);
}
END_TEST

START_TEST(documents)
{
  Station station{
      "stream-name=\"Radio & more\" description=Test genre=jazz mount=live.mp3 "
      "url=http://example.org/"};
  station.push_frames(100);
  station.push_title("Artist", "Title");
  const auto get = [&](const std::string &path, const char *method = "GET") {
    return answer_to(station.port(), std::string{method} + " " + path +
                                         " HTTP/1.0\r\nHost: radio.example:99\r\n\r\n");
  };
  const auto has = [&](const std::string &path, const char *text) {
    const auto answer = get(path);
    ck_assert_msg(answer.find(text) != std::string::npos, "%s: no %s in %s", path.c_str(), text,
                  answer.c_str());
  };
  has("/live.mp3.m3u", "\nhttp://radio.example:99/live.mp3\n");
  has("/live.mp3.pls", "File1=http://radio.example:99/live.mp3\n");
  has("/live.mp3.xspf", "<creator>Radio &amp; more</creator>");
  has("/status-json.xsl", "\"title\":\"Artist - Title\"");
  has("/status-json.xsl", "\"listenurl\":\"http://radio.example:99/live.mp3\"");
  has("/", "<h1 id=\"name\">Radio &amp; more</h1>");
  has("/", "Content-Security-Policy");
  has("/station.js", "text/javascript");
  has("/nothing", "HTTP/1.1 404 ");
  has("/%2e%2e/etc/passwd", "HTTP/1.1 404 ");
  ck_assert(get("/live.mp3", "HEAD").find("icy-genre: jazz\r\n") != std::string::npos);
  ck_assert(get("/live.mp3", "HEAD").ends_with("\r\n\r\n"));
  ck_assert(get("/", "HEAD").ends_with("\r\n\r\n"));
  ck_assert(get("/live.mp3", "DELETE").starts_with("HTTP/1.1 405 "));
  const auto options = get("/live.mp3", "OPTIONS");
  ck_assert(options.starts_with("HTTP/1.1 204 ") &&
            options.find("Access-Control-Allow-Headers") != std::string::npos);
  ck_assert(get("*", "OPTIONS").starts_with("HTTP/1.1 204 "));
  g_object_set(station.sink(), "web-page", FALSE, nullptr);
  has("/", "HTTP/1.1 404 ");
  has("/status-json.xsl", "icestats");
}
END_TEST

START_TEST(a_page_of_ones_own)
{
  gchar *folder = g_dir_make_tmp("station-XXXXXX", nullptr);
  const glue::StringPtr path{g_build_filename(folder, "index.html", nullptr)};
  g_file_set_contents(path.get(), "mine: {{name}}", -1, nullptr);
  Station station{std::string{"stream-name=N web-root="} + folder};
  ck_assert(answer_to(station.port(), "GET / HTTP/1.0\r\n\r\n").ends_with("mine: N"));
  for (const auto *way :
       {"/../index.html", "/..%2findex.html", "/%2fetc%2fpasswd", "/.hidden", "/station.js"})
    ck_assert(answer_to(station.port(), "GET " + std::string{way} + " HTTP/1.0\r\n\r\n")
                  .starts_with("HTTP/1.1 404 "));
  g_remove(path.get());
  g_rmdir(folder);
  g_free(folder);
}
END_TEST

// Requests one after the other on a connection, also sent all at once.
START_TEST(connections_are_kept)
{
  Station station;
  HttpClient client{station.port()};
  std::string all;
  for (int i = 0; i < 300; ++i)
    all += "GET /station.svg HTTP/1.1\r\nHost: h\r\n\r\n";
  all += "GET /station.svg HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  std::thread sender{[&] { client.send(all); }};
  ck_assert(client.read_all());
  sender.join();
  std::size_t answers = 0;
  for (auto at = client.received.find("HTTP/1.1 200 OK"); at != std::string::npos;
       at = client.received.find("HTTP/1.1 200 OK", at + 1))
    ++answers;
  ck_assert_uint_eq(answers, 301);
  ck_assert_uint_eq(station.stat("connections"), 1);
}
END_TEST

// Pages are told of titles: of those that are live, and once they listen of when they hear
// them.
START_TEST(pages_are_told_when_a_title_is_heard)
{
  Station station{"stream-name=Page"};
  station.push_frames(100);
  station.push_title("A", "One");
  HttpClient page{station.port()};
  page.get("/events?mount=/stream&sid=abc");
  ck_assert(page.read_until("\"heard\":false"));
  ck_assert(page.read_until("A - One"));
  HttpClient player{station.port()};
  player.get("/stream?sid=abc");
  ck_assert(player.read_until("\r\n\r\n"));
  ck_assert(page.read_until("\"heard\":true"));
  // The burst is 2.6 s, of which the title is at the end.
  station.push_frames(100);
  station.push_title("A", "Two");
  ck_assert(page.read_until("A - Two"));
  const auto news = page.received.substr(page.received.rfind("event: station"));
  const auto at = news.find("A - Two\",\"at\":");
  ck_assert(at != std::string::npos);
  const auto seconds = std::stod(news.substr(at + 14));
  ck_assert_msg(seconds > 5.1 && seconds < 5.3, "%f", seconds);
}
END_TEST

START_TEST(passwords)
{
  Station station{"auth-user=me auth-password=secret auth-realm=Club"};
  station.push_frames(10);
  const auto listen = [&](const char *credentials) {
    HttpClient client{station.port()};
    client.get("/stream", credentials ? std::string{"Authorization: "} + credentials + "\r\n"
                                      : std::string{});
    client.read_until("\r\n\r\n");
    if (client.status() == 401)
      ck_assert(client.field("WWW-Authenticate").starts_with("Basic realm=\"Club\""));
    return client.status();
  };
  ck_assert_int_eq(listen(nullptr), 401);
  ck_assert_int_eq(listen("Basic bWU6d3Jvbmc="), 401);  // me:wrong
  ck_assert_int_eq(listen("Basic bWU6c2VjcmV0"), 200);  // me:secret
  ck_assert_int_eq(listen("Basic %%%"), 401);
  ck_assert_int_eq(listen("Bearer x"), 401);
  // Whoever the application knows may listen too.
  g_signal_connect(
      station.sink(), "authenticate",
      G_CALLBACK(+[](GstElement *, const gchar *mount, const gchar *user, const gchar *password,
                     const gchar *peer, gpointer) -> gboolean {
        return g_str_equal(mount, "/stream") && g_str_equal(user, "guest") &&
               g_str_equal(password, "x:y") && g_str_has_prefix(peer, "127.0.0.1:");
      }),
      nullptr);
  ck_assert_int_eq(listen("Basic Z3Vlc3Q6eDp5"), 200);  // guest:x:y
  ck_assert_int_eq(listen("Basic Z3Vlc3Q6eA=="), 401);  // guest:x
  ck_assert_int_eq(listen("Basic bWU6c2VjcmV0"), 200);
}
END_TEST

namespace {

struct Guests {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> events;

  void note(std::string event)
  {
    const std::lock_guard lock{mutex};
    events.push_back(std::move(event));
    changed.notify_all();
  }
  void wait_for(std::size_t count)
  {
    std::unique_lock lock{mutex};
    ck_assert(changed.wait_for(lock, std::chrono::seconds{20},
                               [&] { return events.size() >= count; }));
  }
};

}  // namespace

START_TEST(the_application_sees_and_removes_listeners)
{
  Guests guests;
  Station station{"max-listeners=2"};
  station.push_frames(10);
  g_signal_connect(
      station.sink(), "listener-added",
      G_CALLBACK(+[](GstElement *, guint64 id, const gchar *, const gchar *agent,
                     const gchar *mount, gpointer data) {
        ck_assert_str_eq(mount, "/stream");
        static_cast<Guests *>(data)->note("added " + std::to_string(id) + " " + agent);
      }),
      &guests);
  g_signal_connect(
      station.sink(), "listener-removed",
      G_CALLBACK(+[](GstElement *, guint64 id, const gchar *reason, guint64 bytes, guint64,
                     const gchar *mount, gpointer data) {
        ck_assert_str_eq(mount, "/stream");
        ck_assert_uint_gt(bytes, 4000);
        static_cast<Guests *>(data)->note("removed " + std::to_string(id) + " " + reason);
      }),
      &guests);
  HttpClient first{station.port()};
  first.get("/stream", "User-Agent: one\r\n");
  ck_assert(first.read_at_least(4000));
  auto second = std::make_unique<HttpClient>(station.port());
  second->get("/stream", "User-Agent: two\r\n");
  ck_assert(second->read_at_least(4000));
  HttpClient third{station.port()};
  third.get("/stream");
  ck_assert(third.read_until("\r\n\r\n"));
  ck_assert_int_eq(third.status(), 503);
  GstStructure *list = nullptr;
  g_signal_emit_by_name(station.sink(), "list-listeners", &list);
  const auto *all = gst_structure_get_value(list, "listeners");
  ck_assert_uint_eq(gst_value_array_get_size(all), 2);
  const auto *one = gst_value_get_structure(gst_value_array_get_value(all, 0));
  guint64 id = 0;
  gst_structure_get_uint64(one, "id", &id);
  ck_assert_str_eq(gst_structure_get_string(one, "user-agent"), "one");
  gst_structure_free(list);
  gboolean was_there = FALSE;
  g_signal_emit_by_name(station.sink(), "remove", id, &was_there);
  ck_assert(was_there);
  g_signal_emit_by_name(station.sink(), "remove", id, &was_there);
  ck_assert(!was_there);
  ck_assert(first.read_all());
  second.reset();
  station.push_frames(2);
  guests.wait_for(4);
  station.push_frames(2);
  ck_assert(guests.events[0] == "added 1 one" && guests.events[1] == "added 2 two");
  ck_assert(guests.events[2] == "removed 1 removed" && guests.events[3] == "removed 2 left");
}
END_TEST

// Who takes nothing is disconnected, or later goes on where the others are; others lose
// nothing.
static void check_lag(const char *policy)
{
  const std::string properties = "burst-time=100 queue-time=1000 lag-policy=";
  Station station{properties + policy};
  station.push_frames(10);
  HttpClient good{station.port()};
  good.get("/stream");
  HttpClient stuck{station.port(), false, 4096};
  stuck.get("/stream");
  ck_assert(good.read_at_least(1000) && stuck.read_at_least(1000));
  const bool resyncs = g_str_equal(policy, "resync");
  const auto *counter = resyncs ? "resyncs" : "lagged-listeners";
  for (int i = 0; i < 400 && station.stat(counter) == 0; ++i) {
    const auto before = station.frames.size();
    station.push_frames(40);
    ck_assert(good.read_at_least(before / 2));
    g_usleep(20'000);
  }
  ck_assert_uint_eq(station.stat(counter), 1);
  station.push_frames(10);
  station.end();
  ck_assert(good.read_all());
  ck_assert(station.frames.ends_with(good.body()));
  ck_assert_uint_gt(good.body().size(), station.frames.size() - 11 * 418);
  stuck.read_all();
  ck_assert_uint_lt(stuck.body().size(), good.body().size());
  // Whole frames up to where something was left out, and after it.
  const auto body = stuck.body();
  const auto began = station.frames.find(body.substr(0, 2000));
  ck_assert(std::ranges::binary_search(station.boundaries, began));
  std::size_t same = 0;
  while (same < body.size() && body[same] == station.frames[began + same])
    ++same;
  if (resyncs) {
    ck_assert(station.frames.ends_with(body.substr(same - same % 417)));
    ck_assert(std::ranges::binary_search(station.boundaries, began + same - same % 417));
  } else {
    ck_assert_uint_eq(same, body.size());
  }
}

START_TEST(who_lags_is_disconnected)
{
  check_lag("disconnect");
}
END_TEST

START_TEST(who_lags_goes_on_with_the_others)
{
  check_lag("resync");
}
END_TEST

START_TEST(several_streams_share_a_port)
{
  Station first{"mount=/one stream-name=One"};
  const auto port = "port=" + std::to_string(first.port());
  Station second{port + " mount=/two stream-name=Two",
                 "audio/mpeg,mpegversion=4,stream-format=adts"};
  ck_assert_int_eq(second.port(), first.port());
  first.push_frames(10);
  HttpClient client{first.port()};
  client.get("/one");
  ck_assert(client.read_at_least(4000));
  Random random{4};
  const auto aac = adts_stream(random, 20);
  second.push(aac.bytes, 0);
  HttpClient other{first.port()};
  other.get("/two");
  ck_assert(other.read_at_least(2000));
  ck_assert(other.field("Content-Type") == "audio/aac");
  const auto status = answer_to(first.port(), "GET /status-json.xsl HTTP/1.0\r\n\r\n");
  ck_assert(status.find("\"source\":[") != std::string::npos);
  // One that has no page does not take it from the others.
  g_object_set(second.sink(), "web-page", FALSE, nullptr);
  ck_assert(answer_to(first.port(), "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
  // A third one at a path that is taken.
  auto *taken = gst_parse_launch(
      ("httpserversink address=127.0.0.1 mount=/one " + port).c_str(), nullptr);
  ck_assert_int_eq(gst_element_set_state(taken, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  gst_element_set_state(taken, GST_STATE_NULL);
  gst_object_unref(taken);
}
END_TEST

// Several streams of one element, by request pads; one that comes and goes meanwhile.
START_TEST(several_streams_of_one_element)
{
  auto *pipeline = gst_parse_launch(
      "httpserversink name=s address=127.0.0.1 port=0 sync=false genre=jazz flush-interval=20 "
      "sink_0::mount=/high sink_0::stream-name=High sink_1::mount=low "
      "appsrc name=high format=time ! s.sink_0  appsrc name=low format=time ! s.sink_1",
      nullptr);
  ck_assert(pipeline);
  const auto find = [&](const char *name) {
    return glue::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline), name));
  };
  const auto sink = find("s");
  const auto pad = glue::Ref<GstPad>::adopt(gst_element_get_static_pad(sink.get(), "sink_0"));
  Random random{5};
  const auto push = [&](const glue::Ref<GstElement> &source, int frames) {
    std::string all;
    for (int i = 0; i < frames; ++i) {
      const auto frame = mp3_frame(random);
      all.append(as_text(frame));
      auto *buffer = glue::copy(frame).release();
      GstFlowReturn flow = GST_FLOW_OK;
      g_signal_emit_by_name(source.get(), "push-buffer", buffer, &flow);
      gst_buffer_unref(buffer);
      ck_assert_int_eq(flow, GST_FLOW_OK);
    }
    return all;
  };
  auto *caps = gst_caps_from_string(mp3_caps);
  for (const auto *name : {"high", "low"})
    g_object_set(find(name).get(), "caps", caps, nullptr);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  auto high = push(find("high"), 20);
  const auto low = push(find("low"), 20);
  // Nothing comes to the pad that is always there, and nobody waits for it.
  ck_assert_int_eq(gst_element_get_state(pipeline, nullptr, nullptr, 20 * GST_SECOND),
                   GST_STATE_CHANGE_SUCCESS);
  gint port = 0;
  g_object_get(sink.get(), "bound-port", &port, nullptr);
  const auto listen = [&](const char *path) {
    // Until there is sound one is told to come again.
    const auto request = std::string{"HEAD "} + path + " HTTP/1.0\r\n\r\n";
    while (answer_to(port, request).starts_with("HTTP/1.1 503 "))
      g_usleep(5000);
    auto client = std::make_unique<HttpClient>(port);
    client->get(path);
    ck_assert(client->read_at_least(4000));
    ck_assert_int_eq(client->status(), 200);
    ck_assert(client->field("icy-genre") == "jazz");
    return client;
  };
  const auto listener = listen("/high");
  ck_assert(listener->field("icy-name") == "High");
  ck_assert(low.find(listen("/low")->body().substr(0, 1000)) != std::string::npos);
  ck_assert(answer_to(port, "GET /stream HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404 "));
  guint64 count = 0;
  g_object_get(pad.get(), "num-listeners", &count, nullptr);
  ck_assert_uint_eq(count, 1);
  g_signal_emit_by_name(pad.get(), "set-title", "Only here", nullptr);
  const auto status = answer_to(port, "GET /status-json.xsl HTTP/1.0\r\n\r\n");
  ck_assert(status.find("Only here") != std::string::npos &&
            status.find("Only here") == status.rfind("Only here"));
  ck_assert(status.find("/high\"") < status.find("/low\""));
  // A third, while the others play on.
  auto *source = gst_element_factory_make("appsrc", nullptr);
  g_object_set(source, "format", GST_FORMAT_TIME, "caps", caps, nullptr);
  gst_bin_add(GST_BIN(pipeline), source);
  auto *late = gst_element_request_pad_simple(sink.get(), "sink_%u");
  ck_assert_str_eq(GST_OBJECT_NAME(late), "sink_2");
  ck_assert(gst_element_link_pads(source, "src", sink.get(), "sink_2"));
  gst_element_sync_state_with_parent(source);
  GstState state = GST_STATE_NULL;
  ck_assert_int_eq(gst_element_get_state(pipeline, &state, nullptr, 0),
                   GST_STATE_CHANGE_SUCCESS);
  ck_assert_int_eq(state, GST_STATE_PLAYING);
  push(glue::Ref<GstElement>::share(source), 20);
  auto visitor = listen("/stream_2");
  gst_element_set_state(source, GST_STATE_NULL);
  gst_bin_remove(GST_BIN(pipeline), source);
  gst_element_release_request_pad(sink.get(), late);
  gst_object_unref(late);
  ck_assert(visitor->read_all());
  ck_assert(answer_to(port, "GET /stream_2 HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 404 "));
  high += push(find("high"), 20);
  for (const auto *name : {"high", "low"}) {
    GstFlowReturn flow = GST_FLOW_OK;
    g_signal_emit_by_name(find(name).get(), "end-of-stream", &flow);
  }
  ck_assert(listener->read_all());
  ck_assert(high.ends_with(listener->body()) && listener->body().size() > 30 * 417);
  auto *bus = gst_element_get_bus(pipeline);
  auto *message = gst_bus_timed_pop_filtered(
      bus, 20 * GST_SECOND, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  ck_assert(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS);
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_caps_unref(caps);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
}
END_TEST

// What is said of a stream in tags comes behind its format: nobody listens before.
START_TEST(the_first_listener_has_the_name)
{
  Station station;
  auto listen = [&] { return answer_to(station.port(), "HEAD /stream HTTP/1.0\r\n\r\n"); };
  ck_assert(listen().starts_with("HTTP/1.1 503 "));
  gst_harness_push_event(station.harness(), gst_event_new_tag(gst_tag_list_new(
                                                GST_TAG_ORGANIZATION, "Noted", nullptr)));
  ck_assert(listen().starts_with("HTTP/1.1 503 "));
  station.push_frames(1);
  ck_assert(listen().find("icy-name: Noted\r\n") != std::string::npos);
}
END_TEST

START_TEST(a_port_that_is_taken)
{
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ck_assert_int_eq(bind(fd, reinterpret_cast<sockaddr *>(&address), size), 0);
  ck_assert_int_eq(listen(fd, 1), 0);
  getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size);
  auto *pipeline =
      gst_parse_launch("fakesrc ! httpserversink name=s address=127.0.0.1", nullptr);
  auto *sink = gst_bin_get_by_name(GST_BIN(pipeline), "s");
  g_object_set(sink, "port", gint{ntohs(address.sin_port)}, nullptr);
  ck_assert_int_eq(gst_element_set_state(pipeline, GST_STATE_PLAYING),
                   GST_STATE_CHANGE_FAILURE);
  auto *bus = gst_element_get_bus(pipeline);
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  GError *error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  ck_assert(g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_WRITE));
  g_error_free(error);
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_object_unref(sink);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  close(fd);
}
END_TEST

START_TEST(ipv6)
{
  Station station{"address=::1"};
  station.push_frames(10);
  HttpClient client{station.port(), true};
  client.get("/stream");
  ck_assert(client.read_at_least(4000));
}
END_TEST

// Requests that two readers could understand differently, or that are none: refused, and the
// connection ends. In between a good client is served.
START_TEST(nobody_is_let_in_by_a_trick)
{
  Station station;
  station.push_frames(10);
  const auto hidden = std::string{"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"};
  const std::vector<std::string> requests{
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
          hidden,
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 40\r\n\r\n" + hidden,
      "GET / HTTP/1.1\nHost: h\n\n" + hidden,
      "GET / HTTP/1.1\r\nHost: h\r\nX: y\n\r\n" + hidden,
      "CONNECT x:1 HTTP/1.1\r\n\r\n" + hidden,
      "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: x\r\n\r\n" + hidden,
      "POST /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 44\r\n\r\n" + hidden,
      std::string(100'000, 'x'),
      "\x16\x03\x01\x02\x03",
  };
  for (const auto &request : requests) {
    HttpClient client{station.port()};
    client.send(request);
    client.end_sending();
    ck_assert(client.read_all());
    if (!client.received.empty())
      ck_assert_msg(client.status() >= 400, "%s", client.received.c_str());
    ck_assert(client.received.find("HTTP/1.1 200") == std::string::npos);
  }
  ck_assert_uint_eq(station.stat("listeners-in-all"), 0);
  // A range of a thing without an end is no range.
  HttpClient good{station.port()};
  std::string range = "Range: bytes=0-";
  for (int i = 0; i < 2000; ++i)
    range += ",0-";
  good.get("/stream", range + "\r\n");
  ck_assert(good.read_at_least(4000));
  ck_assert_int_eq(good.status(), 200);
}
END_TEST

START_TEST(who_asks_for_nothing_is_sent_away)
{
  Station station{"request-timeout=1"};
  HttpClient silent{station.port()};
  HttpClient slow{station.port()};
  slow.send("GET / HTTP/1.1\r\nHo");
  ck_assert(silent.read_all() && silent.received.empty());
  ck_assert(slow.read_all());
  ck_assert_int_eq(slow.status(), 408);
  ck_assert_uint_eq(station.stat("timeouts"), 2);
}
END_TEST

START_TEST(one_too_many_of_an_address)
{
  Station station{"max-connections-per-address=3"};
  station.push_frames(10);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<HttpClient>(station.port()));
    clients.back()->get("/stream");
    ck_assert(clients.back()->read_at_least(4000));
  }
  ck_assert(answer_to(station.port(), "").starts_with("HTTP/1.1 429 "));
  ck_assert_uint_eq(station.stat("refused-connections"), 1);
  clients.clear();
  station.push_frames(20);
  station.wait_for("listeners", 0);
  HttpClient again{station.port()};
  again.get("/stream");
  ck_assert(again.read_at_least(4000));
}
END_TEST

// The headers of the caps are sent to who comes later, in front of a cluster.
START_TEST(stream_headers_come_first)
{
  Random random{8};
  const auto webm = webm_stream(random, 30);
  auto buffer = glue::copy(webm.headers);
  auto *caps = gst_caps_new_empty_simple("video/webm");
  GValue headers = G_VALUE_INIT;
  GValue header = G_VALUE_INIT;
  gst_value_array_init(&headers, 1);
  g_value_init(&header, GST_TYPE_BUFFER);
  gst_value_set_buffer(&header, buffer.get());
  gst_value_array_append_and_take_value(&headers, &header);
  gst_caps_set_value(caps, "streamheader", &headers);
  g_value_unset(&headers);
  Station station{"burst-time=0", nullptr};
  gst_harness_set_src_caps(station.harness(), caps);
  const auto from = webm.joins[3];
  station.push(Bytes{webm.bytes}.subspan(from, webm.bytes.size() - from - 10), 0);
  HttpClient client{station.port()};
  client.get("/stream");
  ck_assert(client.read_until("\r\n\r\n"));
  station.push(Bytes{webm.bytes}.last(10), GST_SECOND);
  station.end();
  ck_assert(client.read_all());
  ck_assert(client.body().starts_with(as_text(webm.headers)));
  const auto rest = client.body().substr(webm.headers.size());
  ck_assert(as_text(webm.bytes).ends_with(rest));
  ck_assert(std::ranges::binary_search(webm.joins, webm.bytes.size() - rest.size()));
}
END_TEST

START_TEST(aac_without_frames_is_refused)
{
  Station station{"", nullptr};
  auto *bus = gst_bus_new();
  gst_element_set_bus(station.sink(), bus);
  gst_harness_set_src_caps_str(station.harness(), "audio/mpeg,mpegversion=4,stream-format=raw");
  ck_assert_int_eq(station.push(as_bytes("x"), 0), GST_FLOW_NOT_NEGOTIATED);
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  ck_assert(message);
  gst_message_unref(message);
  gst_element_set_bus(station.sink(), nullptr);
  gst_object_unref(bus);
}
END_TEST

namespace {

// A station with listeners, and pages, that is stopped and plays again.
void go_on_and_off_the_air(std::size_t count)
{
  Station station;
  station.push_frames(10);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<HttpClient>(station.port()));
    clients.back()->get(i % 5 == 0 ? "/events" : "/stream");
  }
  for (const auto &client : clients)
    ck_assert(client->read_until("\r\n\r\n"));
  station.push_frames(2);
  gst_element_set_state(station.sink(), GST_STATE_NULL);
  for (const auto &client : clients)
    ck_assert(client->read_all());
  gst_element_set_state(station.sink(), GST_STATE_PLAYING);
  ck_assert_int_gt(station.port(), 0);
}

}  // namespace

// Nothing is left behind. KAM_STATION_CYCLES and KAM_STATION_LISTENERS make it as many.
START_TEST(started_and_stopped_with_listeners)
{
  const auto cycles = number_of("KAM_STATION_CYCLES", 20);
  const auto count = number_of("KAM_STATION_LISTENERS", 20);
  allow_descriptors(2 * count + 1024);
  g_thread_pool_set_max_unused_threads(0);
  go_on_and_off_the_air(count);  // makes what is made once
  const auto files = entries_in("/proc/self/fd");
  const auto threads = entries_in("/proc/self/task");
  const auto memory = memory_in_use();
  for (std::size_t i = 0; i < cycles; ++i)
    go_on_and_off_the_air(count);
  const auto growth = memory_in_use() - memory;
  g_print("%zu cycles with %zu listeners, %.0f kB more\n", cycles, count, growth / 1000);
  ck_assert_int_eq(entries_in("/proc/self/fd"), files);
  for (int i = 0; i < 2000 && entries_in("/proc/self/task") > threads; ++i) {
    g_thread_pool_stop_unused_threads();
    g_usleep(5000);
  }
  ck_assert_int_le(entries_in("/proc/self/task"), threads);
  if (memory_is_measurable)
    ck_assert_msg(growth < 16e6, "%.0f bytes", growth);
}
END_TEST

static Suite *httpserversink_suite()
{
  auto *suite = suite_create("httpserversink");
  auto *tests = tcase_create("httpserversink");
  if (g_getenv("KAM_STATION_CYCLES"))
    tcase_set_timeout(tests, 0);
  tcase_add_test(tests, sound_is_byte_exact_and_begins_with_a_frame);
  tcase_add_test(tests, titles_change_at_their_byte);
  tcase_add_test(tests, documents);
  tcase_add_test(tests, a_page_of_ones_own);
  tcase_add_test(tests, connections_are_kept);
  tcase_add_test(tests, pages_are_told_when_a_title_is_heard);
  tcase_add_test(tests, passwords);
  tcase_add_test(tests, the_application_sees_and_removes_listeners);
  tcase_add_test(tests, who_lags_is_disconnected);
  tcase_add_test(tests, who_lags_goes_on_with_the_others);
  tcase_add_test(tests, several_streams_share_a_port);
  tcase_add_test(tests, several_streams_of_one_element);
  tcase_add_test(tests, the_first_listener_has_the_name);
  tcase_add_test(tests, a_port_that_is_taken);
  tcase_add_test(tests, ipv6);
  tcase_add_test(tests, nobody_is_let_in_by_a_trick);
  tcase_add_test(tests, who_asks_for_nothing_is_sent_away);
  tcase_add_test(tests, one_too_many_of_an_address);
  tcase_add_test(tests, stream_headers_come_first);
  tcase_add_test(tests, aac_without_frames_is_refused);
  tcase_add_test(tests, started_and_stopped_with_listeners);
  suite_add_tcase(suite, tests);
  return suite;
}

GST_CHECK_MAIN(httpserversink)
