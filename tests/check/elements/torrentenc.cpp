// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/random.hpp"
#include "support/torrent_oracle.hpp"
#include "support/warnings.hpp"

#include <algorithm>
#include <filesystem>

using namespace kam;
using test::Harness;

namespace {

constexpr const char *formats[] = {"v1", "v2", "hybrid"};

// What came out for `data`, that went in in pieces of random sizes.
ByteVector make(Harness &h, Bytes data, test::Random &random)
{
  constexpr std::size_t most = 150'000;
  while (!data.empty()) {
    const auto part = data.first(std::min(data.size(), random.below(most)));
    ck_assert_int_eq(h.push(part), GST_FLOW_OK);
    data = data.subspan(part.size());
  }
  h.end();
  const auto out = h.take();
  ck_assert_uint_eq(out.size(), 1);
  return out.front();
}

struct Heard {
  ByteVector metainfo;
  std::string info_hash;
  std::string magnet;
};

void note_created(GstElement *, GBytes *metainfo, const char *info_hash, const char *magnet,
                  Heard *heard)
{
  gsize size = 0;
  const auto *data = static_cast<const std::byte *>(g_bytes_get_data(metainfo, &size));
  *heard = {{data, data + size}, info_hash, magnet};
}

}  // namespace

// The hashes are those that libtorrent computes from a file with the same bytes.
GST_START_TEST(hashes_as_libtorrent_does)
{
  constexpr std::size_t piece = 16384;
  const test::Folder folder;
  test::Random random{1};
  for (const auto *const format : formats)
    for (const std::size_t size : {std::size_t{1}, piece - 1, piece, piece + 1, 3 * piece,
                                   5 * piece + 77, 64 * piece, std::size_t{3'000'000}})
      for (const std::size_t piece_size : {piece, 4 * piece, std::size_t{1} << 20U}) {
        const auto data = random.bytes(size);
        Harness h{std::string{"torrentenc creation-date=false file-name=a.bin format="} +
                      format + " piece-size=" + std::to_string(piece_size),
                  "application/octet-stream"};
        g_object_set(h.element("torrentenc"), "comment", "", "created-by", nullptr, nullptr);
        const auto torrent = make(h, data, random);
        const auto want = test::torrent_by_libtorrent(folder, "a.bin", data, format,
                                                      static_cast<int>(piece_size));
        ck_assert_msg(torrent == want, "%s, %zu bytes, pieces of %zu:\n%s\n%s", format, size,
                      piece_size, test::printable(torrent).c_str(),
                      test::printable(want).c_str());
      }
}
GST_END_TEST

GST_START_TEST(says_what_it_was_told)
{
  Harness h{
      "torrentenc title=\"A title\" comment=\"A comment\" created-by=me private=true "
      "source=here file-name=\"../x/y.mkv\" trackers=\"http://a/announce, udp://b:1\" "
      "web-seeds=http://c/y.mkv",
      "application/octet-stream"};
  test::Random random{1};
  const auto torrent = make(h, random.bytes(100), random);
  const auto said = test::read_torrent(torrent);
  ck_assert_str_eq(said.name.c_str(), "_x_y.mkv");
  ck_assert_str_eq(said.comment.c_str(), "A comment");
  ck_assert_str_eq(said.creator.c_str(), "me");
  ck_assert(said.is_private);
  ck_assert(said.trackers == (std::vector<std::string>{"0 http://a/announce", "1 udp://b:1"}));
  ck_assert(said.web_seeds == std::vector<std::string>{"http://c/y.mkv"});
  ck_assert_int_gt(said.creation_date, 1'700'000'000);
  ck_assert(as_text(torrent).find("5:title7:A title") != std::string_view::npos);
  ck_assert(as_text(torrent).find("6:source4:here") != std::string_view::npos);
  ck_assert_uint_eq(h.stat("torrentenc", "torrents"), 1);
  ck_assert_uint_eq(h.stat("torrentenc", "bytes"), 100);
}
GST_END_TEST

GST_START_TEST(is_kamaelias_by_default)
{
  Harness h{"torrentenc", "application/octet-stream"};
  test::Random random{1};
  const auto said = test::read_torrent(make(h, random.bytes(100), random));
  ck_assert_str_eq(said.name.c_str(), "file");
  ck_assert_str_eq(said.comment.c_str(), "Created by Kamaelia");
  ck_assert(!said.is_private);
  ck_assert(said.has_v1 && !said.has_v2);
  ck_assert_int_eq(said.piece_size, 1 << 20);
}
GST_END_TEST

GST_START_TEST(tells_the_application)
{
  Harness h{"torrentenc format=hybrid", "application/octet-stream"};
  auto *bus = gst_bus_new();
  gst_element_set_bus(h.element("torrentenc"), bus);
  Heard heard;
  g_signal_connect(h.element("torrentenc"), "torrent-created", G_CALLBACK(note_created),
                   &heard);
  test::Random random{1};
  const auto torrent = make(h, random.bytes(100), random);
  const auto said = test::read_torrent(torrent);
  ck_assert(heard.metainfo == torrent);
  ck_assert_str_eq(heard.info_hash.c_str(), said.info_hash.c_str());
  ck_assert_uint_eq(heard.info_hash.size(), 40);
  ck_assert(heard.magnet.starts_with("magnet:?xt=urn:btih:" + heard.info_hash));
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT);
  ck_assert(message && gst_message_has_name(message, "torrent-created"));
  const auto *structure = gst_message_get_structure(message);
  ck_assert_str_eq(gst_structure_get_string(structure, "info-hash"), heard.info_hash.c_str());
  ck_assert_str_eq(gst_structure_get_string(structure, "magnet"), heard.magnet.c_str());
  ck_assert_uint_eq(strlen(gst_structure_get_string(structure, "info-hash-v2")), 64);
  gst_message_unref(message);
  gst_element_set_bus(h.element("torrentenc"), nullptr);
  gst_object_unref(bus);
}
GST_END_TEST

GST_START_TEST(makes_another_after_a_flush)
{
  Harness h{"torrentenc creation-date=false piece-size=16384", "application/octet-stream"};
  test::Random random{1};
  const auto data = random.bytes(70'000);
  h.push("half of something else");
  h.push_event(gst_event_new_flush_start());
  h.push_event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  h.push_event(gst_event_new_segment(&segment));
  const auto after_flush = make(h, data, random);
  Harness fresh{"torrentenc creation-date=false piece-size=16384", "application/octet-stream"};
  ck_assert(after_flush == make(fresh, data, random));
}
GST_END_TEST

GST_START_TEST(refuses_what_cannot_be)
{
  const struct {
    const char *launch;
    bool has_data;
    const char *said;
  } cases[] = {
      {"torrentenc", false, "nothing to make a torrent of"},
      {"torrentenc trackers=example.org", true, "no address of a tracker"},
      {"torrentenc web-seeds=\"udp://a\"", true, "no address of a web seed"},
      {"torrentenc private=true", true, "needs a tracker"},
  };
  for (const auto &c : cases) {
    Harness h{c.launch, "application/octet-stream"};
    auto *bus = gst_bus_new();
    gst_element_set_bus(h.element("torrentenc"), bus);
    if (c.has_data)
      ck_assert_int_eq(h.push("data"), GST_FLOW_ERROR);
    else
      h.end();
    auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    ck_assert_msg(message != nullptr, "%s: no error", c.launch);
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    ck_assert_msg(strstr(error->message, c.said) != nullptr, "%s", error->message);
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_bus(h.element("torrentenc"), nullptr);
    gst_object_unref(bus);
    ck_assert(h.take().empty());
  }
  Harness h{"torrentenc"};
  test::Warnings warnings;
  g_object_set(h.element("torrentenc"), "piece-size", 17000U, nullptr);
  ck_assert_int_eq(warnings.take(), 1);
}
GST_END_TEST

static Suite *torrentenc_suite()
{
  Suite *suite = suite_create("torrentenc");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, hashes_as_libtorrent_does);
  tcase_add_test(tc, says_what_it_was_told);
  tcase_add_test(tc, is_kamaelias_by_default);
  tcase_add_test(tc, tells_the_application);
  tcase_add_test(tc, makes_another_after_a_flush);
  tcase_add_test(tc, refuses_what_cannot_be);
  return suite;
}

GST_CHECK_MAIN(torrentenc)
