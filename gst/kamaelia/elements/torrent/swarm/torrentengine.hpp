// SPDX-License-Identifier: LGPL-2.1-or-later
// libtorrent's session and the torrents in it. Only for the session's thread.
#pragma once

#include "elements/torrent/swarm/torrentstate.hpp"

#include <memory>
#include <optional>

namespace kam::torrent {

class Engine {
 public:
  // `notify` is called in libtorrent's thread when there are news; `has_port` in ours.
  Engine(const SessionSettings &settings, const std::function<void()> &notify,
         std::function<void(std::uint16_t)> has_port);
  ~Engine();
  Engine(const Engine &) = delete;
  Engine &operator=(const Engine &) = delete;

  void add(const std::shared_ptr<TorrentState> &state, const TorrentSpec &spec,
           const TorrentOptions &options);
  // What another one knows of a torrent that is there: trackers, peers, metadata.
  void join(const std::shared_ptr<TorrentState> &state, const TorrentSpec &spec);
  void remove(const std::shared_ptr<TorrentState> &state);
  void set_limits(TorrentState &state, const TorrentLimits &limits);
  void add_peer(TorrentState &state, const std::string &address);
  void reannounce(TorrentState &state);

  // A reader has gone elsewhere: the next work() tells libtorrent so.
  void plan_soon();
  // Looks at the news, and tells libtorrent what the readers need.
  void work();
  // When to call work() though there are no news.
  std::chrono::steady_clock::time_point next_work() const;

 private:
  struct Session;  // libtorrent's
  std::unique_ptr<Session> session_;
};

}  // namespace kam::torrent
