// SPDX-License-Identifier: LGPL-2.1-or-later
#include "benchmarks/paced_station.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace kam::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto tick = std::chrono::milliseconds{100};
constexpr std::size_t bytes_per_tick = 1600;  // of audio: 128 kbit/s
constexpr std::size_t interval = 16000;

struct Listener {
  int socket = -1;
  std::size_t until_block = interval;
};

// A new title in each block: the least that has to be parsed.
std::string next_piece(Listener &listener, unsigned number)
{
  std::string piece;
  for (std::size_t left = bytes_per_tick; left > 0;) {
    const auto size = std::min(left, listener.until_block);
    piece.append(size, static_cast<char>(0x55));
    left -= size;
    listener.until_block -= size;
    if (listener.until_block == 0) {
      std::string text = "StreamTitle='Title " + std::to_string(number) + "';";
      text.resize(32);
      piece += '\x02' + text;
      listener.until_block = interval;
    }
  }
  return piece;
}

int open_port()
{
  const int port = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(port, reinterpret_cast<sockaddr *>(&address), size) != 0 ||
      listen(port, 1024) != 0 ||
      getsockname(port, reinterpret_cast<sockaddr *>(&address), &size) != 0)
    return -1;
  std::printf("port %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return port;
}

}  // namespace

int be_station()
{
  std::signal(SIGPIPE, SIG_IGN);
  const int port = open_port();
  if (port < 0)
    return EXIT_FAILURE;
  const std::string head = "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nicy-metaint: " +
                           std::to_string(interval) + "\r\n\r\n";
  std::vector<Listener> listeners;
  auto next = Clock::now() + tick;
  for (unsigned number = 0;;) {
    const auto wait =
        std::chrono::duration_cast<std::chrono::milliseconds>(next - Clock::now());
    std::array<pollfd, 2> events{pollfd{port, POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
    poll(events.data(), events.size(), wait.count() > 0 ? static_cast<int>(wait.count()) : 0);
    if (events[1].revents != 0)
      return EXIT_SUCCESS;
    for (int peer = 0; (peer = accept4(port, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      (void)!write(peer, head.data(), head.size());
      listeners.push_back({peer});
    }
    if (Clock::now() < next)
      continue;
    next += tick;
    ++number;
    std::erase_if(listeners, [number](Listener &listener) {
      const auto piece = next_piece(listener, number);
      const auto sent = send(listener.socket, piece.data(), piece.size(), MSG_DONTWAIT);
      if (sent == static_cast<ssize_t>(piece.size()))
        return false;
      close(listener.socket);
      return true;
    });
  }
}

}  // namespace kam::bench
