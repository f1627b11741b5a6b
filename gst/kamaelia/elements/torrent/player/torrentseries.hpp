// SPDX-License-Identifier: LGPL-2.1-or-later
// A live series of torrents, looked at, fetched and held in a thread of its own, for the
// streaming thread to play part after part.
#pragma once

#include "core/torrent/series_follower.hpp"
#include "elements/torrent/player/torrentreader.hpp"
#include "elements/torrent/player/torrentsrcvalues.hpp"
#include "glue/guarded.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

namespace kam {

// Whether what failed is ours: the disk, the folder. Another part would fail as well.
bool is_local(const torrent::Failure &failure);

class TorrentSeries {
 public:
  using Reader = std::shared_ptr<TorrentReader>;
  struct Part {
    std::uint64_t number = 0;
    bool is_discontinuous = false;  // what comes before it is missing
    Reader reader;                  // has begun
  };
  struct Ended {};
  struct Report {
    std::uint64_t part = 0;    // that is played or waited for
    std::uint64_t newest = 0;  // 0: there is none yet
    std::uint64_t skipped = 0;
    std::uint64_t index_errors = 0;
  };

  // Begins to work, as if the index had just said `first`. The element outlives it.
  TorrentSeries(GstElement *element, TorrentPlace index, TorrentSrcValues values,
                const torrent::SeriesIndex &first);
  // Waits for the thread, which interrupts what it does.
  ~TorrentSeries();
  TorrentSeries(const TorrentSeries &) = delete;
  TorrentSeries &operator=(const TorrentSeries &) = delete;

  // --- the streaming thread ---
  // Waits for the part to be played, which stays the same until one of the two below.
  std::variant<Part, Ended, Obstacle> wait_for_part(
      std::chrono::steady_clock::time_point deadline);
  void end_part();
  // False if there is no other to go on with, and this one may still come.
  bool give_up_part(torrent::SeriesFollower::Refusal why);

  // --- any thread ---
  void interrupt(bool on);
  bool is_interrupted() const { return state_.lock()->is_interrupted; }
  void set_limits(const torrent::TorrentLimits &limits);
  Report report() const;

 private:
  using Follower = torrent::SeriesFollower;
  struct State {
    Follower follower;
    torrent::TorrentLimits limits;
    std::map<std::uint64_t, Reader> readers;
    std::optional<torrent::Failure> failure;  // of ours, that no other part can mend
    std::uint64_t index_errors = 0;
    bool is_interrupted = false;
  };
  // What is done without the lock.
  struct Round {
    std::vector<Reader> released;
    std::vector<Follower::Event> events;
    std::optional<Follower::Work> work;
  };

  void run();
  bool begin_round(Round &round);
  void tell(const Follower::Event &event);
  void poll();
  void fetch_part(const Follower::Work &work);
  void hold(const torrent::TorrentSpec &spec, std::uint64_t number);
  void accept(std::uint64_t number, Reader reader);
  void refuse(std::uint64_t number, Follower::Refusal why);

  GstElement *element_;
  TorrentPlace index_;
  TorrentSrcValues values_;  // the thread's
  TorrentFetcher fetcher_;   // too
  std::atomic<bool> is_quitting_ = false;
  mutable glue::Guarded<State> state_;
  std::condition_variable changed_;
  int lost_polls_ = 0;  // in a row; the thread's
  std::thread thread_;
};

}  // namespace kam
