// SPDX-License-Identifier: LGPL-2.1-or-later
// Listens to a station for a while, and tells what happened: the radio scene's other half.
#include "console.hpp"

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace {

using kam::glue::Ref;

struct Options {
  std::string uri;
  int seconds = 14;
  bool aloud = false;
};

struct Heard {
  guint64 connections = 0;
  guint64 losses = 0;    // of a connection that there was
  guint64 attempts = 0;  // that came to nothing
  guint64 titles = 0;
  double longest_silence = 0;
  std::uint64_t samples = 0;
  std::uint64_t rate = 0;
  bool connected = false;
};

std::string text_of(const GstStructure *structure, const char *field)
{
  const char *text = gst_structure_get_string(structure, field);
  return text ? text : "";
}

// Plays, and notes what the source says and what the decoder gives.
class Listener {
 public:
  explicit Listener(const Options &options) : options_{options}
  {
    GError *error = nullptr;
    const auto line =
        std::string{
            "icecastsrc name=radio timeout=3 retry-delay=250 "
            "! decodebin ! audioconvert name=sound ! "} +
        (options.aloud ? "autoaudiosink" : "fakesink sync=true");
    pipeline_ = Ref<GstElement>::adopt(gst_parse_launch(line.c_str(), &error));
    if (error) {
      const std::string what = error->message;
      g_error_free(error);
      throw std::runtime_error{what};
    }
    const auto radio = child("radio");
    g_object_set(radio.get(), "location", options.uri.c_str(), nullptr);
    const auto sound = child("sound");
    const auto pad = Ref<GstPad>::adopt(gst_element_get_static_pad(sound.get(), "sink"));
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *from, GstPadProbeInfo *info, gpointer self) noexcept {
          static_cast<Listener *>(self)->count(from, GST_PAD_PROBE_INFO_BUFFER(info));
          return GST_PAD_PROBE_OK;
        },
        this, nullptr);
  }
  ~Listener() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }
  Listener(const Listener &) = delete;
  Listener &operator=(const Listener &) = delete;

  Heard run()
  {
    gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
    const auto bus = Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
    began_ = g_get_monotonic_time();
    const auto end = began_ + options_.seconds * G_TIME_SPAN_SECOND;
    for (gint64 now = 0; (now = g_get_monotonic_time()) < end;) {
      auto *message =
          gst_bus_timed_pop(bus.get(), static_cast<GstClockTime>(end - now) * GST_USECOND);
      if (!message)
        break;
      const auto owned = Ref<GstMessage>::adopt(message);
      handle(message);
    }
    gst_element_set_state(pipeline_.get(), GST_STATE_NULL);
    return heard_;
  }

 private:
  Ref<GstElement> child(const char *name)
  {
    return Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name));
  }

  // In the streaming thread, which is joined before anybody looks.
  void count(GstPad *pad, GstBuffer *buffer)
  {
    const auto caps = Ref<GstCaps>::adopt(gst_pad_get_current_caps(pad));
    int rate = 0;
    int channels = 0;
    const auto *fields = gst_caps_get_structure(caps.get(), 0);
    gst_structure_get_int(fields, "rate", &rate);
    gst_structure_get_int(fields, "channels", &channels);
    const bool is_float = text_of(fields, "format").starts_with("F32");
    const auto sample = static_cast<gsize>(channels) * (is_float ? 4U : 2U);
    if (sample > 0)
      heard_.samples += gst_buffer_get_size(buffer) / sample;
    heard_.rate = static_cast<std::uint64_t>(rate);
  }

  void say(const std::string &what) const
  {
    const auto now = static_cast<double>(g_get_monotonic_time() - began_) / G_TIME_SPAN_SECOND;
    std::printf("  %6.1f s  %s\n", now, what.c_str());
    std::fflush(stdout);
  }

  void handle(GstMessage *message)
  {
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS: throw std::runtime_error{"the stream has ended"};
    case GST_MESSAGE_ERROR: {
      GError *error = nullptr;
      gst_message_parse_error(message, &error, nullptr);
      const std::string what = error->message;
      g_error_free(error);
      throw std::runtime_error{what};
    }
    case GST_MESSAGE_ELEMENT: tell(gst_message_get_structure(message)); break;
    default: break;
    }
  }

  void tell(const GstStructure *what)
  {
    if (gst_structure_has_name(what, "icecast-connected")) {
      if (heard_.connections++ > 0)
        heard_.longest_silence =
            std::max(heard_.longest_silence,
                     static_cast<double>(g_get_monotonic_time() - lost_) / G_TIME_SPAN_SECOND);
      heard_.connected = true;
      say("connected to " + text_of(what, "uri"));
    } else if (gst_structure_has_name(what, "icecast-disconnected")) {
      if (heard_.connected)
        lost_ = g_get_monotonic_time();
      ++(heard_.connected ? heard_.losses : heard_.attempts);
      heard_.connected = false;
      say((text_of(what, "reason") + ": ") + text_of(what, "detail"));
    } else if (gst_structure_has_name(what, "icecast-metadata")) {
      const auto title = text_of(what, "title");
      heard_.titles += title.empty() ? 0 : 1;
      say(title.empty() ? "no title" : "title: " + title);
    }
  }

  Options options_;
  Ref<GstElement> pipeline_;
  Heard heard_;
  gint64 began_ = 0;
  gint64 lost_ = 0;
};

bool report(const Options &options, const Heard &heard)
{
  using demo::grouped;
  demo::heading("what happened");
  demo::row("listened for", demo::seconds(options.seconds));
  demo::row("connections", grouped(heard.connections));
  demo::row("lost", grouped(heard.losses));
  demo::row("attempts without success", grouped(heard.attempts));
  demo::row("longest time without one", demo::seconds(heard.longest_silence));
  demo::row("titles", grouped(heard.titles));
  const auto sound = heard.rate > 0
                         ? static_cast<double>(heard.samples) / static_cast<double>(heard.rate)
                         : 0.0;
  demo::row("sound decoded", demo::seconds(sound));
  demo::row("errors, and ends of the stream", "0");
  std::printf("\n");
  return sound > 0 && heard.losses > 0 && heard.connections > heard.losses;
}

Options parse(int argc, char **argv)
{
  Options options;
  gboolean aloud = FALSE;
  const std::array entries{
      GOptionEntry{"seconds", 0, 0, G_OPTION_ARG_INT, &options.seconds,
                   "How long to listen (14)", "SECONDS"},
      GOptionEntry{"aloud", 0, 0, G_OPTION_ARG_NONE, &aloud, "Play it, too", nullptr},
      GOptionEntry{}};
  auto *context = g_option_context_new("URI - listen to a station");
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
  if (argc != 2)
    throw std::runtime_error{"which station?"};
  options.uri = argv[1];
  options.aloud = aloud;
  return options;
}

}  // namespace

int main(int argc, char **argv)
{
  try {
    const auto options = parse(argc, argv);
    std::printf("\n  gst-kamaelia: a station that breaks down, and a listener who stays\n\n");
    const auto heard = Listener{options}.run();
    return report(options, heard) ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "\ndemo: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
