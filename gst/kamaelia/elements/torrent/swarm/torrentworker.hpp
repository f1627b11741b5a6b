// SPDX-License-Identifier: LGPL-2.1-or-later
// The session's thread: all of libtorrent is called there, so that nobody waits for it.
#pragma once

#include "elements/torrent/swarm/torrentstate.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace kam::torrent {

class Engine;  // libtorrent's session and what belongs to it; only for the thread

class TorrentSession::Worker : public std::enable_shared_from_this<TorrentSession::Worker> {
 public:
  using Command = std::function<void(Engine &)>;

  // The thread lives until quit(), and keeps the object alive while it does.
  static std::shared_ptr<Worker> start(const SessionSettings &settings);

  void post(Command command);
  // Somebody reads elsewhere: plan anew, at once.
  void poke();
  // Puts everything away and ends, in the background.
  void quit();
  // There is something to look at. In libtorrent's thread, under its lock.
  void notify();

  std::uint16_t listen_port() const { return listen_port_; }
  void set_listen_port(std::uint16_t port) { listen_port_ = port; }

  // The torrents that are held, so that whoever names one of them gets it.
  glue::Guarded<std::vector<std::shared_ptr<TorrentState>>> torrents;

 private:
  void run(const SessionSettings &settings);
  // Waits for something to do; true if it is to quit.
  bool wait(std::chrono::steady_clock::time_point deadline, std::vector<Command> &commands);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Command> commands_;
  bool is_notified_ = false;
  bool is_quitting_ = false;
  std::atomic<std::uint16_t> listen_port_ = 0;
};

}  // namespace kam::torrent
