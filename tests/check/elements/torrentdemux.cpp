// SPDX-License-Identifier: LGPL-2.1-or-later
// torrentdemux between a .torrent file and whoever takes what it names.
#include "support/harness.hpp"
#include "support/torrent_seed.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::test;

namespace {

constexpr std::chrono::seconds patience{30};

const std::string wave{"RIFF\xff\xff\0\0WAVEfmt ", 16};

// Joins a sink to each pad that appears, and notes what comes.
class Demuxed {
 public:
  explicit Demuxed(const TorrentSeed &seed, const std::string &properties = {})
  {
    const auto launch =
        "filesrc name=file ! torrentdemux name=demux listen-interfaces=127.0.0.1:0 "
        "dht=false lsd=false upnp=false natpmp=false peers=" +
        seed.address() + ' ' + properties;
    pipeline_ = gst_parse_launch(launch.c_str(), nullptr);
    ck_assert(pipeline_);
    demux_ = gst_bin_get_by_name(GST_BIN(pipeline_), "demux");
    auto *file = gst_bin_get_by_name(GST_BIN(pipeline_), "file");
    g_object_set(file, "location", seed.torrent_file().c_str(), nullptr);
    gst_object_unref(file);
    g_signal_connect(demux_, "pad-added",
                     G_CALLBACK(+[](GstElement *, GstPad *pad, gpointer self) {
                       static_cast<Demuxed *>(self)->take(pad);
                     }),
                     this);
    g_signal_connect(
        demux_, "no-more-pads", G_CALLBACK(+[](GstElement *, gpointer self) {
          static_cast<Demuxed *>(self)->note([](Demuxed &it) { ++it.completions; });
        }),
        this);
    auto *bus = gst_element_get_bus(pipeline_);
    gst_bus_set_sync_handler(
        bus,
        [](GstBus *, GstMessage *message, gpointer self) {
          static_cast<Demuxed *>(self)->take(message);
          return GST_BUS_DROP;
        },
        this, nullptr);
    gst_object_unref(bus);
    ck_assert_int_ne(gst_element_set_state(pipeline_, GST_STATE_PLAYING),
                     GST_STATE_CHANGE_FAILURE);
  }
  ~Demuxed()
  {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(demux_);
    gst_object_unref(pipeline_);
  }
  Demuxed(const Demuxed &) = delete;
  Demuxed &operator=(const Demuxed &) = delete;

  template <class Done>
  void wait(const char *what, Done done)
  {
    std::unique_lock lock{mutex_};
    const bool held = changed_.wait_for(lock, patience, done);
    ck_assert_msg(held, "waited in vain for %s (error \"%s\")", what, error.c_str());
  }
  void wait_for(const std::string &pad, const ByteVector &content)
  {
    wait(pad.c_str(), [&] { return bytes[pad] == content; });
  }
  GstElement *element() const { return demux_; }

  std::map<std::string, ByteVector> bytes;  // by pad
  std::map<std::string, std::string> streams;
  std::vector<std::string> collection;
  std::string error;
  int error_code = -1;
  int warnings = 0;
  int completions = 0;
  int eos = 0;

 private:
  template <class Change>
  void note(Change change)
  {
    const std::lock_guard lock{mutex_};
    change(*this);
    changed_.notify_all();
  }
  void take(GstPad *pad)
  {
    auto *sink = gst_element_factory_make("fakesink", nullptr);
    g_object_set(sink, "sync", FALSE, "async", FALSE, nullptr);
    gst_bin_add(GST_BIN(pipeline_), sink);
    auto *in = gst_element_get_static_pad(sink, "sink");
    gst_pad_add_probe(
        pad, GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
        [](GstPad *from, GstPadProbeInfo *info, gpointer self) {
          static_cast<Demuxed *>(self)->take(from, info);
          return GST_PAD_PROBE_OK;
        },
        this, nullptr);
    ck_assert_int_eq(gst_pad_link(pad, in), GST_PAD_LINK_OK);
    gst_object_unref(in);
    gst_element_sync_state_with_parent(sink);
  }
  void take(GstPad *pad, GstPadProbeInfo *info)
  {
    const std::string name = GST_PAD_NAME(pad);
    note([&](Demuxed &it) {
      if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
        const auto part = bytes_of(GST_PAD_PROBE_INFO_BUFFER(info));
        auto &all = it.bytes[name];
        all.insert(all.end(), part.begin(), part.end());
        return;
      }
      auto *event = GST_PAD_PROBE_INFO_EVENT(info);
      const gchar *id = nullptr;
      if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START) {
        gst_event_parse_stream_start(event, &id);
        it.streams[name] = id;
      }
      it.eos += GST_EVENT_TYPE(event) == GST_EVENT_EOS ? 1 : 0;
    });
  }
  void take(GstMessage *message)
  {
    note([&](Demuxed &it) {
      if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_STREAM_COLLECTION) {
        GstStreamCollection *streams_of = nullptr;
        gst_message_parse_stream_collection(message, &streams_of);
        it.collection.clear();
        for (guint i = 0; i < gst_stream_collection_get_size(streams_of); ++i)
          it.collection.emplace_back(
              gst_stream_get_stream_id(gst_stream_collection_get_stream(streams_of, i)));
        gst_object_unref(streams_of);
      }
      it.warnings += GST_MESSAGE_TYPE(message) == GST_MESSAGE_WARNING ? 1 : 0;
      if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && it.error.empty()) {
        GError *what = nullptr;
        gst_message_parse_error(message, &what, nullptr);
        it.error = what->message;
        it.error_code = what->code;
        g_error_free(what);
      }
    });
    gst_message_unref(message);
  }

  GstElement *pipeline_;
  GstElement *demux_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

SeedOptions album()
{
  SeedOptions options;
  options.files = {{"cover.jpg", 0}, {"one.wav", 300'000, wave}, {"two.wav", 400'000, wave}};
  return options;
}

}  // namespace

GST_START_TEST(each_file_has_a_pad)
{
  const TorrentSeed seed{album()};
  Demuxed demuxed{seed, "file-path=*.wav"};
  demuxed.wait_for("file_1", seed.content(1));
  demuxed.wait_for("file_2", seed.content(2));
  demuxed.wait("both ends", [&] { return demuxed.eos == 2 && demuxed.completions == 1; });
  // Each that can be played is in the collection, as what its pad says.
  ck_assert_uint_eq(demuxed.collection.size(), 2);
  ck_assert_str_eq(demuxed.collection[0].c_str(), demuxed.streams["file_1"].c_str());
  ck_assert_str_eq(demuxed.collection[1].c_str(), demuxed.streams["file_2"].c_str());
  auto *pad = gst_element_get_static_pad(demuxed.element(), "file_1");
  auto *caps = gst_pad_get_current_caps(pad);
  ck_assert_str_eq(gst_structure_get_name(gst_caps_get_structure(caps, 0)), "audio/x-wav");
  gst_caps_unref(caps);
  gst_object_unref(pad);
}
GST_END_TEST

GST_START_TEST(the_largest_is_played_without_a_wish)
{
  const TorrentSeed seed{album()};
  Demuxed demuxed{seed};
  demuxed.wait_for("file_2", seed.content(2));
  demuxed.wait("the end", [&] { return demuxed.eos == 1 && demuxed.completions == 1; });
  ck_assert_uint_eq(demuxed.streams.size(), 1);
}
GST_END_TEST

// What cannot be recognised beside a film does not end it.
GST_START_TEST(subtitles_that_are_none_are_left_out)
{
  SeedOptions options;
  options.files = {{"film.wav", 400'000, wave}, {"film.srt", 70'000}};
  const TorrentSeed seed{options};
  Demuxed demuxed{seed};
  demuxed.wait_for("file_0", seed.content(0));
  demuxed.wait("the end", [&] { return demuxed.eos == 1 && demuxed.completions == 1; });
  ck_assert_int_eq(demuxed.warnings, 1);
  ck_assert_str_eq(demuxed.error.c_str(), "");
}
GST_END_TEST

GST_START_TEST(another_file_is_selected)
{
  const TorrentSeed seed{album()};
  Demuxed demuxed{seed};
  demuxed.wait_for("file_2", seed.content(2));
  auto *ids = g_list_append(nullptr, g_strdup(demuxed.collection[0].c_str()));
  ck_assert(gst_element_send_event(demuxed.element(), gst_event_new_select_streams(ids)));
  g_list_free_full(ids, g_free);
  demuxed.wait_for("file_1", seed.content(1));
  auto *gone = gst_element_get_static_pad(demuxed.element(), "file_2");
  ck_assert(!gone);
  auto *others = g_list_append(nullptr, g_strdup("somebody's"));
  ck_assert(!gst_element_send_event(demuxed.element(), gst_event_new_select_streams(others)));
  g_list_free_full(others, g_free);
}
GST_END_TEST

GST_START_TEST(what_is_no_torrent_is_an_error)
{
  const TorrentSeed seed{album()};
  g_file_set_contents(seed.torrent_file().c_str(), "d4:infode", -1, nullptr);
  Demuxed bad{seed};
  bad.wait("an error", [&] { return !bad.error.empty(); });
  ck_assert_int_eq(bad.error_code, GST_STREAM_ERROR_WRONG_TYPE);
  const TorrentSeed good{album()};
  Demuxed none{good, "file-path=*.mkv"};
  none.wait("an error", [&] { return !none.error.empty(); });
  ck_assert_int_eq(none.error_code, GST_RESOURCE_ERROR_NOT_FOUND);
}
GST_END_TEST

static Suite *torrentdemux_suite()
{
  Suite *suite = suite_create("torrentdemux");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, each_file_has_a_pad);
  tcase_add_test(tc, the_largest_is_played_without_a_wish);
  tcase_add_test(tc, subtitles_that_are_none_are_left_out);
  tcase_add_test(tc, another_file_is_selected);
  tcase_add_test(tc, what_is_no_torrent_is_an_error);
  return suite;
}

GST_CHECK_MAIN(torrentdemux)
