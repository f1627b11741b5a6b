// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/protocolserver/serverevents.hpp"
#include "elements/base/protocolserver/serverloop.hpp"
#include "elements/base/protocolserver/servervalues.hpp"
#include "elements/server/servertls.hpp"
#include "elements/server/workers.hpp"
#include "net/admission.hpp"
#include "net/tcp_listener.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace kam {

// A server from READY to READY: its listener, its loops, and what they have in common.
class ServerHub {
 public:
  // `server` is for contexts and names; it and `events` outlive the hub.
  ServerHub(GstElement *server, ServerEvents &events, const ServerValues &values,
            ClientLaunch launch);
  ~ServerHub();
  ServerHub(const ServerHub &) = delete;
  ServerHub &operator=(const ServerHub &) = delete;

  // Before open(): clients come by TLS.
  void secure(std::shared_ptr<const ServerTls> tls) { tls_ = std::move(tls); }
  // Makes one instance of the launch line, to see whether it is of use. A sentence if not.
  std::optional<std::string> check_launch();
  // Listens; nobody is served before accept(true).
  std::optional<net::Error> open();
  int port() const { return listener_ ? listener_->local().port() : 0; }
  void accept(bool accepts);
  // Removes all clients, and ends all threads. Not in one of their own.
  void close();
  bool is_in_own_thread() const;

  // Any thread.
  // No more clients; all_served() follows when those that are there have gone.
  void finish();
  void remove(guint64 id, Removal reason);
  void remove_all(Removal reason);
  std::shared_ptr<const ClientRecord> find(guint64 id);
  std::vector<guint64> clients();
  ServerStats stats();

  // --- for its loops

  GstElement *server() const { return server_; }
  ServerEvents &events() { return events_; }
  const ServerValues &values() const { return values_; }
  const ClientLaunch &launch() const { return launch_; }
  GstClock *clock() const { return clock_.get(); }
  const net::TcpListener *listener() const { return listener_ ? &*listener_ : nullptr; }
  net::Admission &admission() { return admission_; }
  Workers &workers() { return workers_; }
  // Handshakes wait for strangers: they have threads of their own.
  Workers &handshakers() { return handshakers_; }
  const std::shared_ptr<const ServerTls> &tls() const { return tls_; }
  guint64 seed_for(guint64 id) const;
  guint64 next_id() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  bool is_accepting() const { return is_accepting_; }
  void enter(ServerLoop &loop, std::shared_ptr<ClientRecord> record);
  std::shared_ptr<const ClientRecord> leave(guint64 id);
  // Somebody left, and others may wait for the place.
  void resume_accepting();
  // There will be no more clients.
  void stop_listening();

 private:
  struct Entry {
    ServerLoop *loop = nullptr;
    std::shared_ptr<ClientRecord> record;
  };

  GstElement *server_;
  ServerEvents &events_;
  const ServerValues values_;
  const ClientLaunch launch_;
  glue::Ref<GstClock> clock_;
  net::Admission admission_;
  Workers workers_;
  Workers handshakers_;
  std::shared_ptr<const ServerTls> tls_;
  std::optional<net::TcpListener> listener_;
  std::vector<std::unique_ptr<ServerLoop>> loops_;
  std::atomic<guint64> next_id_ = 1;
  std::atomic<bool> is_accepting_ = false;
  std::atomic<bool> is_listening_over_ = false;
  bool are_loops_running_ = false;

  std::mutex mutex_;
  std::map<guint64, Entry> clients_;
};

}  // namespace kam
