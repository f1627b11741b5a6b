// SPDX-License-Identifier: LGPL-2.1-or-later
// Plays a torrent while it is downloaded, and shows how much of it there is:
//
//   torrent-progress [--peers HOST:PORT] [--headless] [--seek SECONDS] [--limit SECONDS]
//   ADDRESS
//
// ADDRESS is a magnet link or file:///…/film.torrent. --seek jumps there when the first picture
// has been seen; --headless shows and sounds nothing; --limit ends after some time.
#include <gst/gst.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

struct Player {
  GstElement *playbin = nullptr;
  GstElement *source = nullptr;  // the torrentsrc in it
  GMainLoop *loop = nullptr;
  const gchar *peers = nullptr;
  gdouble seek_to = -1;
  gint64 started = 0;
  gint64 sought = 0;
  bool has_picture = false;
  int result = EXIT_SUCCESS;
};

double seconds_since(gint64 then)
{
  return double(g_get_monotonic_time() - then) / G_TIME_SPAN_SECOND;
}

// playbin makes its source itself; a torrentdemux has one inside.
void element_setup(GstElement *, GstElement *element, Player *player)
{
  auto *factory = gst_element_get_factory(element);
  if (!factory || g_strcmp0(GST_OBJECT_NAME(factory), "torrentsrc") != 0)
    return;
  gst_object_replace(reinterpret_cast<GstObject **>(&player->source), GST_OBJECT(element));
  if (player->peers)
    g_object_set(element, "peers", player->peers, nullptr);
}

// Which parts of the file have come: the answer to a buffering query.
std::string bar_of(GstElement *source)
{
  constexpr int width = 50;
  std::string bar(width, '.');
  auto *query = gst_query_new_buffering(GST_FORMAT_PERCENT);
  if (gst_element_query(source, query))
    for (guint i = 0; i < gst_query_get_n_buffering_ranges(query); ++i) {
      gint64 from = 0;
      gint64 to = 0;
      gst_query_parse_nth_buffering_range(query, i, &from, &to);
      for (auto at = from * width / GST_FORMAT_PERCENT_MAX;
           at < to * width / GST_FORMAT_PERCENT_MAX && at < width; ++at)
        bar[std::size_t(at)] = '#';
    }
  gst_query_unref(query);
  return bar;
}

gboolean show(gpointer data)
{
  auto *player = static_cast<Player *>(data);
  if (!player->source)
    return G_SOURCE_CONTINUE;
  gint64 position = 0;
  gdouble fraction = 0;
  g_object_get(player->source, "fraction-done", &fraction, nullptr);
  std::printf("%6.2f s [%s] %3.0f %%, ", seconds_since(player->started),
              bar_of(player->source).c_str(), fraction * 100);
  if (player->has_picture &&
      gst_element_query_position(player->playbin, GST_FORMAT_TIME, &position))
    std::printf("playing at %.1f s\n", double(position) / GST_SECOND);
  else
    std::printf("waiting\n");
  std::fflush(stdout);
  return G_SOURCE_CONTINUE;
}

// The first picture is there, or that behind a seek.
void arrived(Player &player)
{
  gdouble fraction = 0;
  if (player.source)
    g_object_get(player.source, "fraction-done", &fraction, nullptr);
  if (!player.has_picture) {
    player.has_picture = true;
    std::printf("first picture after %.3f s, with %.0f %% downloaded\n",
                seconds_since(player.started), fraction * 100);
    gst_element_set_state(player.playbin, GST_STATE_PLAYING);
  } else if (player.sought != 0) {
    std::printf("seek to %.1f s took %.3f s, with %.0f %% downloaded\n", player.seek_to,
                seconds_since(player.sought), fraction * 100);
    player.sought = 0;
  }
  std::fflush(stdout);
}

gboolean seek(gpointer data)
{
  auto *player = static_cast<Player *>(data);
  if (!player->has_picture)
    return G_SOURCE_CONTINUE;
  player->sought = g_get_monotonic_time();
  gst_element_seek_simple(player->playbin, GST_FORMAT_TIME,
                          GstSeekFlags(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT),
                          gint64(player->seek_to * GST_SECOND));
  return G_SOURCE_REMOVE;
}

gboolean take_message(GstBus *, GstMessage *message, gpointer data)
{
  auto *player = static_cast<Player *>(data);
  switch (GST_MESSAGE_TYPE(message)) {
  case GST_MESSAGE_ASYNC_DONE: arrived(*player); break;
  case GST_MESSAGE_EOS: g_main_loop_quit(player->loop); break;
  case GST_MESSAGE_ERROR: {
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    std::fprintf(stderr, "%s\n", error->message);
    g_error_free(error);
    player->result = EXIT_FAILURE;
    g_main_loop_quit(player->loop);
    break;
  }
  default: break;
  }
  return G_SOURCE_CONTINUE;
}

}  // namespace

int main(int argc, char **argv)
{
  Player player;
  gboolean is_headless = FALSE;
  gint limit = 0;
  gchar *peers = nullptr;
  const std::array<GOptionEntry, 5> entries{
      {{"peers", 0, 0, G_OPTION_ARG_STRING, &peers, "Peers to begin with", "HOST:PORT"},
       {"headless", 0, 0, G_OPTION_ARG_NONE, &is_headless, "Show and sound nothing", nullptr},
       {"seek", 0, 0, G_OPTION_ARG_DOUBLE, &player.seek_to, "Where to jump to", "SECONDS"},
       {"limit", 0, 0, G_OPTION_ARG_INT, &limit, "End after some time", "SECONDS"},
       {}}};
  auto *context = g_option_context_new("ADDRESS");
  g_option_context_add_main_entries(context, entries.data(), nullptr);
  g_option_context_add_group(context, gst_init_get_option_group());
  if (!g_option_context_parse(context, &argc, &argv, nullptr) || argc != 2) {
    std::fputs("usage: torrent-progress [--peers HOST:PORT] ADDRESS\n", stderr);
    return 2;
  }
  g_option_context_free(context);
  player.peers = peers;
  player.loop = g_main_loop_new(nullptr, FALSE);
  player.playbin = gst_element_factory_make("playbin3", nullptr);
  if (!player.playbin) {
    std::fputs("There is no playbin3.\n", stderr);
    return EXIT_FAILURE;
  }
  g_object_set(player.playbin, "uri", argv[1], nullptr);
  if (is_headless)
    for (const auto *sink : {"video-sink", "audio-sink"}) {
      auto *nothing = gst_element_factory_make("fakesink", nullptr);
      g_object_set(nothing, "sync", TRUE, nullptr);
      g_object_set(player.playbin, sink, nothing, nullptr);
    }
  g_signal_connect(player.playbin, "element-setup", G_CALLBACK(element_setup), &player);
  auto *bus = gst_element_get_bus(player.playbin);
  gst_bus_add_watch(bus, take_message, &player);
  player.started = g_get_monotonic_time();
  gst_element_set_state(player.playbin, GST_STATE_PAUSED);
  g_timeout_add(500, show, &player);
  if (player.seek_to >= 0)
    g_timeout_add(1500, seek, &player);
  if (limit > 0)
    g_timeout_add_seconds(
        guint(limit),
        [](gpointer loop) -> gboolean {
          g_main_loop_quit(static_cast<GMainLoop *>(loop));
          return G_SOURCE_REMOVE;
        },
        player.loop);
  g_main_loop_run(player.loop);
  gst_element_set_state(player.playbin, GST_STATE_NULL);
  gst_bus_remove_watch(bus);
  gst_object_unref(bus);
  gst_clear_object(&player.source);
  gst_object_unref(player.playbin);
  g_main_loop_unref(player.loop);
  g_free(peers);
  return player.has_picture ? player.result : EXIT_FAILURE;
}
