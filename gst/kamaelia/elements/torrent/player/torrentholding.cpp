// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentholding.hpp"

#include "elements/torrent/player/torrentreporter.hpp"

namespace kam {

std::shared_ptr<torrent::TorrentLease> hold_torrent(GstElement *element,
                                                    const torrent::TorrentSpec &spec,
                                                    const TorrentSrcValues &values,
                                                    std::optional<std::size_t> file)
{
  auto options = torrent_options(values);
  options.file = file;
  std::shared_ptr<torrent::TorrentLease> lease =
      acquire_session(element, values)->hold(spec, options);
  lease->set_limits(limits_of(values));
  post_element_message(
      element, glue::StructurePtr{gst_structure_new(
                   lease->was_held() ? "torrent-already-active" : "torrent-started",
                   "info-hash", G_TYPE_STRING, spec.info_hash().c_str(), "name", G_TYPE_STRING,
                   spec.name().c_str(), nullptr)});
  return lease;
}

}  // namespace kam
