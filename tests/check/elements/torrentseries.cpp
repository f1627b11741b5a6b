// SPDX-License-Identifier: LGPL-2.1-or-later
// torrentsrc on a live series of torrents: parts that peers in this process have, published in
// a folder or by a web server in it.
#include "core/torrent/series.hpp"
#include "support/harness.hpp"
#include "support/random.hpp"
#include "support/source_player.hpp"
#include "support/torrent_seed.hpp"
#include "support/web_server.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::test;

namespace {

constexpr auto quiet =
    "listen-interfaces=127.0.0.1:0 dht=false lsd=false upnp=false natpmp=false ";

void write(const std::filesystem::path &path, std::string_view text)
{
  const auto beside = path.string() + ".part";
  std::ofstream{beside, std::ios::binary} << text;
  std::filesystem::rename(beside, path);
}

// A folder as torrentsink makes it, whose parts are seeded by peers of their own.
class Series {
 public:
  explicit Series(std::size_t parts)
  {
    for (std::uint32_t i = 0; i < parts; ++i) {
      SeedOptions options;
      options.random_seed = 50 + i;
      options.files = {{"live-" + std::to_string(i + 1) + ".ts", 200'000 + 1000 * i}};
      seeds_.push_back(std::make_unique<TorrentSeed>(options));
    }
  }

  TorrentSeed &part(std::size_t number) { return *seeds_.at(number - 1); }
  std::filesystem::path folder() const { return folder_.path(); }
  std::string index() const { return (folder() / "meta.txt").string(); }

  void put_torrent(std::size_t number, Bytes metainfo)
  {
    write(folder() / torrent::series_torrent_name(number), as_text(metainfo));
  }
  void put_index(std::uint64_t newest, bool has_ended = false)
  {
    write(index(), torrent::series_index({.newest = newest, .has_ended = has_ended}));
  }
  void publish(std::size_t number)
  {
    put_torrent(number, part(number).metainfo());
    put_index(number);
  }
  std::string addresses() const
  {
    std::string all;
    for (const auto &seed : seeds_)
      all += seed->address() + ",";
    return all;
  }
  ByteVector content(std::initializer_list<std::size_t> numbers)
  {
    ByteVector all;
    for (const auto number : numbers)
      all.insert(all.end(), part(number).content().begin(), part(number).content().end());
    return all;
  }

 private:
  TemporaryFolder folder_;
  std::vector<std::unique_ptr<TorrentSeed>> seeds_;
};

// What a listener gets.
class Listener : public SourcePlayer<Listener> {
 public:
  Listener(const std::string &location, const std::string &peers,
           const std::string &properties = {})
      : SourcePlayer{"torrentsrc name=source poll-interval=50 " + std::string{quiet} +
                         properties + " ! fakesink sync=false async=false",
                     location}
  {
    g_object_set(source(), "peers", peers.c_str(), nullptr);
  }
  explicit Listener(const Series &series, const std::string &properties = {})
      : Listener{series.index(), series.addresses(), properties}
  {
  }
  ~Listener() { stop(); }
  Listener(const Listener &) = delete;
  Listener &operator=(const Listener &) = delete;

  void wait_for_bytes(std::size_t count)
  {
    wait("bytes", [&] { return bytes.size() >= count; });
  }
  void expect(const ByteVector &content)
  {
    wait("EOS", [&] { return eos || !error.empty(); });
    ck_assert_msg(error.empty(), "%s", error.c_str());
    ck_assert_uint_eq(bytes.size(), content.size());
    ck_assert(bytes == content);
  }
  guint64 stat(const char *name) const
  {
    GstStructure *stats = nullptr;
    g_object_get(source(), "stats", &stats, nullptr);
    guint64 value = 0;
    ck_assert_msg(gst_structure_get_uint64(stats, name, &value), "no %s", name);
    gst_structure_free(stats);
    return value;
  }

  // While data flows, only in what wait() is given.
  ByteVector bytes;
  std::vector<std::size_t> breaks;  // where DISCONT was, but at the beginning
  std::vector<guint64> parts;
  int warnings = 0;

 private:
  friend class SourcePlayer<Listener>;
  void note(GstBuffer *buffer)
  {
    if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT) && !bytes.empty())
      breaks.push_back(bytes.size());
    ck_assert_uint_eq(GST_BUFFER_OFFSET(buffer), bytes.size());
    const auto part = bytes_of(buffer);
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  void note(GstEvent *) {}
  void note(GstMessage *message)
  {
    warnings += GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING ? 1 : 0;
    guint64 part = 0;
    if (gst_message_has_name(message, "torrent-metadata") &&
        gst_structure_get_uint64(gst_message_get_structure(message), "part", &part))
      parts.push_back(part);
  }
};

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start)
{
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
}

// A web server that offers a folder.
class FolderServer {
 public:
  explicit FolderServer(const std::filesystem::path &folder)
      : server_{[folder](SoupServerMessage *message, const std::string &path) {
          gchar *text = nullptr;
          gsize size = 0;
          if (!g_file_get_contents((folder.string() + path).c_str(), &text, &size, nullptr)) {
            soup_server_message_set_status(message, 404, nullptr);
            return;
          }
          soup_server_message_set_status(message, 200, nullptr);
          soup_server_message_set_response(message, "application/octet-stream",
                                           SOUP_MEMORY_TAKE, text, size);
        }}
  {
  }
  std::string uri(const std::string &path) const { return "torrent+" + server_.uri(path); }

 private:
  WebServer server_;
};

}  // namespace

// 0: of a folder; 1: its index as an address; 2: by HTTP; 3: by HTTP, its folder.
GST_START_TEST(a_series_is_followed_from_its_newest_part_to_its_end)
{
  Series series{4};
  const FolderServer server{series.folder()};
  const std::string places[] = {series.folder().string(), "file://" + series.index(),
                                server.uri("/meta.txt"), server.uri("/")};
  series.publish(1);
  series.publish(2);
  Listener listener{places[__i__], series.addresses()};
  listener.start();
  listener.wait_for_bytes(series.content({2}).size());
  series.publish(3);
  listener.wait_for_bytes(series.content({2, 3}).size());
  ck_assert_uint_eq(listener.stat("newest"), 3);
  series.publish(4);
  series.put_index(4, true);
  listener.expect(series.content({2, 3, 4}));
  ck_assert(listener.parts == (std::vector<guint64>{2, 3, 4}));
  ck_assert(listener.breaks.empty());
  ck_assert_int_eq(listener.warnings, 0);
  ck_assert_uint_eq(listener.stat("skipped"), 0);
}
GST_END_TEST

GST_START_TEST(a_series_is_followed_from_and_to_a_number)
{
  Series series{4};
  for (std::size_t i = 1; i <= 4; ++i)
    series.publish(i);
  Listener some{series, "first-number=2 last-number=3"};
  some.start().expect(series.content({2, 3}));
  series.put_index(4, true);
  Listener last{series, "first-number=-1 parts-ahead=0"};
  last.start().expect(series.content({3, 4}));
  Listener none{series, "first-number=5"};
  none.start().expect({});
}
GST_END_TEST

GST_START_TEST(a_series_that_has_not_begun_is_waited_for)
{
  Series series{1};
  series.put_index(0);
  Listener listener{series};
  listener.start();
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{200};
  while (std::chrono::steady_clock::now() < until)
    g_usleep(10'000);
  ck_assert_uint_eq(listener.stat("part"), 1);
  series.publish(1);
  series.put_index(1, true);
  listener.expect(series.content({1}));
}
GST_END_TEST

// Each way in which a part can be none: no torrent, no torrent of one file, nonsense.
GST_START_TEST(a_part_that_cannot_be_had_is_skipped)
{
  Series series{3};
  for (std::size_t i = 1; i <= 3; ++i)
    series.publish(i);
  series.put_index(3, true);
  SeedOptions several;
  several.files = {{"a.ts", 1000}, {"b.ts", 2000}};
  const TorrentSeed album{several};
  if (__i__ == 0)
    std::filesystem::remove(series.folder() / "2.torrent");
  else if (__i__ == 1)
    series.put_torrent(2, album.metainfo());
  else
    series.put_torrent(2, as_bytes("d4:infode"));
  Listener listener{series, "first-number=1"};
  listener.start().expect(series.content({1, 3}));
  ck_assert(listener.breaks == std::vector<std::size_t>{series.content({1}).size()});
  ck_assert(listener.parts == (std::vector<guint64>{1, 3}));
  listener.wait("a warning", [&] { return listener.warnings == 1; });
  ck_assert_uint_eq(listener.stat("skipped"), 1);
}
GST_END_TEST

GST_START_TEST(a_part_that_nobody_sends_is_skipped)
{
  Series series{3};
  for (std::size_t i = 1; i <= 2; ++i)
    series.publish(i);
  series.part(2).pause();
  Listener listener{series, "first-number=1 part-timeout=300000000"};
  listener.start();
  listener.wait_for_bytes(series.content({1}).size());
  // As long as there is no other it may still come.
  g_usleep(600'000);
  ck_assert_uint_eq(listener.stat("skipped"), 0);
  series.publish(3);
  series.put_index(3, true);
  listener.expect(series.content({1, 3}));
  ck_assert_uint_eq(listener.breaks.size(), 1);
  ck_assert_uint_eq(listener.stat("skipped"), 1);
}
GST_END_TEST

GST_START_TEST(a_wait_for_a_part_can_be_interrupted)
{
  Series series{2};
  const FolderServer server{series.folder()};
  series.publish(1);
  Listener listener{server.uri("/meta.txt"), series.addresses()};
  listener.start();
  listener.wait_for_bytes(series.content({1}).size());
  auto started = std::chrono::steady_clock::now();
  listener.start(GST_STATE_PAUSED);
  listener.start(GST_STATE_PLAYING);
  ck_assert_int_lt(since(started).count(), 1000);
  series.publish(2);
  listener.wait_for_bytes(series.content({1, 2}).size());
  started = std::chrono::steady_clock::now();
  listener.stop();
  ck_assert_int_lt(since(started).count(), 1000);
  listener.wait("the content", [&] { return listener.bytes == series.content({1, 2}); });
}
GST_END_TEST

GST_START_TEST(a_server_that_does_not_answer_keeps_nobody)
{
  Series series{1};
  std::atomic<bool> hangs = false;
  const RawServer server{[&](const std::string &path, const RawServer::Connection &connection) {
    if (hangs)
      connection.hang();
    std::ifstream file{series.folder().string() + path, std::ios::binary};
    const std::string body{std::istreambuf_iterator<char>{file}, {}};
    connection.send("HTTP/1.0 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
  }};
  series.publish(1);
  Listener listener{"torrent+" + server.uri("/meta.txt"), series.addresses()};
  listener.start();
  listener.wait_for_bytes(series.content({1}).size());
  hangs = true;
  g_usleep(200'000);
  const auto started = std::chrono::steady_clock::now();
  listener.stop();
  ck_assert_int_lt(since(started).count(), 1000);
}
GST_END_TEST

GST_START_TEST(too_long_a_wait_for_a_part_is_an_error)
{
  Series series{1};
  series.publish(1);
  Listener listener{series, "timeout=300000000"};
  listener.start().wait_for_error();
  listener.wait("the first part", [&] { return listener.bytes == series.content({1}); });
  ck_assert_int_eq(listener.error_code, GST_RESOURCE_ERROR_NOT_FOUND);
}
GST_END_TEST

GST_START_TEST(nonsense_is_no_series)
{
  Series series{1};
  const FolderServer server{series.folder()};
  for (const auto *const text : {"", "-1", "1000000000", "<html>1</html>", "5 end 6"}) {
    write(series.index(), text);
    Listener local{series};
    ck_assert_int_eq(gst_element_set_state(local.pipeline(), GST_STATE_PAUSED),
                     GST_STATE_CHANGE_FAILURE);
    local.wait_for_error();
    Listener remote{server.uri("/meta.txt"), ""};
    remote.start().wait_for_error();
    ck_assert_str_eq(remote.error_domain.c_str(), "gst-stream-error-quark");
  }
  // While it is followed it is waited for better.
  series.publish(1);
  Listener listener{series};
  listener.start();
  listener.wait_for_bytes(series.content({1}).size());
  write(series.index(), "nonsense");
  listener.wait("a warning", [&] { return listener.warnings > 0; });
  series.put_index(1, true);
  listener.expect(series.content({1}));
  ck_assert_uint_gt(listener.stat("index-errors"), 0);
}
GST_END_TEST

GST_START_TEST(a_series_that_begins_anew_is_followed)
{
  Series series{3};
  series.put_torrent(41, series.part(1).metainfo());
  series.put_index(41);
  Listener listener{series};
  listener.start();
  listener.wait_for_bytes(series.content({1}).size());
  series.put_torrent(1, series.part(2).metainfo());
  series.put_index(1);
  listener.wait_for_bytes(series.content({1, 2}).size());
  series.put_torrent(2, series.part(3).metainfo());
  series.put_index(2, true);
  listener.expect(series.content({1, 2, 3}));
  ck_assert(listener.breaks == std::vector<std::size_t>{series.content({1}).size()});
  ck_assert(listener.parts == (std::vector<guint64>{41, 1, 2}));
}
GST_END_TEST

GST_START_TEST(a_series_is_pushed_and_not_sought_in)
{
  Series series{1};
  series.publish(1);
  for (const auto &location : {series.index(), series.folder().string(),
                               std::string{"torrent+http://127.0.0.1:1/a/meta.txt?x=1"}}) {
    const Listener listener{location, ""};
    auto *query = gst_query_new_scheduling();
    ck_assert(gst_element_query(listener.source(), query));
    GstSchedulingFlags flags{};
    gst_query_parse_scheduling(query, &flags, nullptr, nullptr, nullptr);
    ck_assert(!(flags & GST_SCHEDULING_FLAG_SEEKABLE));
    ck_assert(flags & GST_SCHEDULING_FLAG_BANDWIDTH_LIMITED);
    ck_assert(!gst_query_has_scheduling_mode(query, GST_PAD_MODE_PULL));
    gst_query_unref(query);
  }
  Listener listener{series};
  listener.start();
  listener.wait_for_bytes(series.content({1}).size());
  gint64 duration = -1;
  ck_assert(!gst_element_query_duration(listener.source(), GST_FORMAT_BYTES, &duration) ||
            duration == -1);
  ck_assert(
      !gst_element_seek_simple(listener.pipeline(), GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, 0));
}
GST_END_TEST

// Whoever listens gives others the last parts, and keeps no more of them than it was told.
GST_START_TEST(old_parts_go_unless_they_are_to_be_kept)
{
  Series series{5};
  for (std::size_t i = 1; i <= 5; ++i)
    series.publish(i);
  const TemporaryFolder folder;
  const auto count = [&] {
    return std::ranges::count_if(
        std::filesystem::directory_iterator{folder.path()},
        [](const auto &entry) { return !entry.path().filename().string().starts_with('.'); });
  };
  const auto save = " first-number=1 save-path=" + folder.path().string();
  const auto settles_at = [&](std::ptrdiff_t files) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (count() != files && std::chrono::steady_clock::now() < until)
      g_usleep(10'000);
    ck_assert_int_eq(count(), files);
  };
  {
    Listener listener{series, "parts-shared=2" + save};
    listener.start();
    listener.wait_for_bytes(series.content({1, 2, 3, 4, 5}).size());
    settles_at(2);
  }
  settles_at(0);
  Listener keeper{series, "parts-shared=0 keep-files=true" + save};
  keeper.start();
  keeper.wait_for_bytes(series.content({1, 2, 3, 4, 5}).size());
  keeper.stop();
  settles_at(5);
}
GST_END_TEST

// As in a lecture room, but for the room: a recording that goes on while it is listened to.
GST_START_TEST(what_torrentsink_makes_is_what_is_heard)
{
  const TemporaryFolder folder;
  const FolderServer server{folder.path()};
  Random random{3};
  const auto data = random.bytes(730'000);
  Harness sink{"torrentsink chunk-size=100000 piece-size=16384 " + std::string{quiet} +
               "location=" + (folder.path() / "live.ts").string()};
  gst_harness_set_src_caps_str(sink.get(), "application/octet-stream");
  const Bytes all{data};
  ck_assert_int_eq(sink.push(all.first(250'000)), GST_FLOW_OK);
  Listener listener{server.uri("/meta.txt"), "", "first-number=1"};
  listener.start();
  listener.wait_for_bytes(200'000);
  ck_assert_int_eq(sink.push(all.subspan(250'000)), GST_FLOW_OK);
  listener.wait_for_bytes(700'000);
  sink.end();
  listener.expect(data);
  ck_assert(listener.breaks.empty());
}
GST_END_TEST

GST_START_TEST(a_series_starts_and_stops_twenty_times)
{
  Series series{2};
  const FolderServer server{series.folder()};
  series.publish(1);
  series.publish(2);
  for (int i = 0; i < 20; ++i) {
    Listener listener{i % 2 == 0 ? series.index() : server.uri("/meta.txt"), series.addresses(),
                      "first-number=1"};
    listener.start(i % 3 == 0 ? GST_STATE_PAUSED : GST_STATE_PLAYING);
    if (i % 4 == 0)
      listener.wait_for_bytes(1);
  }
}
GST_END_TEST

static Suite *torrentseries_suite()
{
  Suite *suite = suite_create("torrentseries");
  TCase *tc = tcase_create("general");
  tcase_set_timeout(tc, 120);
  suite_add_tcase(suite, tc);
  tcase_add_loop_test(tc, a_series_is_followed_from_its_newest_part_to_its_end, 0, 4);
  tcase_add_test(tc, a_series_is_followed_from_and_to_a_number);
  tcase_add_test(tc, a_series_that_has_not_begun_is_waited_for);
  tcase_add_loop_test(tc, a_part_that_cannot_be_had_is_skipped, 0, 3);
  tcase_add_test(tc, a_part_that_nobody_sends_is_skipped);
  tcase_add_test(tc, a_wait_for_a_part_can_be_interrupted);
  tcase_add_test(tc, a_server_that_does_not_answer_keeps_nobody);
  tcase_add_test(tc, too_long_a_wait_for_a_part_is_an_error);
  tcase_add_test(tc, nonsense_is_no_series);
  tcase_add_test(tc, a_series_that_begins_anew_is_followed);
  tcase_add_test(tc, a_series_is_pushed_and_not_sought_in);
  tcase_add_test(tc, old_parts_go_unless_they_are_to_be_kept);
  tcase_add_test(tc, what_torrentsink_makes_is_what_is_heard);
  tcase_add_test(tc, a_series_starts_and_stops_twenty_times);
  return suite;
}

GST_CHECK_MAIN(torrentseries)
