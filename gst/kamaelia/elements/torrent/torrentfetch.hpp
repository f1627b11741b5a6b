// SPDX-License-Identifier: LGPL-2.1-or-later
// A .torrent file from a web server.
#pragma once

#include "core/bytes.hpp"
#include "elements/torrent/torrentsession.hpp"

#include <atomic>
#include <string>
#include <variant>

namespace kam {

struct Interrupted {};

// Gets it with whatever element of GStreamer's plays such addresses. Waits until it is there,
// at most `timeout`, or until `interrupted` is set.
std::variant<ByteVector, torrent::Failure, Interrupted> fetch_metainfo(
    const std::string &uri, const std::atomic<bool> &interrupted,
    std::chrono::steady_clock::time_point deadline);

}  // namespace kam
