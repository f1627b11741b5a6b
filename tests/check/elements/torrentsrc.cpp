// SPDX-License-Identifier: LGPL-2.1-or-later
// torrentsrc against peers in this process, which behave and misbehave as those in the world
// do.
#include "support/harness.hpp"
#include "support/memory.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/refusing_peer.hpp"
#include "support/source_player.hpp"
#include "support/torrent_seed.hpp"
#include "support/warnings.hpp"

#include <gst/gst.h>

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
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

// Nothing but loopback: nobody outside is asked for anything.
constexpr auto quiet =
    "listen-interfaces=127.0.0.1:0 dht=false lsd=false upnp=false natpmp=false ";

// A pipeline that plays a torrent, and notes what comes and what is said.
class Player : public SourcePlayer<Player> {
 public:
  explicit Player(const std::string &location, const std::string &properties = {},
                  const std::string &rest = "fakesink name=sink sync=false async=false")
      : SourcePlayer{"torrentsrc name=source " + std::string{quiet} + properties + " ! " + rest,
                     location}
  {
  }
  ~Player() { stop(); }
  Player(const Player &) = delete;
  Player &operator=(const Player &) = delete;

  void wait_for_eos()
  {
    wait("EOS", [&] { return eos || !error.empty(); });
    ck_assert_msg(error.empty(), "%s", error.c_str());
  }
  void wait_for_bytes(std::size_t count)
  {
    wait("bytes", [&] { return bytes.size() >= count; });
  }
  void wait_for_message(const std::string &name)
  {
    wait(name.c_str(), [&] { return std::ranges::find(said, name) != said.end(); });
  }
  void expect(const ByteVector &content)
  {
    wait_for_eos();
    ck_assert_uint_eq(bytes.size(), content.size());
    ck_assert(bytes == content);
  }
  std::string text(const char *property) const
  {
    gchar *value = nullptr;
    g_object_get(source(), property, &value, nullptr);
    const std::string words = value ? value : "";
    g_free(value);
    return words;
  }
  void seek(guint64 offset)
  {
    ck_assert(gst_element_seek(pipeline(), 1, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH,
                               GST_SEEK_TYPE_SET, gint64(offset), GST_SEEK_TYPE_NONE, -1));
  }
  Player &with_peers(const std::string &addresses)
  {
    g_object_set(source(), "peers", addresses.c_str(), nullptr);
    return *this;
  }

  // What came, in its order. While data flows, only in what wait() is given.
  ByteVector bytes;
  guint64 first_offset = 0;  // of those bytes
  std::vector<std::string> said;

 private:
  friend class SourcePlayer<Player>;
  void note(GstBuffer *buffer)
  {
    const auto part = bytes_of(buffer);
    // A gap is what a seek makes.
    if (GST_BUFFER_OFFSET(buffer) != first_offset + bytes.size()) {
      bytes.clear();
      first_offset = GST_BUFFER_OFFSET(buffer);
    }
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  void note(GstEvent *) {}
  void note(GstMessage *message)
  {
    if (const auto *structure = gst_message_get_structure(message);
        structure && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ELEMENT)
      said.emplace_back(gst_structure_get_name(structure));
  }
};

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start)
{
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
}

}  // namespace

GST_START_TEST(a_magnet_is_played_from_its_peer)
{
  const TorrentSeed seed;
  Player player{seed.magnet()};
  player.start().expect(seed.content());
  player.wait_for_message("torrent-metadata");
  player.wait_for_message("torrent-finished");
}
GST_END_TEST

// Else what is asked for waits for acknowledgements.
GST_START_TEST(asks_at_once)
{
  SeedOptions slow;
  slow.upload_limit = 500'000;
  const TorrentSeed seed{slow};
  Player player{seed.magnet()};
  player.start().wait_for_bytes(1);
  const auto address = seed.address();
  const int fd = socket_connected_to(std::stoi(address.substr(address.rfind(':') + 1)));
  int is_on = 0;
  socklen_t length = sizeof is_on;
  ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, &length), 0);
  ck_assert_int_eq(is_on, 1);
}
GST_END_TEST

GST_START_TEST(a_torrent_file_is_played)
{
  const TorrentSeed seed;
  for (const auto &location : {seed.torrent_file(), "torrent:" + seed.torrent_file(),
                               "torrent://" + seed.torrent_file()}) {
    Player player{location};
    player.with_peers(seed.address()).start().expect(seed.content());
  }
  gsize size = seed.metainfo().size();
  auto *bytes = g_bytes_new(seed.metainfo().data(), size);
  Player player{""};
  g_object_set(player.source(), "torrent", bytes, nullptr);
  player.with_peers(seed.address()).start().expect(seed.content());
  g_bytes_unref(bytes);
}
GST_END_TEST

// 0 is version 1, 1 version 2, 2 both; each by magnet and by file.
GST_START_TEST(every_version_is_played)
{
  SeedOptions options;
  options.format = static_cast<TorrentFormat>(__i__);
  options.files = {{"c.mkv", 300'001}, {"empty.txt", 0}, {"b.srt", 70'000}, {"a.mp4", 400'000}};
  const TorrentSeed seed{options};
  Player by_magnet{seed.magnet(), "file-path=a.mp4"};
  by_magnet.start().expect(seed.content(3));
  ck_assert(by_magnet.text("current-file") == "torrent/a.mp4");
  Player by_file{seed.torrent_file(), "file-path=*.mkv"};
  by_file.with_peers(seed.address()).start().expect(seed.content(0));
}
GST_END_TEST

GST_START_TEST(files_are_chosen)
{
  SeedOptions options;
  options.format = TorrentFormat::hybrid;
  options.files = {{"a.txt", 500'000}, {"b/one.ogg", 70'001}, {"b/two.ogg", 90'000}};
  const TorrentSeed seed{options};
  const auto plays = [&](const std::string &location, const std::string &properties,
                         std::size_t file) {
    Player player{location, properties};
    player.start().expect(seed.content(file));
  };
  plays(seed.magnet(), "", 2);  // the largest that is sound
  plays(seed.magnet(), "file-index=0", 0);
  plays(seed.magnet(), "file-path=b/one.ogg", 1);
  plays(seed.magnet(), "file-path=torrent/b/one.ogg", 1);
  plays(seed.magnet(), "file-path=b/?ne*", 1);
  plays(seed.magnet() + "&so=0", "", 0);
  Player asked{seed.magnet()};
  g_signal_connect(asked.source(), "select-file",
                   G_CALLBACK(+[](GstElement *, GstStructure *listing, gpointer) -> gint {
                     return gst_structure_has_field(listing, "files") ? 1 : -1;
                   }),
                   nullptr);
  asked.start().expect(seed.content(1));
  for (const auto *wrong : {"file-index=3", "file-path=c.ogg"}) {
    Player player{seed.magnet(), wrong};
    player.start().wait_for_error();
    ck_assert_str_eq(player.error_domain.c_str(), "gst-resource-error-quark");
    ck_assert_int_eq(player.error_code, GST_RESOURCE_ERROR_NOT_FOUND);
  }
}
GST_END_TEST

GST_START_TEST(peers_by_ip_version_6_and_encrypted)
{
  SeedOptions six;
  six.listen = "[::1]:0";
  const TorrentSeed seed6{six};
  Player player6{seed6.magnet(), "listen-interfaces=[::1]:0"};
  player6.start().expect(seed6.content());
  player6.stop();
  SeedOptions secret;
  secret.forces_encryption = true;
  const TorrentSeed seed{secret};
  Player player{seed.magnet(), "encryption=forced"};
  player.start().expect(seed.content());
}
GST_END_TEST

GST_START_TEST(seeks_while_it_is_pushed)
{
  const TorrentSeed seed;
  const auto &content = seed.content();
  Player player{seed.magnet()};
  player.start().wait_for_bytes(1000);
  Random random{7};
  for (int i = 0; i < 30; ++i) {
    const auto offset = random.below(content.size());
    player.seek(offset);
    player.wait("bytes from there",
                [&] { return player.first_offset == offset && !player.bytes.empty(); });
  }
  player.seek(0);
  player.wait("all bytes", [&] {
    return player.first_offset == 0 && player.bytes.size() == content.size();
  });
  player.wait("the content", [&] { return player.bytes == content; });
}
GST_END_TEST

namespace {

// Pulls what it is told from a source that is in PAUSED.
class Puller {
 public:
  explicit Puller(GstElement *source)
      : source_{source}, pad_{gst_element_get_static_pad(source, "src")}
  {
    ck_assert(gst_pad_activate_mode(pad_, GST_PAD_MODE_PULL, TRUE));
    ck_assert_int_ne(gst_element_set_state(source, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  }
  ~Puller()
  {
    gst_element_set_state(source_, GST_STATE_NULL);
    gst_object_unref(pad_);
  }
  Puller(const Puller &) = delete;
  Puller &operator=(const Puller &) = delete;

  GstFlowReturn pull(guint64 offset, guint length, ByteVector &bytes)
  {
    GstBuffer *buffer = nullptr;
    const auto flow = gst_pad_get_range(pad_, offset, length, &buffer);
    bytes = buffer ? bytes_of(buffer) : ByteVector{};
    if (buffer)
      gst_buffer_unref(buffer);
    return flow;
  }
  GstPad *pad() const { return pad_; }

 private:
  GstElement *source_;
  GstPad *pad_;
};

GstElement *quiet_source(const std::string &location)
{
  auto *source = gst_parse_launch(("torrentsrc " + std::string{quiet}).c_str(), nullptr);
  gst_object_ref_sink(source);
  g_object_set(source, "location", location.c_str(), nullptr);
  return source;
}

}  // namespace

GST_START_TEST(a_thousand_random_ranges_are_pulled)
{
  SeedOptions options;
  options.files = {{"a.txt", 100'001}, {"b.mkv", 1'500'000}, {"c.txt", 70'000}};
  const TorrentSeed seed{options};
  const auto &content = seed.content(1);
  auto *source = quiet_source(seed.torrent_file());
  g_object_set(source, "peers", seed.address().c_str(), nullptr);
  {
    Puller puller{source};
    Random random{__LINE__};
    ByteVector bytes;
    for (int i = 0; i < 1000; ++i) {
      const auto offset = random.below(content.size());
      const auto length = 1 + random.below(200'000);
      const auto want = std::min(length, content.size() - offset);
      ck_assert_int_eq(puller.pull(offset, guint(length), bytes), GST_FLOW_OK);
      ck_assert_uint_eq(bytes.size(), want);
      ck_assert(std::memcmp(bytes.data(), content.data() + offset, want) == 0);
    }
    ck_assert_int_eq(puller.pull(content.size(), 1, bytes), GST_FLOW_EOS);
    gint64 duration = 0;
    ck_assert(gst_pad_query_duration(puller.pad(), GST_FORMAT_BYTES, &duration));
    ck_assert_int_eq(duration, gint64(content.size()));
  }
  gst_object_unref(source);
}
GST_END_TEST

// Who pulls asks for the size before all else, and what is in a magnet is not known then.
GST_START_TEST(a_magnet_is_pulled)
{
  const TorrentSeed seed;
  const auto &content = seed.content();
  auto *source = quiet_source(seed.magnet());
  {
    Puller puller{source};
    gint64 duration = 0;
    ck_assert(gst_pad_query_duration(puller.pad(), GST_FORMAT_BYTES, &duration));
    ck_assert_int_eq(duration, gint64(content.size()));
    ByteVector bytes;
    ck_assert_int_eq(puller.pull(content.size() - 1000, 5000, bytes), GST_FLOW_OK);
    ck_assert(std::equal(bytes.begin(), bytes.end(), content.end() - 1000, content.end()));
  }
  gst_object_unref(source);
}
GST_END_TEST

// Nor does that keep it from being stopped.
GST_START_TEST(a_wait_for_the_size_can_be_interrupted)
{
  const TorrentSeed seed;
  auto *source = quiet_source(seed.bare_magnet());
  {
    Puller puller{source};
    auto *asker = g_thread_new(
        "asker",
        [](gpointer pad) -> gpointer {
          gint64 duration = -1;
          gst_pad_query_duration(static_cast<GstPad *>(pad), GST_FORMAT_BYTES, &duration);
          ck_assert_int_eq(duration, -1);
          return nullptr;
        },
        puller.pad());
    g_usleep(50'000);
    const auto started = std::chrono::steady_clock::now();
    gst_element_set_state(source, GST_STATE_NULL);
    g_thread_join(asker);
    ck_assert_int_lt(since(started).count(), 1000);
  }
  gst_object_unref(source);
}
GST_END_TEST

// Without starting, for nobody knows yet whether it will be played.
GST_START_TEST(scheduling_is_told_without_a_start)
{
  const TorrentSeed seed;
  const auto can_pull = [](const std::string &location) {
    auto *source = quiet_source(location);
    auto *query = gst_query_new_scheduling();
    const auto started = std::chrono::steady_clock::now();
    ck_assert(gst_element_query(source, query));
    ck_assert_int_lt(since(started).count(), 1000);
    GstSchedulingFlags flags{};
    gst_query_parse_scheduling(query, &flags, nullptr, nullptr, nullptr);
    ck_assert(flags & GST_SCHEDULING_FLAG_SEEKABLE);
    ck_assert(flags & GST_SCHEDULING_FLAG_BANDWIDTH_LIMITED);
    ck_assert(gst_query_has_scheduling_mode(query, GST_PAD_MODE_PUSH));
    const bool pull = gst_query_has_scheduling_mode(query, GST_PAD_MODE_PULL);
    gst_query_unref(query);
    gchar *hash = nullptr;
    g_object_get(source, "info-hash", &hash, nullptr);
    ck_assert(!(hash));
    gst_object_unref(source);
    return pull;
  };
  ck_assert(can_pull(seed.magnet()));
  ck_assert(can_pull(seed.torrent_file()));
  ck_assert(can_pull("torrent+http://127.0.0.1:1/none.torrent"));
}
GST_END_TEST

GST_START_TEST(a_magnet_without_peers_waits_and_can_be_stopped)
{
  const TorrentSeed seed;
  Player player{seed.bare_magnet()};
  auto started = std::chrono::steady_clock::now();
  player.start(GST_STATE_PAUSED);
  ck_assert_int_lt(since(started).count(), 1000);
  player.wait_for_message("torrent-started");
  started = std::chrono::steady_clock::now();
  player.stop();
  ck_assert_int_lt(since(started).count(), 1000);
}
GST_END_TEST

GST_START_TEST(too_long_a_wait_is_an_error)
{
  const TorrentSeed seed;
  Player metadata{seed.bare_magnet(), "metadata-timeout=50000000"};
  metadata.start().wait_for_error();
  ck_assert_int_eq(metadata.error_code, GST_RESOURCE_ERROR_NOT_FOUND);
  Player data{seed.torrent_file(), "timeout=50000000"};
  data.start().wait_for_error();
  ck_assert_int_eq(data.error_code, GST_RESOURCE_ERROR_NOT_FOUND);
}
GST_END_TEST

GST_START_TEST(a_peer_that_is_told_later_is_asked)
{
  const TorrentSeed seed;
  Player player{seed.bare_magnet()};
  player.start().wait_for_message("torrent-started");
  gboolean taken = FALSE;
  g_signal_emit_by_name(player.source(), "add-peer", "nobody", &taken);
  ck_assert(!taken);
  g_signal_emit_by_name(player.source(), "add-peer", seed.address().c_str(), &taken);
  ck_assert(taken);
  player.expect(seed.content());
}
GST_END_TEST

GST_START_TEST(two_elements_share_one_torrent)
{
  SeedOptions options;
  options.files = {{"a.mkv", 700'000}, {"b.mkv", 900'000}};
  const TorrentSeed seed{options};
  Player one{seed.magnet(), "file-index=0"};
  Player two{seed.magnet(), "file-index=1"};
  Player three{seed.magnet(), "file-index=1"};
  one.start();
  two.start();
  three.start();
  two.wait_for_message("torrent-already-active");
  one.expect(seed.content(0));
  two.expect(seed.content(1));
  one.stop();
  three.expect(seed.content(1));
  // Each byte came once, but for what was on its way when it was known which were wanted.
  ck_assert_int_lt(seed.uploaded(), 2'200'000);
}
GST_END_TEST

GST_START_TEST(ten_torrents_at_once)
{
  std::vector<std::unique_ptr<TorrentSeed>> seeds;
  std::vector<std::unique_ptr<Player>> players;
  for (std::uint32_t i = 0; i < 10; ++i) {
    SeedOptions options;
    options.random_seed = 100 + i;
    options.files = {{"x.mkv", 300'000 + i}};
    seeds.push_back(std::make_unique<TorrentSeed>(options));
    players.push_back(std::make_unique<Player>(seeds.back()->magnet()));
    players.back()->start();
  }
  for (std::size_t i = 0; i < players.size(); ++i)
    players[i]->expect(seeds[i]->content());
}
GST_END_TEST

// What another program thinks a piece is makes no wrong byte downstream.
GST_START_TEST(a_peer_that_lies_is_not_believed)
{
  SeedOptions options;
  options.lies = true;
  const TorrentSeed liar{options};
  const TorrentSeed honest;
  Player player{honest.torrent_file()};
  player.with_peers(liar.address()).start();
  player.wait_for_message("torrent-started");
  gboolean taken = FALSE;
  g_signal_emit_by_name(player.source(), "add-peer", honest.address().c_str(), &taken);
  player.expect(honest.content());
}
GST_END_TEST

// Transmission refuses what is one less than it says, and tells of it seconds later.
GST_START_TEST(a_peer_is_asked_for_less_than_it_says_it_takes)
{
  const TorrentSeed seed;
  for (const std::size_t says : {8, 10}) {
    const RefusingPeer peer{seed.content(), 65536, says};
    Player player{seed.torrent_file(), "encryption=off"};
    player.with_peers(peer.address()).start().expect(seed.content());
    ck_assert_uint_eq(peer.refused(), 0);
    ck_assert_uint_le(peer.most_at_once(), says - 2);
  }
}
GST_END_TEST

GST_START_TEST(it_waits_while_its_peer_is_away)
{
  SeedOptions options;
  options.upload_limit = 2'000'000;
  TorrentSeed seed{options};
  Player player{seed.magnet()};
  player.start().wait_for_bytes(200'000);
  seed.pause();
  const auto started = std::chrono::steady_clock::now();
  player.start(GST_STATE_PAUSED);
  player.seek(2'500'000);
  player.start(GST_STATE_PLAYING);
  ck_assert_int_lt(since(started).count(), 2000);
  seed.resume();
  gboolean taken = FALSE;
  g_signal_emit_by_name(player.source(), "add-peer", seed.address().c_str(), &taken);
  player.wait("the end", [&] {
    return player.eos && player.first_offset == 2'500'000 && player.bytes.size() == 500'000;
  });
}
GST_END_TEST

// If only a window is wanted and it is complete, seeds must not be sent away.
GST_START_TEST(a_seek_behind_a_complete_window_is_quick)
{
  SeedOptions options;
  options.files = {{"long.mkv", 12'000'000}};
  options.upload_limit = 2'000'000;  // so that not all comes before the window is known
  const TorrentSeed seed{options};
  Player player{seed.magnet(), "background-download=false read-ahead=1000000 prefetch-edges=0",
                "fakesink name=sink sync=false async=false num-buffers=1000"};
  player.start(GST_STATE_PAUSED);
  player.wait_for_bytes(1);
  const auto sent_before = seed.uploaded();
  ck_assert_int_lt(sent_before, 8'000'000);
  const auto started = std::chrono::steady_clock::now();
  player.seek(9'000'000);
  player.wait("bytes from there",
              [&] { return player.first_offset == 9'000'000 && !player.bytes.empty(); });
  ck_assert_int_lt(since(started).count(), 3000);
}
GST_END_TEST

// Seeds hang up on who wants nothing of them, and have to be called again: libtorrent does not,
// once it has called one when nothing was wanted.
GST_START_TEST(another_file_is_played_after_the_seeds_have_hung_up)
{
  SeedOptions options;
  options.files = {{"a.mkv", 300'000}, {"b.mkv", 1'000'000}};
  options.upload_limit = 1'000'000;  // so that not all comes before it is known what is wanted
  TorrentSeed seed{options};
  TorrentSeed idle{options};
  Player one{seed.magnet(), "file-index=0"};
  one.start().expect(seed.content(0));
  one.wait_for_message("torrent-finished");
  ck_assert_int_lt(seed.uploaded(), 1'000'000);
  gboolean taken = FALSE;
  g_signal_emit_by_name(one.source(), "add-peer", idle.address().c_str(), &taken);
  ck_assert(taken);
  idle.wait_until_it_hangs_up();
  seed.hang_up();
  const auto peers = [&] {
    GstStructure *stats = nullptr;
    g_object_get(one.source(), "stats", &stats, nullptr);
    guint count = 0;
    ck_assert(gst_structure_get_uint(stats, "peers", &count));
    gst_structure_free(stats);
    return count;
  };
  const auto until = std::chrono::steady_clock::now() + patience;
  while (peers() > 0 && std::chrono::steady_clock::now() < until)
    g_usleep(10'000);
  ck_assert_uint_eq(peers(), 0);
  Player two{seed.bare_magnet(), "file-index=1"};
  const auto started = std::chrono::steady_clock::now();
  two.start().expect(seed.content(1));
  ck_assert_int_lt(since(started).count(), 10'000);
}
GST_END_TEST

// What has come of a piece is in two files, and one of them is not the other's yet.
GST_START_TEST(a_file_is_wanted_while_a_piece_of_it_comes)
{
  SeedOptions options;
  options.piece_length = 262'144;
  options.files = {{"a.mkv", 100'000}, {"b.mkv", 900'000}};
  options.upload_limit = 400'000;
  const TorrentSeed seed{options};
  Player one{seed.magnet(), "file-index=0"};
  one.start();
  const auto until = std::chrono::steady_clock::now() + patience;
  while (seed.uploaded() < 150'000 && std::chrono::steady_clock::now() < until)
    g_usleep(10'000);
  Player two{seed.bare_magnet(), "file-index=1"};
  two.start();
  one.expect(seed.content(0));
  two.expect(seed.content(1));
}
GST_END_TEST

GST_START_TEST(files_stay_only_if_they_are_to_be_kept)
{
  const TorrentSeed seed;
  TemporaryFolder folder;
  const auto data = folder.path() / "clip.ts";
  const auto save = "save-path=" + folder.path().string();
  const auto gone = [&] {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (std::filesystem::exists(data) && std::chrono::steady_clock::now() < until)
      g_usleep(10'000);
    return !std::filesystem::exists(data);
  };
  {
    Player player{seed.magnet(), save};
    player.start().expect(seed.content());
  }
  ck_assert(gone());
  {
    Player player{seed.magnet(), save + " keep-files=true"};
    player.start().expect(seed.content());
  }
  // It is there, and believed: nobody has to send it again, and it is kept without being told.
  for (const auto *resume : {" resume=true", " resume=false"}) {
    Player player{seed.bare_magnet(), save + resume};
    // The second time its metadata is not remembered.
    player.with_peers(resume == std::string{" resume=true"} ? "" : seed.address());
    const auto before = seed.uploaded();
    player.start().expect(seed.content());
    ck_assert_int_lt(seed.uploaded() - before, 1'000'000);
  }
  ck_assert(std::filesystem::exists(data));
}
GST_END_TEST

namespace {

// Waits until nobody has a torrent's files in that folder.
void wait_until_free(const std::filesystem::path &folder)
{
  const auto is_held = [&] {
    for (const auto &entry : std::filesystem::directory_iterator{folder})
      if (entry.path().extension() == ".held")
        return true;
    return false;
  };
  const auto until = std::chrono::steady_clock::now() + patience;
  while (is_held() && std::chrono::steady_clock::now() < until)
    g_usleep(10'000);
  ck_assert(!is_held());
}

// What can become of a file behind our back.
void replace_bytes(const std::filesystem::path &path, std::size_t at)
{
  std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
  file.seekp(static_cast<std::streamoff>(at));
  file << "what is not in the torrent";
}
using Damage = void (*)(const std::filesystem::path &);
constexpr std::array<Damage, 5> damages{
    [](const auto &path) { std::filesystem::remove(path); },
    [](const auto &path) { std::filesystem::resize_file(path, 1'000'000); },
    [](const auto &path) { replace_bytes(path, 1'500'000); },
    [](const auto &path) {
      // As long as it was, and nothing in it.
      std::filesystem::resize_file(path, 70'000);
      std::filesystem::resize_file(path, 3'000'000);
    },
    [](const auto &path) { std::filesystem::remove_all(path.parent_path()); },
};

}  // namespace

// What was noted of an earlier run is no reason to believe it.
GST_START_TEST(a_file_that_was_changed_meanwhile_makes_no_wrong_byte)
{
  SeedOptions options;
  options.format = static_cast<TorrentFormat>(__i__);
  const TorrentSeed seed{options};
  for (const auto damage : damages) {
    TemporaryFolder folder;
    const auto save = "keep-files=true save-path=" + (folder.path() / "it").string();
    Player before{seed.torrent_file(), save};
    before.with_peers(seed.address()).start().expect(seed.content());
    before.stop();
    wait_until_free(folder.path() / "it");
    damage(folder.path() / "it" / "clip.ts");
    Player after{seed.torrent_file(), save};
    after.with_peers(seed.address()).start().expect(seed.content());
  }
}
GST_END_TEST

// Nor is it one to give it to others: they would take us for one that lies.
GST_START_TEST(what_was_changed_meanwhile_is_given_to_nobody)
{
  SeedOptions options;
  options.format = static_cast<TorrentFormat>(__i__);
  const TorrentSeed seed{options};
  const TemporaryFolder folder;
  const auto save = "keep-files=true save-path=" + folder.path().string();
  {
    Player before{seed.torrent_file(), save};
    before.with_peers(seed.address()).start().expect(seed.content());
  }
  wait_until_free(folder.path());
  replace_bytes(folder.path() / "clip.ts", 1'500'000);
  const TorrentLeech leech{seed.metainfo()};
  Player player{seed.torrent_file(), save};
  player.with_peers(leech.address()).start(GST_STATE_PAUSED);
  const auto gets = [&](std::size_t pieces) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (leech.pieces() < pieces && std::chrono::steady_clock::now() < until)
      g_usleep(10'000);
    ck_assert_uint_eq(leech.pieces(), pieces);
    ck_assert_int_eq(leech.failed(), 0);
  };
  const auto all = (seed.content().size() + 65535) / 65536;
  gets(all - 1);
  gboolean taken = FALSE;
  g_signal_emit_by_name(player.source(), "add-peer", seed.address().c_str(), &taken);
  gets(all);
}
GST_END_TEST

// What comes of a file that is not wanted, of pieces that are two files', is not in it.
GST_START_TEST(another_file_is_wanted_in_another_run)
{
  SeedOptions options;
  options.files = {{"a.mkv", 700'000}, {"b.mkv", 10'000}, {"c.mkv", 900'000}};
  options.upload_limit = 4'000'000;  // so that not all comes before it is known what is wanted
  const TorrentSeed seed{options};
  TemporaryFolder folder;
  const auto save = "keep-files=true save-path=" + folder.path().string() + " file-index=";
  for (const std::size_t file : {0, 1, 2, 1, 0}) {
    Player player{seed.bare_magnet(), save + std::to_string(file)};
    player.with_peers(seed.address()).start().expect(seed.content(file));
  }
}
GST_END_TEST

GST_START_TEST(a_folder_that_cannot_be_written_is_an_error)
{
  const TorrentSeed seed;
  TemporaryFolder folder;
  const auto file = folder.path() / "no-folder";
  {
    auto *made = std::fopen(file.c_str(), "w");
    std::fclose(made);
  }
  Player player{seed.magnet(), "save-path=" + (file / "in-it").string()};
  player.start().wait_for_error();
  ck_assert_str_eq(player.error_domain.c_str(), "gst-resource-error-quark");
  ck_assert_int_eq(player.error_code, GST_RESOURCE_ERROR_OPEN_WRITE);
}
GST_END_TEST

GST_START_TEST(what_is_no_torrent_is_an_error)
{
  TemporaryFolder folder;
  const auto bad = (folder.path() / "bad.torrent").string();
  g_file_set_contents(bad.c_str(), "d4:infode", -1, nullptr);
  for (const auto &location :
       {std::string{}, std::string{"magnet:?xt=urn:btih:nothing"}, bad, std::string{"/nowhere"},
        std::string{"magnet:?"}, std::string{"torrent:"}}) {
    Player player{location};
    ck_assert_int_eq(gst_element_set_state(player.pipeline(), GST_STATE_PAUSED),
                     GST_STATE_CHANGE_FAILURE);
    player.wait_for_error();
  }
}
GST_END_TEST

// GstUri would make one of two trackers.
GST_START_TEST(its_uri_is_what_was_set)
{
  auto *source = quiet_source("");
  auto *handler = GST_URI_HANDLER(source);
  const std::string hash = "magnet:?xt=urn:btih:" + std::string(40, 'a');
  for (const auto &uri : {hash + "&tr=http%3A%2F%2Fa.invalid&tr=http%3A%2F%2Fb.invalid",
                          hash + "&dn=..%2F..%2Fx", std::string{"torrent:///a.torrent"}}) {
    GError *error = nullptr;
    ck_assert(gst_uri_handler_set_uri(handler, uri.c_str(), &error));
    gchar *back = gst_uri_handler_get_uri(handler);
    ck_assert_str_eq(back, uri.c_str());
    g_free(back);
  }
  GError *error = nullptr;
  ck_assert(!gst_uri_handler_set_uri(handler, "magnet:?xt=urn:btih:12", &error));
  ck_assert_int_eq(error->code, GST_URI_ERROR_BAD_URI);
  g_clear_error(&error);
  g_object_set(source, "location", "/a.torrent", nullptr);
  ck_assert(!(gst_uri_handler_get_uri(handler)));
  gst_object_unref(source);
}
GST_END_TEST

// Who has to find out what it is goes by the ending first, and else looks at every end of it.
GST_START_TEST(what_is_played_has_an_address_with_its_ending)
{
  SeedOptions options;
  options.format = static_cast<TorrentFormat>(__i__);
  options.files = {{"a.txt", 500'000}, {"b/one [1] 50%?.ogg", 70'001}, {"b/two.mkv", 90'000}};
  const TorrentSeed seed{options};
  const auto address_of = [](GstElement *source) {
    auto *query = gst_query_new_uri();
    ck_assert(gst_element_query(source, query));
    gchar *text = nullptr;
    gst_query_parse_uri(query, &text);
    const glue::StringPtr address{text};
    gst_query_unref(query);
    return std::string{address.get()};
  };
  const std::string wanted = "torrent/b/one [1] 50%?.ogg";
  for (const auto &location : {seed.magnet(), "torrent://" + seed.torrent_file()}) {
    Player player{location, "file-index=1"};
    if (location == seed.magnet())
      ck_assert(address_of(player.source()) == location);
    player.with_peers(seed.address()).start().expect(seed.content(1));
    const auto address = address_of(player.source());
    GstUri *uri = gst_uri_from_string(address.c_str());
    gchar *path = gst_uri_get_path(uri);
    ck_assert(path && path == wanted);
    g_free(path);
    gst_uri_unref(uri);
    // It can be played.
    Player again{address};
    again.with_peers(seed.address()).start().expect(seed.content(1));
    ck_assert(again.text("current-file") == wanted);
  }
  auto outside = seed.magnet();
  outside.replace(0, std::strlen("magnet:"), "magnet:..%2F..%2Fetc/passwd");
  Player wrong{outside};
  wrong.start().wait_for_error();
  ck_assert_int_eq(wrong.error_code, GST_RESOURCE_ERROR_NOT_FOUND);
}
GST_END_TEST

GST_START_TEST(what_has_come_is_told)
{
  const TorrentSeed seed;
  Player player{seed.magnet()};
  player.start().expect(seed.content());
  auto *query = gst_query_new_buffering(GST_FORMAT_BYTES);
  ck_assert(gst_element_query(player.source(), query));
  ck_assert_uint_eq(gst_query_get_n_buffering_ranges(query), 1);
  gint64 start = -1;
  gint64 stop = -1;
  ck_assert(gst_query_parse_nth_buffering_range(query, 0, &start, &stop));
  ck_assert_int_eq(start, 0);
  ck_assert_int_eq(stop, gint64(seed.content().size()));
  gint percent = 0;
  gst_query_parse_buffering_percent(query, nullptr, &percent);
  ck_assert_int_eq(percent, 100);
  gst_query_unref(query);
  GBytes *metainfo = nullptr;
  g_object_get(player.source(), "metainfo", &metainfo, nullptr);
  ck_assert(metainfo && g_bytes_get_size(metainfo) > 0);
  g_bytes_unref(metainfo);
}
GST_END_TEST

// Another element of another process would be the leecher; here it only has to wait, and end.
GST_START_TEST(it_lingers_before_eos)
{
  const TorrentSeed seed;
  Player player{seed.magnet(), "linger=true"};
  player.start();
  player.wait_for_bytes(seed.content().size());
  g_usleep(200'000);
  player.wait("no end", [&] { return !player.eos; });
  const auto started = std::chrono::steady_clock::now();
  player.stop();
  ck_assert_int_lt(since(started).count(), 1000);
}
GST_END_TEST

GST_START_TEST(its_title_is_told)
{
  const TorrentSeed seed;
  Player player{seed.magnet()};
  auto *pad = gst_element_get_static_pad(player.source(), "src");
  player.start().expect(seed.content());
  auto *event = gst_pad_get_sticky_event(pad, GST_EVENT_TAG, 0);
  ck_assert(event);
  GstTagList *tags = nullptr;
  gst_event_parse_tag(event, &tags);
  gchar *text = nullptr;
  ck_assert(gst_tag_list_get_string(tags, GST_TAG_TITLE, &text));
  ck_assert_str_eq(text, "clip.ts");
  g_free(text);
  gst_event_unref(event);
  gst_object_unref(pad);
}
GST_END_TEST

GST_START_TEST(it_starts_and_stops_fifty_times)
{
  const TorrentSeed seed;
  Player player{seed.magnet()};
  // Sanitised, so many half-open connections can keep the peers apart for half a minute.
  const int cycles = test::memory_is_measurable ? 50 : 10;
  for (int i = 0; i < cycles; ++i) {
    player.start(i % 2 == 0 ? GST_STATE_PLAYING : GST_STATE_PAUSED);
    player.stop();
  }
  player.start().expect(seed.content());
}
GST_END_TEST

static Suite *torrentsrc_suite()
{
  Suite *suite = suite_create("torrentsrc");
  TCase *tc = tcase_create("general");
  tcase_set_timeout(tc, 180);  // sanitised, ten sessions on a busy machine take their time
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_magnet_is_played_from_its_peer);
  tcase_add_test(tc, asks_at_once);
  tcase_add_test(tc, a_torrent_file_is_played);
  tcase_add_loop_test(tc, every_version_is_played, 0, 3);
  tcase_add_test(tc, files_are_chosen);
  tcase_add_test(tc, peers_by_ip_version_6_and_encrypted);
  tcase_add_test(tc, seeks_while_it_is_pushed);
  tcase_add_test(tc, a_thousand_random_ranges_are_pulled);
  tcase_add_test(tc, a_magnet_is_pulled);
  tcase_add_test(tc, a_wait_for_the_size_can_be_interrupted);
  tcase_add_test(tc, scheduling_is_told_without_a_start);
  tcase_add_test(tc, a_magnet_without_peers_waits_and_can_be_stopped);
  tcase_add_test(tc, too_long_a_wait_is_an_error);
  tcase_add_test(tc, a_peer_that_is_told_later_is_asked);
  tcase_add_test(tc, two_elements_share_one_torrent);
  tcase_add_test(tc, ten_torrents_at_once);
  tcase_add_test(tc, a_peer_that_lies_is_not_believed);
  tcase_add_test(tc, a_peer_is_asked_for_less_than_it_says_it_takes);
  tcase_add_test(tc, it_waits_while_its_peer_is_away);
  tcase_add_test(tc, a_seek_behind_a_complete_window_is_quick);
  tcase_add_test(tc, another_file_is_played_after_the_seeds_have_hung_up);
  tcase_add_test(tc, a_file_is_wanted_while_a_piece_of_it_comes);
  tcase_add_test(tc, files_stay_only_if_they_are_to_be_kept);
  tcase_add_loop_test(tc, a_file_that_was_changed_meanwhile_makes_no_wrong_byte, 0, 3);
  tcase_add_loop_test(tc, what_was_changed_meanwhile_is_given_to_nobody, 0, 3);
  tcase_add_test(tc, another_file_is_wanted_in_another_run);
  tcase_add_test(tc, a_folder_that_cannot_be_written_is_an_error);
  tcase_add_test(tc, what_is_no_torrent_is_an_error);
  tcase_add_test(tc, its_uri_is_what_was_set);
  tcase_add_loop_test(tc, what_is_played_has_an_address_with_its_ending, 0, 3);
  tcase_add_test(tc, what_has_come_is_told);
  tcase_add_test(tc, it_lingers_before_eos);
  tcase_add_test(tc, its_title_is_told);
  tcase_add_test(tc, it_starts_and_stops_fifty_times);
  return suite;
}

GST_CHECK_MAIN(torrentsrc)
