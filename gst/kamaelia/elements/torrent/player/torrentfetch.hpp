// SPDX-License-Identifier: LGPL-2.1-or-later
// A .torrent file, or what says that there is a series of them, from where it is.
#pragma once

#include "core/bytes.hpp"
#include "elements/torrent/swarm/torrentsession.hpp"

#include <gst/gst.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace kam {

struct Interrupted {};

using Fetched = std::variant<ByteVector, torrent::Failure, Interrupted>;

// Where a .torrent file is, or the index of a series.
struct TorrentPlace {
  std::string location;    // a path, or a web address
  bool is_remote = false;  // the latter

  // Of a part's .torrent, if the index is here.
  TorrentPlace of_part(std::uint64_t number) const;
  // Whether the index of a series is here, as far as can be told without waiting.
  bool has_series() const;
};

// Gets what is there. Used by one thread; what was set up for one web address serves the next.
class TorrentFetcher {
 public:
  // A web address is got with whatever element of GStreamer's plays such addresses: waits until
  // it is there, at most until `deadline`, or until `interrupted` is set. A path is read at
  // once. What is longer than `most` bytes is a failure.
  Fetched fetch(const TorrentPlace &place, std::size_t most,
                const std::atomic<bool> &interrupted,
                std::chrono::steady_clock::time_point deadline);

 private:
  Fetched fetch_address(const std::string &uri, std::size_t most,
                        const std::atomic<bool> &interrupted,
                        std::chrono::steady_clock::time_point deadline);
  std::shared_ptr<GstContext> session_;  // souphttpsrc's connections
};

}  // namespace kam
