// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/playedtorrent.hpp"

#include "elements/torrent/player/torrentmessages.hpp"

namespace kam {

glue::StructurePtr PlayedTorrent::stats() const
{
  const auto torrent = lease();
  auto stats = status_structure("application/x-torrent-stats",
                                torrent ? torrent->status() : torrent::TorrentStatus{});
  gst_structure_set(stats.get(), "stalled", G_TYPE_UINT64,
                    guint64(torrent ? torrent->stalled().count() : 0), nullptr);
  if (const auto followed = series()) {
    const auto report = followed->report();
    gst_structure_set(stats.get(), "part", G_TYPE_UINT64, guint64{report.part}, "newest",
                      G_TYPE_UINT64, guint64{report.newest}, "skipped", G_TYPE_UINT64,
                      guint64{report.skipped}, "index-errors", G_TYPE_UINT64,
                      guint64{report.index_errors}, nullptr);
  }
  return stats;
}

glue::StructurePtr PlayedTorrent::files() const
{
  const auto torrent = lease();
  const auto contents = torrent ? torrent->contents() : nullptr;
  return contents_structure("application/x-torrent-files", contents.get());
}

std::string PlayedTorrent::info_hash() const
{
  const auto torrent = lease();
  return torrent ? torrent->info_hash() : "";
}

double PlayedTorrent::fraction_done() const
{
  const auto torrent = lease();
  return torrent ? torrent->status().fraction_done : 0;
}

glue::Ref<GBytes> PlayedTorrent::metainfo() const
{
  const auto torrent = lease();
  const auto bytes = torrent ? torrent->metainfo() : ByteVector{};
  return glue::Ref<GBytes>::adopt(bytes.empty() ? nullptr
                                                : g_bytes_new(bytes.data(), bytes.size()));
}

gboolean PlayedTorrent::add_peer(const char *address) const
{
  const auto torrent = lease();
  return torrent && address && torrent->add_peer(address);
}

void PlayedTorrent::reannounce() const
{
  if (const auto torrent = lease())
    torrent->reannounce();
}

void PlayedTorrent::set_limits(const torrent::TorrentLimits &limits) const
{
  if (const auto followed = series())
    followed->set_limits(limits);
  else if (const auto torrent = lease())
    torrent->set_limits(limits);
}

void PlayedTorrent::interrupt(bool on) const
{
  if (const auto followed = series())
    followed->interrupt(on);
  if (const auto torrent = lease())
    torrent->interrupt(on);
}

}  // namespace kam
