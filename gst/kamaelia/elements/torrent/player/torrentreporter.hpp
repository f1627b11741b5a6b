// SPDX-License-Identifier: LGPL-2.1-or-later
// Tells the application what becomes of a torrent that an element holds.
#pragma once

#include "elements/torrent/swarm/torrentsession.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <functional>
#include <memory>

namespace kam {

void post_element_message(GstElement *element, glue::StructurePtr message);
void post_progress(GstElement *element, GstProgressType type, const char *code,
                   const char *text);

// Made when a torrent is held; it may be told of it until the element has gone.
class TorrentReporter : public std::enable_shared_from_this<TorrentReporter> {
 public:
  struct Callbacks {
    // In the session's thread, with the element alive.
    std::function<guint(GstElement *)> stats_interval;  // milliseconds; 0: none
    std::function<glue::StructurePtr(GstElement *)> stats;
    std::function<void(GstElement *)> finished;  // once: all that is wanted is there
  };
  TorrentReporter(GstElement *element, std::weak_ptr<torrent::TorrentLease> lease,
                  bool wants_all, Callbacks callbacks);
  ~TorrentReporter();
  TorrentReporter(const TorrentReporter &) = delete;
  TorrentReporter &operator=(const TorrentReporter &) = delete;

  void listen();

 private:
  using Event = torrent::TorrentLease::Event;
  void tell(GstElement *element, const torrent::TorrentLease &lease, Event event);
  void tell_progress(GstElement *element, const torrent::TorrentStatus &status);

  GWeakRef element_{};
  std::weak_ptr<torrent::TorrentLease> lease_;
  bool wants_all_;
  Callbacks callbacks_;
  // The session's thread's.
  gint64 next_stats_ = 0;
  bool has_finished_ = false;
  bool is_checking_ = false;
  bool is_looking_ = false;
};

}  // namespace kam
