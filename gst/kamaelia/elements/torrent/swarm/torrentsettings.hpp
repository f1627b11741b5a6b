// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/torrent/swarm/torrentsession.hpp"

#include <libtorrent/settings_pack.hpp>

namespace kam::torrent {

// What libtorrent is to be told for it.
lt::settings_pack settings_pack_of(const SessionSettings &settings);
lt::settings_pack utp_pack(bool is_on);

}  // namespace kam::torrent
