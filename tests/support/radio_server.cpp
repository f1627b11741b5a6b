// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/radio_server.hpp"

#include "support/tls_identity.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <utility>

namespace kam::test {
namespace {

// How often a wait looks whether the server is being stopped.
constexpr int look_interval_ms = 20;

void require(bool held, const char *what)
{
  if (held)
    return;
  std::cerr << "radio server: " << what << '\n';
  std::abort();
}

int listen_on(unsigned port)
{
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  require(bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0, "bind");
  require(listen(listener, 64) == 0, "listen");
  return listener;
}

}  // namespace

Peer::~Peer()
{
  if (tls_) {
    g_io_stream_close(tls_, nullptr, nullptr);
    g_object_unref(tls_);
  } else if (socket_ >= 0) {
    close(socket_);
  }
}

std::string Peer::path() const
{
  const auto begin = request_.find(' ') + 1;
  return request_.substr(begin, request_.find(' ', begin) - begin);
}

std::string Peer::header(std::string_view name) const
{
  const auto at = request_.find("\r\n" + std::string{name} + ": ");
  if (at == std::string::npos)
    return "";
  const auto begin = at + 2 + name.size() + 2;
  return request_.substr(begin, request_.find("\r\n", begin) - begin);
}

// False if the server is stopped first.
bool Peer::wait_for(short events) const
{
  while (!stopping_) {
    pollfd wanted{socket_, events, 0};
    if (poll(&wanted, 1, look_interval_ms) > 0)
      return true;
  }
  return false;
}

bool Peer::send(std::string_view bytes)
{
  if (tls_)
    return g_output_stream_write_all(g_io_stream_get_output_stream(tls_), bytes.data(),
                                     bytes.size(), nullptr, nullptr, nullptr) == TRUE;
  while (!bytes.empty()) {
    if (!wait_for(POLLOUT))
      return false;
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string Peer::receive()
{
  std::array<char, 4096> bytes{};
  if (tls_) {
    const auto size = g_input_stream_read(g_io_stream_get_input_stream(tls_), bytes.data(),
                                          bytes.size(), nullptr, nullptr);
    return {bytes.data(), static_cast<std::size_t>(std::max<gssize>(size, 0))};
  }
  if (!wait_for(POLLIN))
    return "";
  const auto size = recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

void Peer::stall()
{
  while (wait_for(POLLIN))
    if (receive().empty())
      return;
}

void Peer::reset()
{
  const linger at_once{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(std::exchange(socket_, -1));
}

void Peer::tunnel_to(unsigned port)
{
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  const int target = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(connect(target, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0,
          "connect");
  send("HTTP/1.0 200 Connection established\r\n\r\n");
  std::array<pollfd, 2> ends{pollfd{socket_, POLLIN, 0}, pollfd{target, POLLIN, 0}};
  bool is_open = true;
  while (is_open && !stopping_) {
    poll(ends.data(), ends.size(), look_interval_ms);
    for (std::size_t i = 0; i < ends.size() && is_open; ++i) {
      if (ends.at(i).revents == 0)
        continue;
      std::array<char, 4096> bytes{};
      const auto size = recv(ends.at(i).fd, bytes.data(), bytes.size(), 0);
      is_open = size > 0 && ::send(ends.at(1 - i).fd, bytes.data(),
                                   static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
    }
  }
  close(target);
}

bool Peer::start_tls(GTlsCertificate *certificate)
{
  auto *socket = g_socket_new_from_fd(socket_, nullptr);
  g_socket_set_timeout(socket, 10);
  auto *connection = g_socket_connection_factory_create_connection(socket);
  g_object_unref(socket);
  tls_ = g_tls_server_connection_new(G_IO_STREAM(connection), certificate, nullptr);
  g_object_unref(connection);
  return g_tls_connection_handshake(G_TLS_CONNECTION(tls_), nullptr, nullptr) == TRUE;
}

bool Peer::read_request()
{
  while (request_.find("\r\n\r\n") == std::string::npos) {
    const auto more = receive();
    if (more.empty())
      return false;
    request_ += more;
  }
  return true;
}

RadioServer::RadioServer()
{
  start();
}

RadioServer::~RadioServer()
{
  stop();
  if (certificate_)
    g_object_unref(certificate_);
}

void RadioServer::use_tls()
{
  const auto pem = std::string{tls_certificate} + tls_private_key;
  certificate_ = g_tls_certificate_new_from_pem(pem.c_str(), -1, nullptr);
  require(certificate_ != nullptr, "no certificate");
}

std::string RadioServer::uri(const std::string &path, const std::string &scheme) const
{
  return scheme + "://127.0.0.1:" + std::to_string(port_) + path;
}

unsigned RadioServer::requests(const std::string &path) const
{
  const std::lock_guard lock{mutex_};
  const auto found = requests_.find(path);
  return found == requests_.end() ? 0 : found->second;
}

void RadioServer::start()
{
  stopping_ = false;
  listener_ = listen_on(port_);
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener_, reinterpret_cast<sockaddr *>(&address), &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { accept_all(); }};
}

void RadioServer::stop()
{
  if (listener_ < 0)
    return;
  stopping_ = true;
  thread_.join();
  close(std::exchange(listener_, -1));
  for (auto &peer : std::exchange(peers_, {}))
    peer.thread.join();
}

void RadioServer::accept_all()
{
  while (!stopping_) {
    pollfd wanted{listener_, POLLIN, 0};
    if (poll(&wanted, 1, look_interval_ms) <= 0)
      continue;
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0)
      continue;
    ++connections_;
    // Those that are done hold a stack until they are joined.
    std::erase_if(peers_, [](Running &peer) {
      if (*peer.done)
        peer.thread.join();
      return !peer.thread.joinable();
    });
    auto done = std::make_unique<std::atomic<bool>>(false);
    std::thread thread{[this, socket, done = done.get()] {
      serve(socket);
      *done = true;
    }};
    peers_.push_back({std::move(thread), std::move(done)});
  }
}

void RadioServer::serve(int socket)
{
  Peer peer{socket, stopping_};
  if (certificate_ && !peer.start_tls(certificate_))
    return;
  if (!peer.read_request())
    return;
  {
    const std::lock_guard lock{mutex_};
    peer.earlier_ = requests_[peer.path()]++;
  }
  const auto script = scripts_.find(peer.path());
  if (script == scripts_.end())
    peer.send("HTTP/1.0 404 Not Found\r\n\r\n");
  else
    script->second(peer);
}

}  // namespace kam::test
