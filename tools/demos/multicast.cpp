// SPDX-License-Identifier: LGPL-2.1-or-later
// Sends a film or sound as RTP/MPEG-TS through framer ! chunker ! packetiser over UDP multicast
// on this machine, with a network between that loses, doubles and shuffles packets; receives
// it with dechunker ! deframer ! recoverorder; and tells what became of it. Two pipelines in
// one program: also an example of how an application uses the elements and their statistics.
#include "clip.hpp"
#include "console.hpp"
#include "glue/refs.hpp"
#include "pipeline.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>

namespace {

using demo::Element;
using demo::Pad;
using demo::Pipeline;
using demo::stat;
using demo::watch;
namespace fs = std::filesystem;

constexpr auto group = "239.255.76.77";

struct Options {
  std::string file;
  std::string folder = ".";
  double loss = 1;
  double doubling = 2;
  int reorder = 8;
  int seed = 1;
  bool real_time = false;
};

// How much of the media has passed: its first video stream and its first audio stream.
struct Media {
  std::atomic<std::uint64_t> pictures = 0;
  std::atomic<std::uint64_t> sound = 0;     // nanoseconds
  std::atomic<std::uint64_t> position = 0;  // nanoseconds
  bool has_video = false;
  bool has_audio = false;

  void picture(GstBuffer *buffer)
  {
    ++pictures;
    reached(buffer);
  }
  void samples(GstBuffer *buffer)
  {
    if (GST_BUFFER_DURATION_IS_VALID(buffer))
      sound += GST_BUFFER_DURATION(buffer);
    reached(buffer);
  }

 private:
  void reached(GstBuffer *buffer)
  {
    if (GST_BUFFER_PTS_IS_VALID(buffer))
      position = std::max<std::uint64_t>(position, GST_BUFFER_PTS(buffer));
  }
};

// Keeps few packets on their way, so that no socket's buffer runs over at full speed: here the
// network is to lose packets, and nobody else.
class Pace {
 public:
  void leave(GstBuffer *)
  {
    std::unique_lock lock{mutex_};
    constexpr std::int64_t most_on_their_way = 32;
    const auto room = [&] { return sent_ - arrived_ - written_off_ < most_on_their_way; };
    if (!arrival_.wait_for(lock, std::chrono::milliseconds{500}, room))
      written_off_ = sent_ - arrived_;
    ++sent_;
  }
  void arrive(GstBuffer *)
  {
    const std::lock_guard lock{mutex_};
    ++arrived_;
    arrival_.notify_one();
  }
  std::uint64_t missing()
  {
    const std::lock_guard lock{mutex_};
    return static_cast<std::uint64_t>(std::max<std::int64_t>(sent_ - arrived_, 0));
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrival_;
  std::int64_t sent_ = 0;
  std::int64_t arrived_ = 0;
  std::int64_t written_off_ = 0;
};

// What goes into MPEG-TS as it is, and what is coded anew.
struct Route {
  const char *caps;
  const char *elements;
};
constexpr std::array routes{
    Route{"video/x-h264", "h264parse name=out config-interval=-1"},
    Route{"video/x-h265", "h265parse name=out config-interval=-1"},
    Route{"video/mpeg, mpegversion=(int)[1, 2], systemstream=(boolean)false",
          "mpegvideoparse name=out"},
    Route{"audio/mpeg, mpegversion=(int)1", "mpegaudioparse name=out"},
    Route{"audio/mpeg, mpegversion=(int){ 2, 4 }", "aacparse name=out"},
    Route{"audio/x-ac3", "ac3parse name=out"},
};
constexpr auto encode_video =
    "decodebin ! videoconvert ! video/x-raw,format=I420 ! "
    "x264enc speed-preset=veryfast key-int-max=50 ! "
    "h264parse name=out config-interval=-1";
constexpr auto encode_audio =
    "decodebin ! audioconvert ! audioresample ! avenc_aac ! aacparse name=out";

const char *elements_for(GstCaps *caps, bool video)
{
  for (const auto &route : routes) {
    const auto wanted = kam::glue::Ref<GstCaps>::adopt(gst_caps_from_string(route.caps));
    if (gst_caps_can_intersect(caps, wanted.get()))
      return route.elements;
  }
  return video ? encode_video : encode_audio;
}

bool starts_with(GstCaps *caps, const char *kind)
{
  return g_str_has_prefix(gst_structure_get_name(gst_caps_get_structure(caps, 0)), kind);
}

// Joins the streams of a file to the multiplexer, as they are found.
class Sender {
 public:
  Sender(Pipeline &pipeline, Media &media) : pipeline_{pipeline}, media_{media}
  {
    const auto parser = pipeline["parse"];
    const auto found =
        +[](GstElement *, GstPad *pad, Sender *self) noexcept { self->add(pad); };
    const auto all_found = +[](GstElement *, Sender *self) noexcept { self->check(); };
    g_signal_connect(parser.get(), "pad-added", G_CALLBACK(found), this);
    g_signal_connect(parser.get(), "no-more-pads", G_CALLBACK(all_found), this);
  }

 private:
  void add(GstPad *pad)
  {
    auto caps = kam::glue::Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad));
    if (!caps)
      caps = kam::glue::Ref<GstCaps>::adopt(gst_pad_query_caps(pad, nullptr));
    const bool video = starts_with(caps.get(), "video/");
    const bool audio = starts_with(caps.get(), "audio/");
    const bool wanted = (video && !media_.has_video) || (audio && !media_.has_audio);
    const std::string description =
        wanted ? std::string{"queue name=in max-size-buffers=0 max-size-time=0 "
                             "max-size-bytes=67108864 ! "} +
                     elements_for(caps.get(), video)
               : "fakesink name=in sync=false async=false";
    GError *error = nullptr;
    auto *branch = gst_parse_bin_from_description(description.c_str(), FALSE, &error);
    if (error) {
      GST_ELEMENT_ERROR(pipeline_.get(), CORE, MISSING_PLUGIN, ("%s", error->message),
                        (nullptr));
      g_error_free(error);
      return;
    }
    gst_bin_add(GST_BIN(pipeline_.get()), branch);
    expose(branch, "in", "sink");
    if (wanted) {
      expose(branch, "out", "src");
      gst_element_link(branch, pipeline_["mux"].get());
      const auto out = Pad::adopt(gst_element_get_static_pad(branch, "src"));
      (video ? media_.has_video : media_.has_audio) = true;
      if (video)
        watch<Media, &Media::picture>(out.get(), media_);
      else
        watch<Media, &Media::samples>(out.get(), media_);
    }
    gst_element_sync_state_with_parent(branch);
    gst_pad_link(pad, Pad::adopt(gst_element_get_static_pad(branch, "sink")).get());
  }

  void check()
  {
    if (!media_.has_video && !media_.has_audio)
      GST_ELEMENT_ERROR(pipeline_.get(), STREAM, WRONG_TYPE,
                        ("There is neither a film nor sound in it."), (nullptr));
  }

  static void expose(GstElement *branch, const char *element, const char *pad)
  {
    const auto inner = Element::adopt(gst_bin_get_by_name(GST_BIN(branch), element));
    const auto target = Pad::adopt(gst_element_get_static_pad(inner.get(), pad));
    gst_element_add_pad(branch, gst_ghost_pad_new(pad, target.get()));
  }

  Pipeline &pipeline_;
  Media &media_;
};

// What a run came to.
struct Result {
  std::uint64_t sent = 0;
  std::uint64_t cut = 0;  // frames too large for one packet
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  std::uint64_t reordered = 0;
  std::uint64_t overrun = 0;
  std::uint64_t put_in_order = 0;
  std::uint64_t doubles_removed = 0;
  std::uint64_t late = 0;
  std::uint64_t delivered = 0;
};

int listen(Pipeline &receiver, const std::string &path)
{
  g_object_set(receiver["file"].get(), "location", path.c_str(), nullptr);
  receiver.play();
  int port = 0;
  g_object_get(receiver["udp"].get(), "port", &port, nullptr);
  return port;
}

// brokennetwork may keep a packet back for as long as chance will have it, and few of them
// longer than a window of 128.
Result transmit(const Options &options, const std::string &path, Media &media)
{
  Pipeline receiver{
      "udpsrc name=udp address=" + std::string{group} +
      " port=0 multicast-iface=lo buffer-size=4194304 timeout=1000000000 ! dechunker ! deframer "
      "caps=\"application/x-rtp,media=video,clock-rate=90000,encoding-name=MP2T,payload=33\" ! "
      "recoverorder name=order window=128 ! rtpmp2tdepay ! filesink name=file async=false sync=false"};
  Pipeline sender{
      "filesrc name=file ! parsebin name=parse mpegtsmux name=mux alignment=7 ! rtpmp2tpay ! "
      "framer name=framer ! chunker ! packetiser name=packetiser max-size=1472 ! "
      "brokennetwork name=network ! udpsink name=udp multicast-iface=lo"};
  const auto port = listen(receiver, path);
  g_object_set(sender["file"].get(), "location", options.file.c_str(), nullptr);
  g_object_set(sender["network"].get(), "seed", static_cast<guint64>(options.seed),
               "drop-probability", options.loss / 100, "duplicate-probability",
               options.doubling / 100, "reorder-window", static_cast<guint>(options.reorder),
               nullptr);
  g_object_set(sender["udp"].get(), "host", group, "port", port, "sync",
               static_cast<gboolean>(options.real_time), nullptr);
  Pace pace;
  watch<Pace, &Pace::leave>(
      Pad::adopt(gst_element_get_static_pad(sender["udp"].get(), "sink")).get(), pace);
  watch<Pace, &Pace::arrive>(
      Pad::adopt(gst_element_get_static_pad(receiver["udp"].get(), "src")).get(), pace);
  const Sender streams{sender, media};

  demo::Progress progress{"sends and receives it"};
  sender.play();
  while (!sender.poll()) {
    receiver.poll(0);
    gint64 duration = 0;
    if (gst_element_query_duration(sender["parse"].get(), GST_FORMAT_TIME, &duration) &&
        duration > 0)
      progress.show(static_cast<double>(media.position) / static_cast<double>(duration));
  }
  // UDP has no end: it is over when nothing has come for a second.
  receiver.was_idle();
  while (!receiver.was_idle())
    receiver.poll();
  gst_element_send_event(receiver.get(), gst_event_new_eos());
  while (!receiver.poll()) {
  }
  progress.finish();

  Result result;
  result.sent = stat(sender, "framer", "frames");
  result.cut =
      stat(sender, "packetiser", "packets-out") - stat(sender, "packetiser", "buffers-in");
  result.lost = stat(sender, "network", "dropped");
  result.doubled = stat(sender, "network", "duplicated");
  result.reordered = stat(sender, "network", "reordered");
  result.overrun = pace.missing();
  result.put_in_order = stat(receiver, "order", "reordered");
  result.doubles_removed = stat(receiver, "order", "duplicate");
  result.late = stat(receiver, "order", "late");
  result.delivered = stat(receiver, "order", "out");
  return result;
}

// Decodes a file and counts what comes out.
class Decoder {
 public:
  Decoder(const std::string &path, Media &decoded) : decoded_{decoded}
  {
    g_object_set(pipeline_["file"].get(), "location", path.c_str(), nullptr);
    const auto joined =
        +[](GstElement *, GstPad *pad, Decoder *self) noexcept { self->add(pad); };
    g_signal_connect(pipeline_["decode"].get(), "pad-added", G_CALLBACK(joined), this);
  }

  void run(const Media &sent)
  {
    demo::Progress progress{"decodes what arrived"};
    pipeline_.play();
    const auto whole = static_cast<double>(std::max<std::uint64_t>(sent.position, 1));
    while (!pipeline_.poll())
      progress.show(static_cast<double>(decoded_.position) / whole);
    progress.finish();
  }

 private:
  void add(GstPad *pad)
  {
    const auto caps = kam::glue::Ref<GstCaps>::adopt(gst_pad_query_caps(pad, nullptr));
    auto *sink = gst_element_factory_make("fakesink", nullptr);
    g_object_set(sink, "sync", FALSE, "async", FALSE, nullptr);
    gst_bin_add(GST_BIN(pipeline_.get()), sink);
    gst_element_sync_state_with_parent(sink);
    const auto sink_pad = Pad::adopt(gst_element_get_static_pad(sink, "sink"));
    if (starts_with(caps.get(), "video/"))
      watch<Media, &Media::picture>(sink_pad.get(), decoded_);
    else if (starts_with(caps.get(), "audio/"))
      watch<Media, &Media::samples>(sink_pad.get(), decoded_);
    gst_pad_link(pad, sink_pad.get());
  }

  Media &decoded_;
  Pipeline pipeline_{"filesrc name=file ! decodebin name=decode"};
};

void explain(const Options &options)
{
  std::printf(
      "\n  gst-kamaelia: a film over a bad network\n\n"
      "  sends      %s as MPEG-TS in RTP ! framer ! chunker ! packetiser\n"
      "  network    UDP multicast to %s on this machine, and brokennetwork, which loses\n"
      "             %g %% of the packets, doubles %g %% and shuffles them (%d at a time)\n"
      "  receives   dechunker ! deframer ! recoverorder, takes the film out, writes it\n\n",
      options.file.c_str(), group, options.loss, options.doubling, options.reorder);
  std::fflush(stdout);
}

bool report(const Result &result, const Media &sent, const Media &decoded,
            const std::string &path)
{
  using demo::grouped;
  const auto missing = result.sent - std::min(result.sent, result.delivered);
  demo::heading("what the network did");
  demo::row("packets sent", grouped(result.sent));
  demo::row("lost", grouped(result.lost), demo::percent(result.lost, result.sent));
  demo::row("doubled", grouped(result.doubled), demo::percent(result.doubled, result.sent));
  demo::row("reordered", grouped(result.reordered),
            demo::percent(result.reordered, result.sent));
  if (result.cut > 0)
    demo::row("cut in two", grouped(result.cut), "larger than a packet once escaped");
  if (result.overrun > 0)
    demo::row("lost by this machine", grouped(result.overrun), "its socket buffer ran over");
  demo::heading("what the receiver made of it");
  demo::row("put back in order", grouped(result.put_in_order));
  demo::row("doubles removed", grouped(result.doubles_removed));
  if (result.late > 0)
    demo::row("too late", grouped(result.late), "came when those after them had been let go");
  demo::row("missing for good", grouped(missing),
            "these elements put in order; they do not ask again");
  demo::row("packets delivered", grouped(result.delivered),
            demo::percent(result.delivered, result.sent));

  constexpr double second = 1e9;
  const auto sound_sent = static_cast<double>(sent.sound) / second;
  const auto sound_decoded = static_cast<double>(decoded.sound) / second;
  const bool playable =
      (!sent.has_video || decoded.pictures > 0) && (!sent.has_audio || decoded.sound > 0);
  demo::heading("what can be seen and heard");
  demo::row("playable", playable ? "yes" : "NO");
  if (sent.has_video)
    demo::row("pictures decoded", grouped(decoded.pictures),
              "of " + grouped(sent.pictures) + " sent");
  if (sent.has_audio)
    demo::row("sound decoded", demo::seconds(sound_decoded),
              "of " + demo::seconds(sound_sent) + " sent");
  std::printf("\n  The file: %s\n  To play it: gst-play-1.0 \"%s\"\n\n", path.c_str(),
              path.c_str());
  return playable && result.delivered > 0;
}

Options parse(int argc, char **argv)
{
  Options options;
  char *folder = nullptr;
  gboolean real_time = FALSE;
  const std::array entries{
      GOptionEntry{"loss", 0, 0, G_OPTION_ARG_DOUBLE, &options.loss,
                   "Packets that the network loses, in per cent (1)", "PERCENT"},
      GOptionEntry{"doubling", 0, 0, G_OPTION_ARG_DOUBLE, &options.doubling,
                   "Packets that it doubles, in per cent (2)", "PERCENT"},
      GOptionEntry{"reorder", 0, 0, G_OPTION_ARG_INT, &options.reorder,
                   "How many packets it shuffles at a time; 1: none (8)", "PACKETS"},
      GOptionEntry{"seed", 0, 0, G_OPTION_ARG_INT, &options.seed,
                   "The same seed has the same misfortunes (1)", "NUMBER"},
      GOptionEntry{"real-time", 0, 0, G_OPTION_ARG_NONE, &real_time,
                   "Send at the speed at which it plays", nullptr},
      GOptionEntry{"folder", 0, 0, G_OPTION_ARG_FILENAME, &folder,
                   "Where to write (the current folder)", "FOLDER"},
      GOptionEntry{}};
  auto *context = g_option_context_new("[FILE] - a film over a bad network");
  g_option_context_add_main_entries(context, entries.data(), nullptr);
  g_option_context_add_group(context, gst_init_get_option_group());
  GError *error = nullptr;
  const bool ok = g_option_context_parse(context, &argc, &argv, &error);
  g_option_context_free(context);
  if (!ok) {
    const std::string what = error->message;
    g_error_free(error);
    throw std::runtime_error{what};
  }
  options.real_time = real_time;
  const auto in = [](double value, double least, double most) {
    return value >= least && value <= most;
  };
  if (!in(options.loss, 0, 100) || !in(options.doubling, 0, 100) ||
      !in(options.reorder, 1, 1000))
    throw std::runtime_error{"--loss and --doubling are per cent, --reorder is 1 to 1000"};
  if (folder)
    options.folder = folder;
  g_free(folder);
  if (argc > 1)
    options.file = argv[1];
  return options;
}

bool run(int argc, char **argv)
{
  auto options = parse(argc, argv);
  fs::create_directories(options.folder);
  const auto path = (fs::path{options.folder} / "received.ts").string();
  const bool own_clip = options.file.empty();
  if (own_clip)
    options.file = (fs::path{options.folder} / "clip.mkv").string();
  if (fs::exists(path) && fs::exists(options.file) && fs::equivalent(path, options.file))
    throw std::runtime_error{"this is the file that would be written: choose another --folder"};
  explain(options);
  if (own_clip)
    demo::make_clip(options.file);
  Media sent;
  Media decoded;
  const auto result = transmit(options, path, sent);
  Decoder{path, decoded}.run(sent);
  return report(result, sent, decoded, path);
}

}  // namespace

int main(int argc, char **argv)
{
  try {
    return run(argc, argv) ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "\ndemo: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
