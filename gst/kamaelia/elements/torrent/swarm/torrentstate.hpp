// SPDX-License-Identifier: LGPL-2.1-or-later
// What the holders of one torrent and the session's thread share.
#pragma once

#include "core/torrent/picker.hpp"
#include "elements/torrent/swarm/torrentsession.hpp"
#include "glue/guarded.hpp"

#include <condition_variable>

namespace kam::torrent {

class PieceCheck;

struct TorrentState {
  // A reader as the picker sees it, and what only its lease has to know.
  struct Place {
    Reader reader;
    File file;
    // Whether what has come of the file is in the file: until libtorrent knows that it is
    // wanted, it may be elsewhere.
    bool has_file = false;
    std::uint64_t next = 0;          // the byte at which it would read on
    std::uint32_t planned_from = 0;  // where it was when the session was last told
  };
  struct Subscriber {
    std::uint32_t id = 0;
    std::shared_ptr<const TorrentLease::Listener> listener;
  };
  struct Shared {
    std::shared_ptr<const Contents> contents;
    std::shared_ptr<const ByteVector> metainfo;
    std::string save_path;
    std::vector<bool> have;  // pieces on the disk; empty until that is known
    // Those of them that nobody has hashed since the torrent is held, or where a file was put
    // together: they are, before one of their bytes is read.
    std::vector<bool> doubtful;
    // One of them was wrong: none is there for anybody until all are compared anew.
    bool is_refuted = false;
    std::shared_ptr<const PieceCheck> check;  // when contents are known
    std::optional<Failure> failure;
    TorrentStatus status;
    std::vector<Place> places;
    std::vector<Subscriber> subscribers;
    std::uint32_t last_id = 0;
    std::uint32_t holders = 0;  // under the lock of the session's list of torrents, too
    bool keep_files = false;    // because one of the holders wants it
  };

  explicit TorrentState(std::string hash) : info_hash{std::move(hash)} {}

  const std::string info_hash;
  glue::Guarded<Shared> shared;
  std::condition_variable changed;
};

// Wakes who waits, and tells who listens. Without any lock: a listener may do what it likes.
void tell(TorrentState &state, TorrentLease::Event event);
// Hashes a piece if it is doubtful; false if it, or another one before, is wrong. It reads the
// files meanwhile, in whatever thread.
bool prove(TorrentState &state, std::uint32_t piece);
// The first failure stays.
void fail(TorrentState &state, Failure failure);

inline std::chrono::nanoseconds monotonic_now()
{
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace kam::torrent
