// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/tcp_listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kam::net {

namespace {

constexpr std::uint64_t retry_interval_ns = 100'000'000;
// At a time, so that other reactors and connections get their turn.
constexpr int max_accepted_per_turn = 64;

std::string cannot_listen(const Endpoint &local, int reason)
{
  auto text = "Cannot listen at " + local.text();
  if (reason == EADDRINUSE)
    text += ", where another program does";
  else if (reason == EADDRNOTAVAIL)
    text += ", which is no address of this machine";
  else if (reason == EACCES)
    text += ", a port for which more rights are needed";
  return text;
}

bool set_option(int fd, int level, int name, int value)
{
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

void set_dscp(int fd, bool is_ipv6, int dscp)
{
  constexpr int bits_of_ecn = 2;
  set_option(fd, IPPROTO_IP, IP_TOS, dscp << bits_of_ecn);
  if (is_ipv6)
    set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, dscp << bits_of_ecn);
}

}  // namespace

Endpoint without_mapping(const Endpoint &endpoint)
{
  if (endpoint.family() != Family::ipv6 || !IN6_IS_ADDR_V4MAPPED(&endpoint.ipv6()))
    return endpoint;
  sockaddr_in plain{};
  plain.sin_family = AF_INET;
  plain.sin_port = htons(endpoint.port());
  const auto *bytes = endpoint.ipv6().s6_addr + 12;
  std::copy(bytes, bytes + 4, reinterpret_cast<std::uint8_t *>(&plain.sin_addr));
  return Endpoint::from(reinterpret_cast<const sockaddr *>(&plain), sizeof plain)
      .value_or(endpoint);
}

Endpoint local_endpoint(int fd)
{
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto *address = reinterpret_cast<sockaddr *>(&storage);
  if (getsockname(fd, address, &size) != 0)
    return {};
  return without_mapping(Endpoint::from(address, size).value_or(Endpoint{}));
}

// --- listener -----------------------------------------------------------------------------

std::variant<TcpListener, Error> TcpListener::open(const ListenOptions &options)
{
  if (options.host.empty() || options.host == "::" || options.host == "[::]") {
    auto opened = open_at(Endpoint::wildcard(Family::ipv6, options.port), options);
    const auto *error = std::get_if<Error>(&opened);
    if (!error || error->code.value() != EAFNOSUPPORT)
      return opened;
    return open_at(Endpoint::wildcard(Family::ipv4, options.port), options);
  }
  auto resolved = Endpoint::resolve(options.host, options.port);
  if (auto *error = std::get_if<Error>(&resolved))
    return std::move(*error);
  return open_at(std::get<Endpoint>(resolved), options);
}

std::variant<TcpListener, Error> TcpListener::open_at(const Endpoint &address,
                                                      const ListenOptions &options)
{
  const bool is_ipv6 = address.family() == Family::ipv6;
  auto fd = FileDescriptor::own(
      socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd)
    return last_error("Cannot make a TCP socket");
  // A server that was stopped and started again does not wait for its old connections.
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (options.reuse_port && !set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1))
    return last_error("Cannot share the port");
  if (is_ipv6)
    set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, address.is_wildcard() ? 0 : 1);
  if (options.no_delay)
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.dscp >= 0)
    set_dscp(fd.get(), is_ipv6, options.dscp);
  if (bind(fd.get(), address.data(), address.size()) != 0 ||
      listen(fd.get(), options.backlog) != 0) {
    const int reason = errno;
    return error_of(reason, cannot_listen(address, reason));
  }
  const auto local = local_endpoint(fd.get());
  return TcpListener{std::move(fd), local};
}

// --- acceptor -----------------------------------------------------------------------------

Acceptor::Acceptor(Reactor &reactor, Handler &handler)
    : reactor_{reactor}, handler_{handler}, retry_{reactor, *this}
{
}

std::optional<Error> Acceptor::start(int listener)
{
  stop();
  listener_ = listener;
  is_started_ = true;
  if (auto error = reactor_.add(listener_, Interest::shared_reading, *this))
    return error;
  is_waiting_ = true;
  return std::nullopt;
}

void Acceptor::stop()
{
  pause();
  retry_.cancel();
  is_started_ = false;
}

void Acceptor::pause()
{
  if (std::exchange(is_waiting_, false))
    reactor_.remove(listener_, *this);
}

void Acceptor::resume()
{
  if (!is_started_ || is_waiting_)
    return;
  if (reactor_.add(listener_, Interest::shared_reading, *this)) {
    retry_.set(reactor_.now() + retry_interval_ns);
    return;
  }
  is_waiting_ = true;
}

void Acceptor::handle_time(std::uint64_t)
{
  resume();
}

void Acceptor::handle_ready(Readiness)
{
  for (int i = 0; i < max_accepted_per_turn; ++i)
    if (!is_waiting_ || !accept_one())
      return;
}

bool Acceptor::accept_one()
{
  if (!handler_.may_accept()) {
    pause();
    return false;
  }
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto *address = reinterpret_cast<sockaddr *>(&storage);
  auto socket =
      FileDescriptor::own(accept4(listener_, address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket) {
    const int reason = errno;
    handler_.handle_none();
    return recover(reason);
  }
  const auto peer = Endpoint::from(address, size).value_or(Endpoint{});
  handler_.handle_connection(std::move(socket), without_mapping(peer));
  return true;
}

// What accept() says may be about the connection, which is gone by then, or about the network;
// only want of descriptors or memory is about us.
bool Acceptor::recover(int reason)
{
  switch (reason) {
  case EAGAIN: return false;
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM:
    handler_.handle_exhausted(error_of(reason, "Cannot accept a connection"));
    pause();
    retry_.set(reactor_.now() + retry_interval_ns);
    return false;
  case EBADF:
  case EINVAL:
  case ENOTSOCK: pause(); return false;
  default: return true;
  }
}

}  // namespace kam::net
