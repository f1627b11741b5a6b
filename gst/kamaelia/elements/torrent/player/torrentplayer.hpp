// SPDX-License-Identifier: LGPL-2.1-or-later
// One torrent that an element plays: which file of it, from where, and its bytes.
#pragma once

#include "elements/torrent/player/playedtorrent.hpp"
#include "elements/torrent/player/torrentreader.hpp"
#include "elements/torrent/player/torrentreporter.hpp"
#include "elements/torrent/player/torrentsrcvalues.hpp"

#include <gst/base/gstbasesrc.h>

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

namespace kam {

// Posts what is in the way as an error, unless it is an interruption.
GstFlowReturn flow_of(GstElement *element, const Obstacle &obstacle);

// But for what is said to be of any thread, it is the streaming thread's, or nobody streams.
class TorrentPlayer {
 public:
  struct Callbacks {
    // Asks the application which file to play; -1 if it does not say.
    std::function<int(const GstStructure *)> select_file;
    TorrentReporter::Callbacks reports;
  };
  // Tells `told` what becomes of it. Both outlive the player.
  TorrentPlayer(GstBaseSrc *base, PlayedTorrent &told, Callbacks callbacks);

  // False if an error has been posted.
  bool hold(const torrent::TorrentSpec &spec, const TorrentSrcValues &values);
  bool is_held() const { return reader_.has_value(); }
  void release();

  // Once: waits until it is known what is in the torrent, and chooses a file.
  GstFlowReturn begin(const TorrentSrcValues &values);
  // Any thread: what is above has come to stay.
  bool is_reading() const { return is_reading_; }
  // Any thread: of the file, in bytes; GST_CLOCK_TIME_NONE if it is not known.
  guint64 size() const { return size_; }
  GstFlowReturn create(const TorrentSrcValues &values, guint64 offset, guint length,
                       GstBuffer **buffer);
  // Waits until it has been given away often enough; who stops or seeks ends that.
  void linger(const TorrentSrcValues &values) const;

 private:
  bool choose(const torrent::Contents &contents, const TorrentSrcValues &values);
  void tell_contents(bool was_unknown);
  bool is_pushed() const;
  GstElement *element() const { return GST_ELEMENT(base_); }

  GstBaseSrc *base_;
  PlayedTorrent &told_;
  Callbacks callbacks_;
  std::optional<TorrentReader> reader_;
  std::vector<std::int32_t> selected_;  // by the magnet
  std::string file_path_;               // that it names
  std::optional<std::size_t> choice_;   // of the torrent's files
  std::atomic<bool> is_reading_ = false;
  std::atomic<guint64> size_ = GST_CLOCK_TIME_NONE;
  bool is_title_told_ = false;
};

}  // namespace kam
