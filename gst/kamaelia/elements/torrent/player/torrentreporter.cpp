// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentreporter.hpp"

#include <utility>

namespace kam {

using State = torrent::TorrentStatus::State;

void post_element_message(GstElement *element, glue::StructurePtr message)
{
  gst_element_post_message(element,
                           gst_message_new_element(GST_OBJECT(element), message.release()));
}

void post_progress(GstElement *element, GstProgressType type, const char *code,
                   const char *text)
{
  gst_element_post_message(element,
                           gst_message_new_progress(GST_OBJECT(element), type, code, text));
}

TorrentReporter::TorrentReporter(GstElement *element,
                                 std::weak_ptr<torrent::TorrentLease> lease, bool wants_all,
                                 Callbacks callbacks)
    : lease_{std::move(lease)}, wants_all_{wants_all}, callbacks_{std::move(callbacks)}
{
  g_weak_ref_init(&element_, element);
}

TorrentReporter::~TorrentReporter()
{
  g_weak_ref_clear(&element_);
}

void TorrentReporter::listen()
{
  const auto lease = lease_.lock();
  if (!lease)
    return;
  lease->listen([self = shared_from_this()](Event event) {
    const auto held = self->lease_.lock();
    auto *element = static_cast<GstElement *>(g_weak_ref_get(&self->element_));
    if (element && held)
      self->tell(element, *held, event);
    if (element)
      gst_object_unref(element);
  });
}

void TorrentReporter::tell(GstElement *element, const torrent::TorrentLease &lease, Event event)
{
  const auto status = lease.status();
  tell_progress(element, status);
  const auto interval = callbacks_.stats_interval(element);
  const auto now = g_get_monotonic_time();
  // The ticks are a second apart, more or less.
  constexpr gint64 slack = 100 * G_TIME_SPAN_MILLISECOND;
  if (event == Event::status && interval > 0 && now + slack >= next_stats_) {
    next_stats_ = now + interval * G_TIME_SPAN_MILLISECOND;
    auto message = callbacks_.stats(element);
    gst_structure_set_name(message.get(), "torrent-stats");
    post_element_message(element, std::move(message));
  }
  // Behind a place that was sought all can be there, and something before it missing.
  const bool has_all = !wants_all_ || status.fraction_done >= 1;
  if (event != Event::finished || !has_all || std::exchange(has_finished_, true))
    return;
  post_element_message(element, glue::StructurePtr{gst_structure_new(
                                    "torrent-finished", "info-hash", G_TYPE_STRING,
                                    lease.info_hash().c_str(), nullptr)});
  callbacks_.finished(element);
}

void TorrentReporter::tell_progress(GstElement *element, const torrent::TorrentStatus &status)
{
  const bool is_checking = status.state == State::checking;
  if (is_checking != std::exchange(is_checking_, is_checking))
    post_progress(
        element, is_checking ? GST_PROGRESS_TYPE_START : GST_PROGRESS_TYPE_COMPLETE, "checking",
        is_checking ? "Comparing the files that are there" : "The files are compared");
  const bool wants_peers =
      status.state == State::metadata || status.state == State::downloading;
  const bool is_looking = wants_peers && status.peers == 0;
  // What begins has to end: gst-launch plays nothing before that. Peers may have come, sent
  // all, and gone between two looks.
  if (is_looking != std::exchange(is_looking_, is_looking))
    post_progress(element, is_looking ? GST_PROGRESS_TYPE_START : GST_PROGRESS_TYPE_COMPLETE,
                  "peers", is_looking ? "Looking for peers" : "Peers have been found");
}

}  // namespace kam
