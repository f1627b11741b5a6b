// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/server/servertls.hpp"
#include "elements/server/workers.hpp"
#include "net/reactor.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace kam {

// Makes TLS of connections and keeps no reactor waiting: who says nothing costs neither a
// thread nor more than its socket, and who has begun is looked after by a thread of a few,
// which the reactor outlives. For the reactor's thread, or one that knows that it does not run.
class Handshakes {
 public:
  // In the reactor's thread; without a stream, why there is none.
  using Done = std::function<void(std::unique_ptr<TlsStream> stream, const std::string &why)>;

  // As many threads for it are enough.
  static constexpr std::size_t max_threads = 64;

  // `timeout_ns`: for a handshake to be over.
  Handshakes(net::Reactor &reactor, Workers &workers, std::uint64_t timeout_ns);
  ~Handshakes();
  Handshakes(const Handshakes &) = delete;
  Handshakes &operator=(const Handshakes &) = delete;

  void start(net::FileDescriptor socket, std::shared_ptr<const ServerTls> tls, Done done);
  // They fail as soon as they can, each by its Done.
  void cancel_all();
  bool is_empty() const { return handshakes_.empty(); }

 private:
  class Handshake;

  void begin(std::uint64_t id);
  void end(std::uint64_t id, std::unique_ptr<TlsStream> stream, const std::string &why);
  void hurry();

  net::Reactor &reactor_;
  Workers &workers_;
  std::uint64_t timeout_ns_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Handshake>> handshakes_;  // by age
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // as tasks on their way see it
};

}  // namespace kam
