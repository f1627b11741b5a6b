// SPDX-License-Identifier: LGPL-2.1-or-later
// What anybody may ask about the torrent that an element plays, in any thread and at any time.
#pragma once

#include "elements/torrent/player/torrentseries.hpp"
#include "elements/torrent/swarm/torrentsession.hpp"
#include "glue/guarded.hpp"
#include "glue/properties.hpp"

#include <memory>
#include <string>

namespace kam {

class PlayedTorrent {
 public:
  using Lease = std::shared_ptr<torrent::TorrentLease>;

  // Null while there is none.
  Lease lease() const { return *lease_.lock(); }
  void set_lease(Lease lease) { *lease_.lock() = std::move(lease); }
  // The live series of which it is a part; null if it is not.
  std::shared_ptr<TorrentSeries> series() const { return *series_.lock(); }
  void set_series(std::shared_ptr<TorrentSeries> series)
  {
    *series_.lock() = std::move(series);
  }
  void set_current_file(std::string path) { *current_file_.lock() = std::move(path); }

  glue::StructurePtr stats() const;
  glue::StructurePtr files() const;
  std::string info_hash() const;
  double fraction_done() const;
  glue::Ref<GBytes> metainfo() const;
  std::string current_file() const { return *current_file_.lock(); }

  gboolean add_peer(const char *address) const;  // false if it is no address
  void reannounce() const;
  void set_limits(const torrent::TorrentLimits &limits) const;
  // Ends every wait, and those to come until it is called with false.
  void interrupt(bool on) const;

 private:
  mutable glue::Guarded<Lease> lease_;
  mutable glue::Guarded<std::shared_ptr<TorrentSeries>> series_;
  mutable glue::Guarded<std::string> current_file_;
};

// Those properties of an element that is a PlayedTorrent.
template <class Impl, class Values>
void add_played_torrent(glue::Properties<Impl, Values> &properties);

}  // namespace kam

template <class Impl, class Values>
void kam::add_played_torrent(glue::Properties<Impl, Values> &properties)
{
  properties
      .template report<&Impl::info_hash>(
          "info-hash", "The torrent's name in the network, in hexadecimal digits")
      .template report<&Impl::metainfo>("metainfo",
                                        "Contents of a .torrent file, once they are known")
      .template report<&Impl::current_file>("current-file",
                                            "Path of the file that is played, in the torrent")
      .template report<&Impl::fraction_done>(
          "fraction-done", "How much of what is wanted is there: a number from 0 to 1")
      .template report<&Impl::files>(
          "files",
          "What is in the torrent, once it is known: name, comment, created-by, private, "
          "size in bytes, piece-length, pieces, v1, v2, and files with index, path, size")
      .template report<&Impl::stats>(
          "stats",
          "What happens now: state, fraction-done, wanted and wanted-done bytes; "
          "downloaded, uploaded, redundant and failed bytes since the start; rates in bytes "
          "a second; peers, seeds among them, known-peers, tracker-error; stalled, the "
          "milliseconds for which there has been no data. Of a live series, too: part and "
          "newest, the numbers of what is played and of the newest part; skipped parts; "
          "index-errors, the looks at meta.txt that told nothing");
}
