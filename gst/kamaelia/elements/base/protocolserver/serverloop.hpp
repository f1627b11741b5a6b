// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/protocolserver/serverclient.hpp"
#include "elements/base/protocolserver/serverevents.hpp"
#include "elements/base/protocolserver/servervalues.hpp"
#include "elements/server/clientbinpool.hpp"
#include "elements/server/handshakes.hpp"
#include "elements/server/workers.hpp"
#include "glue/stats.hpp"
#include "net/admission.hpp"
#include "net/reactor.hpp"
#include "net/tcp_listener.hpp"

#include <array>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace kam {

class ServerHub;

// What has happened in a loop since it was made; its thread writes, any thread reads.
struct ServerCounters {
  glue::Counter accepted;
  glue::Counter rejected;
  glue::Counter bytes_sent;
  glue::Counter bytes_received;
  std::array<glue::Counter, removal_count> removed;
  std::atomic<guint64> queued_bytes = 0;
};

// One thread of a server: its reactor, the clients it has accepted, and the bins that wait for
// the next ones.
class ServerLoop final : private net::Acceptor::Handler, private net::Timer::Handler {
 public:
  explicit ServerLoop(ServerHub &hub);
  ~ServerLoop();
  ServerLoop(const ServerLoop &) = delete;
  ServerLoop &operator=(const ServerLoop &) = delete;

  // --- for the server's owner

  const std::optional<net::Error> &error() const { return reactor_.error(); }
  // Starts the thread; false if there is none to be had.
  bool start();
  // A bin that was made to see whether the launch line is of use.
  ClientBin::Made make_bin();
  void keep(std::unique_ptr<ClientBin> bin) { pool_.keep(std::move(bin)); }
  void accept(bool accepts);
  // Removes all clients, and ends the thread once they are gone and what served them has
  // stopped.
  void shut_down();
  // Any thread.
  void post(net::Reactor::Task task) { reactor_.post(std::move(task)); }
  void resume_accepting();
  void stop_accepting();
  void remove(guint64 id, Removal reason);
  void remove_all(Removal reason);
  bool is_in_thread() const { return reactor_.is_in_thread(); }
  const ServerCounters &counters() const { return counters_; }

  // --- for its clients

  net::Reactor &reactor() { return reactor_; }
  const ServerValues &values() const { return values_; }
  ServerEvents &events();
  guint64 seed_for(guint64 id) const;
  ClientBinPool &pool() { return pool_; }
  std::span<std::byte> read_space();
  // What was read into it.
  glue::BufferPtr take_read(std::size_t count);
  void count_received(std::size_t bytes) { counters_.bytes_received.add(bytes); }
  void count_sent(std::size_t bytes) { counters_.bytes_sent.add(bytes); }
  void count_queued(std::size_t before, std::size_t now);
  // Destroys the client.
  void forget(guint64 id, Removal reason, const std::string &detail);

 private:
  bool may_accept() override;
  void handle_connection(net::FileDescriptor socket, const net::Endpoint &peer) override;
  void handle_none() override;
  void handle_exhausted(const net::Error &error) override;
  void handle_time(std::uint64_t now) override;

  // Without a stream it failed.
  void end_handshake(const ClientInfo &info, std::unique_ptr<TlsStream> stream,
                     const std::string &why_not);
  void welcome(std::unique_ptr<net::Stream> stream, const ClientInfo &info);
  std::unique_ptr<ClientBin> bin_for(const ClientInfo &info, bool &is_reusable);
  void free_place(const net::Endpoint &peer);
  void reject(const net::Endpoint &peer);
  void check_quiet();

  ServerHub &hub_;
  const ServerValues values_;
  net::Reactor reactor_;
  ClientBinPool pool_;
  net::Acceptor acceptor_;
  net::Timer accept_timer_;
  Handshakes handshakes_;
  std::unordered_map<guint64, std::unique_ptr<ServerClient>> clients_;
  glue::BufferPtr read_buffer_;
  std::optional<glue::WriteMap> read_map_;
  ServerCounters counters_;
  std::thread thread_;
  bool is_refusing_ = false;  // the connection that comes next
  bool is_exhausted_ = false;
  bool is_shutting_down_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_quiet_ = false;
};

}  // namespace kam
