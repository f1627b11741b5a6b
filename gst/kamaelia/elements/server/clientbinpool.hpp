// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/server/clientbin.hpp"
#include "elements/server/workers.hpp"
#include "glue/refs.hpp"
#include "net/reactor.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace kam {

// The bins of a server at one of its reactors: those that wait for the next client, and what
// workers have to do for any. For the reactor's thread, and for one that knows that it does not
// run.
class ClientBinPool {
 public:
  struct Options {
    std::size_t max_queued_bytes = 0;  // for each client
    std::size_t recycle = 0;           // how many may wait
  };

  // `server` is for contexts, and gets what is for the application; `handle_quiet` is called
  // when workers have nothing more to do. All of them outlive the pool.
  ClientBinPool(net::Reactor &reactor, Workers &workers, GstElement *server, GstClock *clock,
                const Options &options, std::function<void()> handle_quiet);
  ~ClientBinPool();
  ClientBinPool(const ClientBinPool &) = delete;
  ClientBinPool &operator=(const ClientBinPool &) = delete;

  const ClientBin::Surroundings &around() const { return around_; }
  ClientBin::Made make(const ClientLaunch &launch) { return ClientBin::make(around_, launch); }
  // One that waits; nullptr if none does.
  std::unique_ptr<ClientBin> take();
  void keep(std::unique_ptr<ClientBin> bin) { idle_.push_back(std::move(bin)); }
  // One whose client has gone: it is stopped, and waits for the next if it may.
  void retire(std::unique_ptr<ClientBin> bin, bool is_reusable);
  // From now on none waits.
  void close();

  // Runs `task` where it may wait; it has to end with finish_work().
  void work(std::function<void()> task);
  void finish_work(std::function<void()> after);
  bool is_quiet() const { return jobs_ == 0; }

 private:
  net::Reactor &reactor_;
  Workers &workers_;
  glue::Ref<GstBus> bus_;
  ClientBin::Surroundings around_;
  Options options_;
  std::function<void()> handle_quiet_;
  std::vector<std::unique_ptr<ClientBin>> idle_;
  std::size_t jobs_ = 0;
  bool is_closing_ = false;
};

}  // namespace kam
