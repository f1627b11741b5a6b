// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "net/endpoint.hpp"
#include "net/error.hpp"
#include "net/file_descriptor.hpp"
#include "net/reactor.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace kam::net {

struct ListenOptions {
  // An address or name of this host; empty or "::" for all of its addresses, of IPv6 and IPv4.
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;   // 0: a free one
  int backlog = 4096;       // connections that wait to be accepted; the system may allow less
  bool reuse_port = false;  // others may listen at the same port, and get some of the clients
  bool no_delay = true;     // small pieces leave at once (TCP_NODELAY)
  int dscp = -1;            // 0 to 63; -1: as the system does
};

// A TCP socket that listens. What its connections shall be like they inherit from it.
class TcpListener {
 public:
  // May ask the resolver, which may take its time.
  static std::variant<TcpListener, Error> open(const ListenOptions &options);

  int fd() const { return socket_.get(); }
  const Endpoint &local() const { return local_; }

 private:
  TcpListener(FileDescriptor socket, const Endpoint &local)
      : socket_{std::move(socket)}, local_{local}
  {
  }
  static std::variant<TcpListener, Error> open_at(const Endpoint &address,
                                                  const ListenOptions &options);

  FileDescriptor socket_;
  Endpoint local_;
};

// An address of IPv4 that a socket of IPv6 shows as ::ffff:a.b.c.d, as what it is.
Endpoint without_mapping(const Endpoint &endpoint);

// Where this end of a connection is, without mapping; nowhere if that cannot be found out.
Endpoint local_endpoint(int fd);

// Accepts the connections of a listener in a reactor's thread. Several reactors may share one
// listener; each connection comes to one of them.
class Acceptor final : private ReadyHandler, private Timer::Handler {
 public:
  class Handler {
   public:
    // Asked before each connection. False: none is accepted until resume(); they wait.
    virtual bool may_accept() = 0;
    virtual void handle_connection(FileDescriptor socket, const Endpoint &peer) = 0;
    // After may_accept(): there was none after all.
    virtual void handle_none() = 0;
    // No connection can be accepted just now: no descriptor is left, or no memory. It is
    // tried again ten times a second, for as long as it takes.
    virtual void handle_exhausted(const Error &error) = 0;

   protected:
    ~Handler() = default;
  };

  Acceptor(Reactor &reactor, Handler &handler);
  ~Acceptor() { stop(); }
  Acceptor(const Acceptor &) = delete;
  Acceptor &operator=(const Acceptor &) = delete;

  // The listener's descriptor is borrowed, and has to stay open until stop() or the end.
  [[nodiscard]] std::optional<Error> start(int listener);
  void stop();
  // After may_accept() was false.
  void resume();

 private:
  void handle_ready(Readiness ready) override;
  void handle_time(std::uint64_t now) override;
  // Whether to go on with the next.
  bool accept_one();
  bool recover(int reason);
  void pause();

  Reactor &reactor_;
  int listener_ = -1;
  Handler &handler_;
  Timer retry_;
  bool is_started_ = false;
  bool is_waiting_ = false;  // for connections, as opposed to room for them
};

}  // namespace kam::net
