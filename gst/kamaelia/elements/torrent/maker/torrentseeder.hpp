// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/torrent/maker/torrentmaker.hpp"
#include "elements/torrent/swarm/torrentsession.hpp"
#include "glue/guarded.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace kam {

// Gives torrents that were just made to whoever wants them, each until it was given often
// enough or for long enough. Any thread may call it.
class TorrentSeeder {
 public:
  struct Options {
    double ratio = 0;                 // how often the data is given away; 0: any number
    std::chrono::nanoseconds time{};  // for how long; 0: any time
    torrent::TorrentLimits limits;
  };
  struct Report {
    std::uint64_t torrents = 0;     // that are seeded now
    std::uint64_t done = 0;         // that were seeded long enough
    std::uint64_t uploaded = 0;     // bytes, of all
    std::uint64_t upload_rate = 0;  // bytes a second
    std::uint64_t peers = 0;
    std::uint16_t port = 0;  // at which peers reach us; 0 if they do not
  };

  TorrentSeeder(std::shared_ptr<torrent::TorrentSession> session, const Options &options);
  ~TorrentSeeder();
  TorrentSeeder(const TorrentSeeder &) = delete;
  TorrentSeeder &operator=(const TorrentSeeder &) = delete;

  // The data is in `folder`, under the name that the torrent says. Numbers name torrents for
  // remove().
  std::optional<torrent::Failure> add(const torrent::MadeTorrent &made,
                                      const std::string &folder, std::uint64_t number);
  void remove(std::uint64_t number);
  void set_limits(const torrent::TorrentLimits &limits);

  // Waits until all torrents were seeded long enough; false if interrupted before.
  bool wait();
  void interrupt(bool on);
  Report report() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Seeded {
    std::unique_ptr<torrent::TorrentLease> lease;
    std::uint64_t number = 0;
    std::uint64_t size = 0;  // of its data, in bytes
    Clock::time_point since;
  };
  struct State {
    std::vector<std::shared_ptr<Seeded>> seeded;
    Report past;  // of those that are no longer seeded
    torrent::TorrentLimits limits;
    bool is_interrupted = false;
    bool is_ending = false;
  };

  // What the session's thread may still call when the seeder is gone.
  struct Shared {
    double ratio = 0;
    std::chrono::nanoseconds time{};
    glue::Guarded<State> state;
    std::condition_variable changed;

    void check();
    void watch_time();
    bool is_enough(const Seeded &seeded) const;
  };
  static void retire(State &state, std::size_t index);

  std::shared_ptr<torrent::TorrentSession> session_;
  std::shared_ptr<Shared> shared_;
  std::thread timer_;  // if there is a time: the session tells nothing while nobody comes
};

}  // namespace kam
