// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/series.hpp"
#include "glue/refs.hpp"
#include "support/harness.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/torrent_oracle.hpp"

#include <gio/gio.h>

#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>

using namespace kam;
using test::Folder;

namespace {

// What an application hears from a sink, which gets what the test pushes.
class Recording {
 public:
  explicit Recording(const std::string &properties)
      : h_{"torrentsink seed=false creation-date=false " + properties}, bus_{gst_bus_new()}
  {
    gst_element_set_bus(sink(), bus_);
    gst_harness_set_src_caps_str(h_.get(), "application/octet-stream");
  }
  ~Recording()
  {
    gst_element_set_state(sink(), GST_STATE_NULL);
    gst_element_set_bus(sink(), nullptr);
    gst_object_unref(bus_);
  }
  Recording(const Recording &) = delete;
  Recording &operator=(const Recording &) = delete;

  GstElement *sink() const { return h_.element("torrentsink"); }
  test::Harness &harness() { return h_; }

  GstFlowReturn push(Bytes data, test::Random &random)
  {
    constexpr std::size_t most = 150'000;
    while (!data.empty()) {
      const auto part = data.first(std::min(data.size(), random.below(most)));
      if (const auto flow = h_.push(part); flow != GST_FLOW_OK)
        return flow;
      data = data.subspan(part.size());
    }
    return GST_FLOW_OK;
  }

  // The structures of the messages torrent-created since the last call.
  std::vector<glue::StructurePtr> created()
  {
    std::vector<glue::StructurePtr> all;
    while (auto *message = gst_bus_pop_filtered(bus_, GST_MESSAGE_ELEMENT)) {
      if (gst_message_has_name(message, "torrent-created"))
        all.emplace_back(gst_structure_copy(gst_message_get_structure(message)));
      gst_message_unref(message);
    }
    return all;
  }

  // "domain code text" of the next error; empty if there is none.
  std::string error()
  {
    auto *message =
        gst_bus_pop_filtered(bus_, GstMessageType(GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
    if (!message)
      return "";
    GError *error = nullptr;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR)
      gst_message_parse_error(message, &error, nullptr);
    else
      gst_message_parse_warning(message, &error, nullptr);
    const auto text = std::string{g_quark_to_string(error->domain)} + " " +
                      std::to_string(error->code) + " " + error->message;
    g_error_free(error);
    gst_message_unref(message);
    return text;
  }

 private:
  test::Harness h_;
  GstBus *bus_;
};

std::string text_of(const glue::StructurePtr &structure, const char *field)
{
  const char *text = gst_structure_get_string(structure.get(), field);
  return text ? text : "";
}

}  // namespace

GST_START_TEST(writes_the_file_and_its_torrent)
{
  test::Random random{1};
  for (const auto *const format : {"v1", "v2", "hybrid"})
    for (const std::size_t size : {1, 16384, 100'000, 3'000'000}) {
      const Folder folder;
      const auto data = random.bytes(size);
      Recording recording{"piece-size=16384 format=" + std::string{format} +
                          " location=" + (folder / "a.bin")};
      ck_assert_int_eq(recording.push(data, random), GST_FLOW_OK);
      recording.harness().end();
      ck_assert(test::read_file(folder / "a.bin") == data);
      const auto metainfo = test::read_file(folder / "a.bin.torrent");
      ck_assert_msg(test::has_all_pieces(metainfo, folder.path().string()), "%s, %zu bytes",
                    format, size);
      const auto said = test::read_torrent(metainfo);
      ck_assert_str_eq(said.name.c_str(), "a.bin");
      ck_assert_int_eq(said.size, static_cast<gint64>(size));
      const auto created = recording.created();
      ck_assert_uint_eq(created.size(), 1);
      ck_assert(text_of(created[0], "location") == folder / "a.bin");
      ck_assert(text_of(created[0], "torrent-location") == folder / "a.bin.torrent");
      ck_assert(text_of(created[0], "magnet").starts_with("magnet:?xt=urn:bt"));
      GBytes *bytes = nullptr;
      gst_structure_get(created[0].get(), "metainfo", G_TYPE_BYTES, &bytes, nullptr);
      ck_assert_uint_eq(g_bytes_get_size(bytes), metainfo.size());
      g_bytes_unref(bytes);
      ck_assert_uint_eq(recording.harness().stat("torrentsink", "bytes"), size);
      ck_assert_uint_eq(recording.harness().stat("torrentsink", "torrents"), 1);
    }
}
GST_END_TEST

GST_START_TEST(makes_a_series)
{
  const Folder folder;
  test::Random random{2};
  const auto data = random.bytes(250'000);
  Recording recording{"chunk-size=100000 piece-size=16384 location=" + (folder / "live.ts")};
  ck_assert_int_eq(recording.push(Bytes{data}.first(100'000), random), GST_FLOW_OK);
  // There is none yet, or one that may still be in the hands of the sink.
  const auto live = torrent::parse_series_index(as_text(test::read_file(folder / "meta.txt")));
  ck_assert(live && live->newest <= 1 && !live->has_ended);
  // Small buffers are gathered, so one more byte may be needed, but no more than that.
  ck_assert_int_eq(recording.push(Bytes{data}.subspan(100'000), random), GST_FLOW_OK);
  recording.harness().end();
  ByteVector joined;
  const auto created = recording.created();
  ck_assert_uint_eq(created.size(), 3);
  for (guint64 number = 1; number <= 3; ++number) {
    const auto name = "live-" + std::to_string(number) + ".ts";
    const auto part = test::read_file(folder / name);
    joined.insert(joined.end(), part.begin(), part.end());
    const auto metainfo = test::read_file(folder / (std::to_string(number) + ".torrent"));
    ck_assert(test::has_all_pieces(metainfo, folder.path().string()));
    ck_assert(test::read_torrent(metainfo).name == name);
    guint64 said = 0;
    gst_structure_get_uint64(created[number - 1].get(), "number", &said);
    ck_assert_uint_eq(said, number);
  }
  ck_assert(joined == data);
  ck_assert(as_text(test::read_file(folder / "meta.txt")) == "3\nend\n");
  ck_assert(!std::filesystem::exists(folder / "meta.txt.part"));
}
GST_END_TEST

GST_START_TEST(keeps_some_of_a_series)
{
  const Folder folder;
  const Folder torrents;
  test::Random random{3};
  Recording recording{"chunk-size=100000 max-files=2 first-number=7 location=" +
                      (folder / "p-%03d.ts") + " torrent-location=" + torrents.path().string()};
  ck_assert_int_eq(recording.push(random.bytes(500'000), random), GST_FLOW_OK);
  recording.harness().end();
  ck_assert_uint_eq(recording.created().size(), 5);
  std::vector<std::string> left;
  for (const auto &place : {folder.path(), torrents.path()})
    for (const auto &entry : std::filesystem::directory_iterator{place})
      left.push_back(entry.path().filename());
  std::ranges::sort(left);
  ck_assert(left == (std::vector<std::string>{"10.torrent", "11.torrent", "meta.txt",
                                              "p-010.ts", "p-011.ts"}));
  ck_assert(as_text(test::read_file(torrents / "meta.txt")) == "11\nend\n");
}
GST_END_TEST

// Who follows the folder would take the old series' number for one of this.
GST_START_TEST(says_that_a_series_begins)
{
  const Folder folder;
  test::write_file(folder / "meta.txt", test::bytes_of("57\nend\n"));
  for (const auto *const first : {"", " first-number=58"}) {
    const Recording recording{"chunk-size=100000 location=" + (folder / "live.ts") + first};
    ck_assert(as_text(test::read_file(folder / "meta.txt")) == (*first ? "57" : "0"));
  }
}
GST_END_TEST

GST_START_TEST(keeps_what_came_without_an_end)
{
  const Folder folder;
  Recording recording{"location=" + (folder / "a.bin")};
  recording.harness().push("not yet written");
  gst_element_set_state(recording.sink(), GST_STATE_NULL);
  ck_assert(as_text(test::read_file(folder / "a.bin")) == "not yet written");
  ck_assert(!std::filesystem::exists(folder / "a.bin.torrent"));
  ck_assert(recording.created().empty());
}
GST_END_TEST

GST_START_TEST(says_what_is_wrong_before_there_is_data)
{
  const Folder folder;
  const struct {
    std::string properties;
    std::string error;
  } cases[] = {
      {"", "gst-resource-error-quark 13 No file to write is named"},
      {"location=" + (folder / "no/such/folder/a.bin"), "gst-resource-error-quark 6 "},
      {"location=" + folder.path().string(), "gst-resource-error-quark 6 "},
      {"location=" + (folder / "a") + " private=true", "gst-resource-error-quark 13 A private"},
      {"location=" + (folder / "a%s") + " chunk-size=1000",
       "gst-resource-error-quark 13 \"" + (folder / "a%s") + "\" is no name for parts"},
      {"location=" + (folder / "a") + " trackers=nonsense",
       "gst-resource-error-quark 13 \"nonsense\" is no address"},
  };
  for (const auto &c : cases) {
    auto *sink = gst_parse_launch(("torrentsink seed=false " + c.properties).c_str(), nullptr);
    auto *bus = gst_bus_new();
    gst_element_set_bus(sink, bus);
    ck_assert_int_eq(gst_element_set_state(sink, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    ck_assert_msg(message != nullptr, "%s: no error", c.properties.c_str());
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    const auto text = std::string{g_quark_to_string(error->domain)} + " " +
                      std::to_string(error->code) + " " + error->message;
    ck_assert_msg(text.starts_with(c.error), "%s: %s", c.properties.c_str(), text.c_str());
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_state(sink, GST_STATE_NULL);
    gst_element_set_bus(sink, nullptr);
    gst_object_unref(bus);
    gst_object_unref(sink);
  }
}
GST_END_TEST

// /dev/full has no space for anything.
GST_START_TEST(says_that_the_disk_is_full)
{
  const Folder folder;
  std::filesystem::create_symlink("/dev/full", folder / "a.bin");
  Recording recording{"location=" + (folder / "a.bin")};
  test::Random random{4};
  ck_assert_int_eq(recording.push(random.bytes(300'000), random), GST_FLOW_ERROR);
  const auto error = recording.error();
  ck_assert_msg(error.starts_with("gst-resource-error-quark 14 There is no space left"), "%s",
                error.c_str());
  ck_assert(recording.created().empty());
}
GST_END_TEST

GST_START_TEST(says_that_there_was_nothing)
{
  const Folder folder;
  Recording recording{"location=" + (folder / "a.bin")};
  recording.harness().end();
  ck_assert(recording.error().find("nothing to make a torrent of") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(refuses_to_go_back)
{
  const Folder folder;
  Recording recording{"location=" + (folder / "a.bin")};
  recording.harness().push("0123456789");
  auto *query = gst_query_new_seeking(GST_FORMAT_BYTES);
  ck_assert(gst_pad_peer_query(recording.harness().get()->srcpad, query));
  gboolean seekable = TRUE;
  gst_query_parse_seeking(query, nullptr, &seekable, nullptr, nullptr);
  ck_assert(!seekable);
  gst_query_unref(query);
  gint64 position = -1;
  ck_assert(gst_pad_peer_query_position(recording.harness().get()->srcpad, GST_FORMAT_BYTES,
                                        &position));
  ck_assert_int_eq(position, 10);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  segment.start = 10;
  ck_assert(recording.harness().push_event(gst_event_new_segment(&segment)));
  segment.start = 4;
  recording.harness().push_event(gst_event_new_segment(&segment));
  ck_assert_int_eq(recording.harness().push("header"), GST_FLOW_ERROR);
  ck_assert(recording.error().find("from the beginning to the end") != std::string::npos);
  gst_element_set_state(recording.sink(), GST_STATE_NULL);
  ck_assert(as_text(test::read_file(folder / "a.bin")) == "0123456789");
}
GST_END_TEST

// A file that goes through a pipeline into a sink that seeds it on loopback only.
struct Seeding {
  explicit Seeding(const std::string &properties)
  {
    test::write_file(folder / "in.bin", data);
    pipeline.reset(gst_parse_launch(
        ("filesrc location=" + (folder / "in.bin") +
         " ! torrentsink name=sink location=" + (folder / "out.bin") +
         " listen-interfaces=127.0.0.1:0 dht=false lsd=false upnp=false natpmp=false " +
         properties)
            .c_str(),
        nullptr));
    sink.reset(gst_bin_get_by_name(GST_BIN(pipeline.get()), "sink"));
    bus.reset(gst_element_get_bus(pipeline.get()));
    gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
  }
  ~Seeding() { gst_element_set_state(pipeline.get(), GST_STATE_NULL); }
  Seeding(const Seeding &) = delete;
  Seeding &operator=(const Seeding &) = delete;

  bool wait_for(GstMessageType type, int seconds)
  {
    auto *message = gst_bus_timed_pop_filtered(bus.get(), GstClockTime(seconds) * GST_SECOND,
                                               GstMessageType(type | GST_MESSAGE_ERROR));
    const bool came = message && (GST_MESSAGE_TYPE(message) & type) != 0;
    if (message)
      gst_message_unref(message);
    return came;
  }
  guint64 stat(const char *name)
  {
    GstStructure *stats = nullptr;
    g_object_get(sink.get(), "stats", &stats, nullptr);
    guint64 value = 0;
    guint port = 0;
    if (!gst_structure_get_uint64(stats, name, &value) &&
        gst_structure_get_uint(stats, name, &port))
      value = port;
    gst_structure_free(stats);
    return value;
  }
  int port()
  {
    const auto deadline = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
    while (stat("port") == 0 && g_get_monotonic_time() < deadline)
      g_thread_yield();
    return static_cast<int>(stat("port"));
  }

  Folder folder;
  ByteVector data = test::Random{9}.bytes(700'000);
  glue::Owned<GstElement, gst_object_unref> pipeline;
  glue::Owned<GstElement, gst_object_unref> sink;
  glue::Owned<GstBus, gst_object_unref> bus;
};

GST_START_TEST(chooses_pieces_by_the_size_of_the_file)
{
  Seeding seeding{"seed=false"};
  ck_assert(seeding.wait_for(GST_MESSAGE_EOS, 20));
  const auto metainfo = test::read_file(seeding.folder / "out.bin.torrent");
  ck_assert_int_eq(test::read_torrent(metainfo).piece_size, 65536);
}
GST_END_TEST

GST_START_TEST(gives_it_to_another_client)
{
  for (const auto *const format : {"v1", "v2", "hybrid"})
    for (const bool by_magnet : {false, true}) {
      Seeding seeding{"piece-size=65536 format=" + std::string{format}};
      ck_assert(seeding.wait_for(GST_MESSAGE_EOS, 20));
      const auto metainfo = test::read_file(seeding.folder / "out.bin.torrent");
      const auto magnet = test::magnet_of(metainfo);
      const auto got =
          test::download(by_magnet ? ByteVector{} : metainfo, magnet, seeding.port(), 30);
      ck_assert_msg(got.has_value(), "%s %s: not there", format, by_magnet ? "magnet" : "");
      ck_assert(*got == seeding.data);
      ck_assert_uint_eq(seeding.stat("seeding"), 1);
    }
}
GST_END_TEST

// The local network and peers are told one port; who hears it knows one of our addresses.
GST_START_TEST(listens_at_one_port_everywhere)
{
  Seeding seeding{"piece-size=65536 listen-interfaces=127.0.0.1:0,127.0.0.2:0"};
  ck_assert(seeding.wait_for(GST_MESSAGE_EOS, 20));
  const auto port = static_cast<guint16>(seeding.port());
  const auto client = glue::Ref<GSocketClient>::adopt(g_socket_client_new());
  for (const auto *const address : {"127.0.0.1", "127.0.0.2"}) {
    const auto connection = glue::Ref<GSocketConnection>::adopt(
        g_socket_client_connect_to_host(client.get(), address, port, nullptr, nullptr));
    ck_assert_msg(static_cast<bool>(connection), "nobody listens at %s, port %u", address,
                  port);
  }
}
GST_END_TEST

// Else what a peer that calls has asked for waits for its acknowledgements.
GST_START_TEST(sends_at_once)
{
  Seeding seeding{"piece-size=65536"};
  ck_assert(seeding.wait_for(GST_MESSAGE_EOS, 20));
  const auto metainfo = test::read_file(seeding.folder / "out.bin.torrent");
  const auto client = glue::Ref<GSocketClient>::adopt(g_socket_client_new());
  const auto peer = glue::Ref<GSocketConnection>::adopt(g_socket_client_connect_to_host(
      client.get(), "127.0.0.1", static_cast<guint16>(seeding.port()), nullptr, nullptr));
  ck_assert(static_cast<bool>(peer));
  // BEP 3's handshake, to which there is an answer of the same length.
  std::string handshake =
      "\x13"
      "BitTorrent protocol" +
      std::string(8, '\0');
  const auto hash = test::read_torrent(metainfo).info_hash;
  for (std::size_t i = 0; i < hash.size(); i += 2)
    handshake += static_cast<char>(std::stoi(hash.substr(i, 2), nullptr, 16));
  handshake += "-XX0000-123456789012";
  auto *stream = G_IO_STREAM(peer.get());
  ck_assert(g_output_stream_write_all(g_io_stream_get_output_stream(stream), handshake.data(),
                                      handshake.size(), nullptr, nullptr, nullptr));
  std::array<char, 68> answer{};
  gsize size = 0;
  g_input_stream_read_all(g_io_stream_get_input_stream(stream), answer.data(), answer.size(),
                          &size, nullptr, nullptr);
  ck_assert_uint_eq(size, answer.size());
  const auto address = glue::Ref<GSocketAddress>::adopt(
      g_socket_connection_get_local_address(peer.get(), nullptr));
  const int fd = test::socket_connected_to(
      g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address.get())));
  int is_on = 0;
  socklen_t length = sizeof is_on;
  ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &is_on, &length), 0);
  ck_assert_int_eq(is_on, 1);
}
GST_END_TEST

GST_START_TEST(ends_when_it_has_given_enough)
{
  Seeding seeding{"piece-size=65536 linger=true seed-ratio=0.9"};
  ck_assert(seeding.wait_for(GST_MESSAGE_ELEMENT, 20));
  const auto metainfo = test::read_file(seeding.folder / "out.bin.torrent");
  ck_assert(test::download(metainfo, "", seeding.port(), 30).has_value());
  ck_assert(seeding.wait_for(GST_MESSAGE_EOS, 20));
  ck_assert_uint_eq(seeding.stat("seeding"), 0);
  ck_assert_uint_eq(seeding.stat("seeded"), 1);
  ck_assert_uint_ge(seeding.stat("uploaded"), seeding.data.size() * 9 / 10);
}
GST_END_TEST

GST_START_TEST(ends_when_its_time_is_over)
{
  Seeding seeding{"linger=true seed-time=200000000"};
  ck_assert(seeding.wait_for(GST_MESSAGE_EOS, 20));
  ck_assert_uint_eq(seeding.stat("seeded"), 1);
}
GST_END_TEST

GST_START_TEST(stops_at_once_while_it_lingers)
{
  Seeding seeding{"linger=true"};
  ck_assert(seeding.wait_for(GST_MESSAGE_ELEMENT, 20));
  const auto begin = g_get_monotonic_time();
  gst_element_set_state(seeding.pipeline.get(), GST_STATE_PAUSED);
  gst_element_set_state(seeding.pipeline.get(), GST_STATE_PLAYING);
  gst_element_set_state(seeding.pipeline.get(), GST_STATE_NULL);
  ck_assert_int_lt(g_get_monotonic_time() - begin, 2 * G_TIME_SPAN_SECOND);
  ck_assert(!seeding.wait_for(GST_MESSAGE_EOS, 0));
}
GST_END_TEST

static Suite *torrentsink_suite()
{
  Suite *suite = suite_create("torrentsink");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, writes_the_file_and_its_torrent);
  tcase_add_test(tc, makes_a_series);
  tcase_add_test(tc, keeps_some_of_a_series);
  tcase_add_test(tc, says_that_a_series_begins);
  tcase_add_test(tc, keeps_what_came_without_an_end);
  tcase_add_test(tc, says_what_is_wrong_before_there_is_data);
  tcase_add_test(tc, says_that_the_disk_is_full);
  tcase_add_test(tc, says_that_there_was_nothing);
  tcase_add_test(tc, refuses_to_go_back);
  tcase_add_test(tc, chooses_pieces_by_the_size_of_the_file);
  tcase_add_test(tc, gives_it_to_another_client);
  tcase_add_test(tc, listens_at_one_port_everywhere);
  tcase_add_test(tc, sends_at_once);
  tcase_add_test(tc, ends_when_it_has_given_enough);
  tcase_add_test(tc, ends_when_its_time_is_over);
  tcase_add_test(tc, stops_at_once_while_it_lingers);
  return suite;
}

GST_CHECK_MAIN(torrentsink)
