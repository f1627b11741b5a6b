// SPDX-License-Identifier: LGPL-2.1-or-later
// A file of a torrent, as the streaming thread of an element reads it while it downloads.
#pragma once

#include "core/bytes.hpp"
#include "elements/torrent/player/torrentfetch.hpp"
#include "elements/torrent/swarm/torrentfile.hpp"
#include "elements/torrent/swarm/torrentsession.hpp"

#include <gst/gst.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace kam {

// Why there is nothing to read.
using Obstacle = std::variant<Interrupted, torrent::Failure>;

// 0 is never.
torrent::TorrentLease::Clock::time_point deadline_in(std::uint64_t nanoseconds);

class TorrentReader {
 public:
  using Lease = std::shared_ptr<torrent::TorrentLease>;

  explicit TorrentReader(Lease lease) : lease_{std::move(lease)} {}

  const Lease &lease() const { return lease_; }
  // After wait_for_contents().
  const torrent::Contents &contents() const { return *contents_; }
  // After begin().
  const torrent::File &file() const { return file_; }

  // A timeout is in nanoseconds; 0 for none.
  std::optional<Obstacle> wait_for_contents(std::uint64_t timeout);
  std::optional<Obstacle> begin(const torrent::Reading &reading);
  std::optional<Obstacle> wait_for(torrent::Range bytes, std::uint64_t timeout);
  // What has been waited for, into the buffer, or a new one if that is null.
  std::optional<Obstacle> read(std::uint64_t offset, std::uint32_t length, GstBuffer **buffer);

  // How many bytes of the file follow in the piece that has the one at `offset`.
  std::uint64_t bytes_to_piece_end(std::uint64_t offset) const;

 private:
  std::optional<Obstacle> read_bytes(std::uint64_t offset, MutableBytes to);
  std::optional<Obstacle> end_of(torrent::Wait wait, const char *text) const;

  Lease lease_;
  std::shared_ptr<const torrent::Contents> contents_;
  torrent::File file_;
  std::optional<torrent::TorrentFile> data_;
};

}  // namespace kam
