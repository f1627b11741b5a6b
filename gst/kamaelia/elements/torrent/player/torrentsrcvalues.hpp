// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on torrentsrc.
#pragma once

#include "core/torrent/series_follower.hpp"
#include "elements/torrent/player/torrentfetch.hpp"
#include "elements/torrent/torrentvalues.hpp"

namespace kam {

// How a torrent is played, whoever says which.
struct TorrentPlayValues : TorrentNetworkValues, TorrentDownloadValues {
  std::string save_path;
  bool keep_files = false;
  bool resume = true;
  guint64 read_ahead = guint64{16} << 20U;
  guint64 prefetch_edges = guint64{1} << 20U;
  bool background_download = true;
  guint late_threshold = 600;
  guint64 timeout = 0;
  guint stats_interval = 5000;
};

// How a live series is followed.
struct TorrentSeriesValues {
  gint first_number = 0;
  guint last_number = 0;
  guint poll_interval = 0;
  guint parts_ahead = 1;
  guint parts_shared = 3;
  guint64 part_timeout = 30 * GST_SECOND;
};

struct TorrentSrcValues : TorrentPlayValues, TorrentSeriesValues {
  std::string location;
  glue::Ref<GBytes> torrent;
  gint file_index = -1;
  std::string file_path;
  guint64 metadata_timeout = 0;
  bool linger = false;
  double seed_ratio = 0;
};

// The torrent that is named by a magnet or by its bytes, with the peers and so on that are set.
std::variant<torrent::TorrentSpec, torrent::Failure> spec_of(const TorrentSrcValues &values);
// Whether there has to be a peer to tell what is in the torrent.
bool is_magnet(const TorrentSrcValues &values);
// Where the .torrent file or the series is that is named by a location.
std::optional<TorrentPlace> place_of(const TorrentSrcValues &values);
torrent::TorrentLimits limits_of(const TorrentSrcValues &values);
torrent::TorrentOptions torrent_options(const TorrentSrcValues &values);
torrent::Reading reading_of(const TorrentSrcValues &values, std::size_t file);
std::optional<std::size_t> wished_file(const TorrentSrcValues &values,
                                       const torrent::Contents &contents,
                                       const std::vector<std::int32_t> &selected);

torrent::SeriesFollower::Options follower_options(const TorrentSeriesValues &values);

// All properties that are set; those that only report are the element's.
template <class Impl>
glue::Properties<Impl, TorrentSrcValues> torrentsrc_properties();

// Those properties of an element whose Values begin with them.
template <class Impl, class Values>
void add_torrent_play(glue::Properties<Impl, Values> &properties);

}  // namespace kam

template <class Impl, class Values>
void kam::add_torrent_play(glue::Properties<Impl, Values> &properties)
{
  using V = TorrentPlayValues;
  using glue::Mutable;
  const auto of = []<class Value>(Value V::*member) {
    return static_cast<Value Values::*>(member);
  };
  properties
      .add("save-path", of(&V::save_path),
           "Folder for the torrent's files; unset for one of its own in the user's cache",
           Mutable::in_ready)
      .add("keep-files", of(&V::keep_files),
           "Keep the files when they are not played any more; what was there before is kept "
           "anyway",
           Mutable::in_ready)
      .add("resume", of(&V::resume),
           "Go on with what an earlier run left; otherwise it is read through and compared",
           Mutable::in_ready)
      .add("read-ahead", of(&V::read_ahead),
           "How many bytes behind the one that is read are wanted before all others",
           Mutable::in_ready, {65536, G_MAXINT64})
      .add("prefetch-edges", of(&V::prefetch_edges),
           "How many bytes at the beginning and at the end of the file are wanted early, "
           "because players look there",
           Mutable::in_ready, {0, 1U << 30U})
      .add("background-download", of(&V::background_download),
           "Get the whole file, and not only what is about to be read", Mutable::in_ready)
      .add("late-threshold", of(&V::late_threshold),
           "How many milliseconds to wait for a piece before more peers are asked for it",
           Mutable::in_ready, {50, 60'000});
  add_torrent_download(properties);
  add_torrent_network(properties);
  properties
      .add("timeout", of(&V::timeout),
           "How many nanoseconds to wait for data before that is an error; 0 for any time",
           Mutable::in_playing, {0, G_MAXINT64})
      .add("stats-interval", of(&V::stats_interval),
           "How many milliseconds between torrent-stats messages, to the second; 0 for none",
           Mutable::in_playing, {0, 3'600'000});
}

template <class Impl>
kam::glue::Properties<Impl, kam::TorrentSrcValues> kam::torrentsrc_properties()
{
  using V = TorrentSrcValues;
  using glue::Mutable;
  glue::Properties<Impl, V> properties;
  properties
      .add("location", &V::location,
           "What to play: a magnet link, a .torrent file (a path, or torrent: and file: URIs), "
           "or where to get one (torrent+http:, torrent+https:); or the meta.txt of a live "
           "series, or its folder",
           Mutable::in_ready)
      .add("torrent", &V::torrent, "Contents of a .torrent file, instead of a location",
           Mutable::in_ready)
      .add("file-index", &V::file_index,
           "Number of the file to play, from 0 and without padding; -1 to choose by path, by "
           "the magnet's \"so\", or the largest that is sound or video",
           Mutable::in_ready, {-1, G_MAXINT})
      .add("file-path", &V::file_path,
           "Path of the file to play in the torrent; * ? and [a-z] stand for others",
           Mutable::in_ready)
      .add("metadata-timeout", &V::metadata_timeout,
           "How many nanoseconds a magnet's metadata may take before that is an error; 0 for "
           "any time",
           Mutable::in_ready, {0, G_MAXINT64})
      .add("linger", &V::linger,
           "When the file has been pushed to its end, share it before EOS, until seed-ratio is "
           "reached or the application stops",
           Mutable::in_playing)
      .add("seed-ratio", &V::seed_ratio,
           "With linger: how many times the file's size to give away before EOS; 0 for no end",
           Mutable::in_playing, {0, 10'000});
  add_torrent_play(properties);
  constexpr auto most = guint{torrent::max_series_number};
  properties
      .add("first-number", &V::first_number,
           "Of a live series: number of the part to begin with; 0 for the newest, less for so "
           "many parts before that",
           Mutable::in_ready, {-gint{most}, gint{most}})
      .add("last-number", &V::last_number,
           "Of a live series: number of the part to end with; 0 for none", Mutable::in_ready,
           {0, most})
      .add("poll-interval", &V::poll_interval,
           "Of a live series: how many milliseconds between two looks whether there are more "
           "parts; 0 for an eighth of the time between parts, from 250 ms to 15 s",
           Mutable::in_ready, {0, 3'600'000})
      .add(
          "parts-ahead", &V::parts_ahead,
          "Of a live series: number of parts to have, as far as there are, while one is played",
          Mutable::in_ready, {0, 16})
      .add("parts-shared", &V::parts_shared,
           "Of a live series: number of parts to go on sharing when they were played",
           Mutable::in_ready, {0, 1000})
      .add("part-timeout", &V::part_timeout,
           "Of a live series: how many nanoseconds to wait for data of a part before the next "
           "is played, if there is one; 0 for any time",
           Mutable::in_playing, {0, G_MAXINT64});
  return properties;
}
