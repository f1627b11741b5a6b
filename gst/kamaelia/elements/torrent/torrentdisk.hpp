// SPDX-License-Identifier: LGPL-2.1-or-later
// libtorrent's posix disk I/O, which opens a file, seeks and closes it again for every 16 KiB,
// but for the file that is downloaded: that one stays open between its blocks.
#pragma once

#include <libtorrent/io_context.hpp>
#include <libtorrent/session_params.hpp>

#include <memory>

namespace kam::torrent {

std::unique_ptr<lt::disk_interface> make_disk_io(lt::io_context &io,
                                                 const lt::settings_interface &settings,
                                                 lt::counters &counters);

}  // namespace kam::torrent
