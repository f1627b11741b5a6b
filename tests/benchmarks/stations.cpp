// SPDX-License-Identifier: LGPL-2.1-or-later
#include "benchmarks/stations.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace kam::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto tick = std::chrono::milliseconds{100};
constexpr std::size_t bytes_per_tick = 1600;  // of audio: 128 kbit/s
constexpr std::size_t interval = 16000;
constexpr std::size_t copied_at_once = std::size_t{64} << 10U;
constexpr std::size_t dropped_at_once = std::size_t{8} << 20U;

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

sockaddr_in loopback(std::uint16_t port)
{
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int open_port()
{
  const int port = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  auto address = loopback(0);
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

double cpu_seconds()
{
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval &time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

int be_bare_listeners(std::uint16_t port, const char *path, int listeners, int seconds,
                      Reading reading)
{
  std::atomic<std::uint64_t> total = 0;
  const auto listen = [&] {
    const int station = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(port);
    const std::string request = std::string{"GET "} + path + " HTTP/1.0\r\n\r\n";
    std::vector<char> bytes(copied_at_once);
    const auto size = reading == Reading::drop ? dropped_at_once : copied_at_once;
    const auto flags = reading == Reading::drop ? MSG_TRUNC : 0;
    const int low_water = reading == Reading::drop ? static_cast<int>(dropped_at_once) : 1;
    setsockopt(station, SOL_SOCKET, SO_RCVLOWAT, &low_water, sizeof low_water);
    if (connect(station, reinterpret_cast<const sockaddr *>(&address), sizeof address) == 0 &&
        write(station, request.data(), request.size()) > 0)
      for (ssize_t got = 1; got > 0; total += static_cast<std::uint64_t>(got)) {
        pollfd readable{station, POLLIN, 0};
        poll(&readable, 1, -1);
        got = std::max<ssize_t>(recv(station, bytes.data(), size, flags), 0);
      }
    close(station);
  };
  auto since = Clock::now();
  auto cpu_before = cpu_seconds();
  std::uint64_t bytes_before = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < listeners; ++i)
    threads.emplace_back(listen);
  if (seconds > 0) {
    std::this_thread::sleep_for(std::chrono::seconds{3});
    since = Clock::now();
    cpu_before = cpu_seconds();
    bytes_before = total;
    std::this_thread::sleep_for(std::chrono::seconds{seconds});
  } else {
    for (auto &thread : threads)
      thread.join();
  }
  const std::chrono::duration<double> took = Clock::now() - since;
  std::printf("%.6f %.6f %llu\n", took.count(), cpu_seconds() - cpu_before,
              static_cast<unsigned long long>(total - bytes_before));
  std::fflush(stdout);
  _exit(EXIT_SUCCESS);
}

}  // namespace kam::bench
