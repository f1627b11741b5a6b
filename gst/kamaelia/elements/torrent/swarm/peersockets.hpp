// SPDX-License-Identifier: LGPL-2.1-or-later
// What libtorrent leaves as it is in the sockets of peers, and has no setting for. It asks for
// what a seek needs in small packets. Nagle's algorithm (RFC 896) holds one back until those
// before it have been acknowledged, and a seed that has nothing else to send does that after
// 40 ms (RFC 1122, 4.2.3.2). And what a libtorrent sends that has been idle is 13 bytes, and
// the block when we have acknowledged them: after 40 ms, too, because we send as well. So a
// player that looks at the end of a film and comes back waited two or three times that long.
#pragma once

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/io_context.hpp>

namespace kam::torrent {

// Small packets to its peers go at once, and what comes from them is acknowledged soon.
// `context` is the session's.
void make_prompt(lt::add_torrent_params &params, lt::io_context &context);

}  // namespace kam::torrent
