// SPDX-License-Identifier: LGPL-2.1-or-later
// A torrent begins to be held for an element that plays it.
#pragma once

#include "elements/torrent/player/torrentsrcvalues.hpp"

#include <memory>
#include <optional>

namespace kam {

// As the element's values say, and told to the application. `file` is the one that will be
// read, if that is known. Any thread.
std::shared_ptr<torrent::TorrentLease> hold_torrent(GstElement *element,
                                                    const torrent::TorrentSpec &spec,
                                                    const TorrentSrcValues &values,
                                                    std::optional<std::size_t> file);

}  // namespace kam
