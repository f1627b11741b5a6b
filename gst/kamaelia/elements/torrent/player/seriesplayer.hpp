// SPDX-License-Identifier: LGPL-2.1-or-later
// A live series of torrents that an element plays: the bytes of its parts in their order.
#pragma once

#include "elements/torrent/player/playedtorrent.hpp"
#include "elements/torrent/player/torrentreporter.hpp"
#include "elements/torrent/player/torrentseries.hpp"
#include "elements/torrent/player/torrentsrcvalues.hpp"

#include <gst/base/gstbasesrc.h>

#include <memory>
#include <optional>

namespace kam {

// The streaming thread's, or nobody streams.
class SeriesPlayer {
 public:
  // Tells `told` what becomes of it. Both outlive the player.
  SeriesPlayer(GstBaseSrc *base, PlayedTorrent &told, TorrentReporter::Callbacks reports);

  void open(const TorrentPlace &index, const TorrentSrcValues &values,
            const torrent::SeriesIndex &first);
  void close();
  // The next bytes, which are at `offset` of the stream.
  GstFlowReturn create(const TorrentSrcValues &values, guint64 offset, guint length,
                       GstBuffer **buffer);
  // Waits until the last part has been given away often enough; who stops ends that.
  void linger(const TorrentSrcValues &values) const;

 private:
  using Clock = std::chrono::steady_clock;
  GstFlowReturn begin_part(const TorrentSrcValues &values, Clock::time_point since);
  std::optional<GstFlowReturn> wait_for(torrent::Range bytes, const TorrentSrcValues &values,
                                        Clock::time_point since);
  void leave_part();
  GstElement *element() const { return GST_ELEMENT(base_); }

  GstBaseSrc *base_;
  PlayedTorrent &told_;
  TorrentReporter::Callbacks reports_;
  std::shared_ptr<TorrentSeries> series_;
  std::optional<TorrentSeries::Part> part_;
  guint64 position_ = 0;           // in the part
  bool is_discontinuous_ = false;  // what comes next does not follow what came
};

}  // namespace kam
