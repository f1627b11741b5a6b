// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/frontend/httpexchange.hpp"
#include "elements/server/handshakes.hpp"
#include "elements/server/servertls.hpp"
#include "glue/refs.hpp"
#include "net/reactor.hpp"
#include "net/tcp_listener.hpp"

#include <gio/gio.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

namespace kam::http {

class HttpConnection;

// What all who share an address and a port share: one listening socket, one thread, one set of
// limits. The first to come decides about these.
struct FrontendOptions {
  std::string address = "0.0.0.0";
  std::uint16_t port = 8000;
  int backlog = 4096;
  std::size_t max_connections = 0;                    // 0: nine tenths of the descriptors
  std::size_t max_connections_per_address = 0;        // 0: any
  std::uint64_t request_timeout_ns = 10'000'000'000;  // for the head of a request
  std::uint64_t idle_timeout_ns = 15'000'000'000;     // between two requests
  std::uint64_t send_timeout_ns = 20'000'000'000;     // without any progress
  std::size_t max_requests = 0;                       // on one connection; 0: any
  RequestHeadParser::Limits head_limits;
  TlsValues tls;
};

struct FrontendStats {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused_requests{0};     // that were none, or not to be trusted
  std::atomic<std::uint64_t> refused_connections{0};  // one too many
  std::atomic<std::uint64_t> failed_handshakes{0};
  std::atomic<std::uint64_t> timeouts{0};
};

// An HTTP server that strangers may reach: reads requests, within limits and deadlines, and
// hands them to whoever of its handlers wants them.
class HttpFrontend final : public std::enable_shared_from_this<HttpFrontend>,
                           private net::Acceptor::Handler {
 public:
  // Someone else's front end, if one of this process listens there already.
  static std::variant<std::shared_ptr<HttpFrontend>, net::Error> open(
      const FrontendOptions &options);
  ~HttpFrontend();
  HttpFrontend(const HttpFrontend &) = delete;
  HttpFrontend &operator=(const HttpFrontend &) = delete;

  // --- any thread

  const net::Endpoint &local() const { return listener_.local(); }
  const FrontendStats &stats() const { return stats_; }
  // Runs `work` in the front end's thread and waits for it to be done.
  void run(const std::function<void()> &work);
  void post(std::function<void()> work) { reactor_.post(std::move(work)); }

  // --- the front end's thread

  net::Reactor &reactor() { return reactor_; }
  // Asked in this order, and of a kind in the order in which they came.
  enum class Precedence { sources, streams, others };
  void add(RequestHandler &handler, Precedence precedence);
  void remove(RequestHandler &handler);
  // What a handler waits for has been found out.
  void decide(std::uint64_t number, Verdict verdict);

  // --- for its connections

  const FrontendOptions &options() const { return options_; }
  bool is_secure() const { return tls_ != nullptr; }
  FrontendStats &counters() { return stats_; }
  void dispatch(Exchange &exchange);
  std::span<std::byte> read_space() { return read_space_; }
  // Destroys it in the next turn.
  void retire(std::uint64_t number);
  void erase(std::uint64_t number);

 private:
  HttpFrontend(FrontendOptions options, net::TcpListener listener,
               std::unique_ptr<RenewedTls> tls);
  void welcome(std::unique_ptr<net::Stream> stream, const net::Endpoint &peer,
               ConnectionCount::Ticket ticket);
  bool start();
  std::string allowed_methods() const;

  // Who comes before there is somebody to answer waits.
  bool may_accept() override { return !handlers_.empty(); }
  void handle_connection(net::FileDescriptor socket, const net::Endpoint &peer) override;
  void handle_none() override {}
  void handle_exhausted(const net::Error &error) override;

  FrontendOptions options_;
  net::TcpListener listener_;
  net::Reactor reactor_;
  net::Acceptor acceptor_;
  std::vector<std::pair<Precedence, RequestHandler *>> handlers_;
  std::shared_ptr<ConnectionCount> count_ = std::make_shared<ConnectionCount>();
  std::unique_ptr<RenewedTls> tls_;
  Workers handshakers_{Handshakes::max_threads};
  std::unique_ptr<Handshakes> handshakes_;
  std::unordered_map<std::uint64_t, std::unique_ptr<HttpConnection>> connections_;
  std::uint64_t last_number_ = 0;
  std::vector<std::byte> read_space_;
  FrontendStats stats_;
  std::thread thread_;
};

}  // namespace kam::http
