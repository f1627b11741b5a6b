// SPDX-License-Identifier: LGPL-2.1-or-later
// Clients that load a server for servers.py, each by a word:
//
//   connect PORT CLIENTS SECONDS  connections, 8 bytes echoed each, a second
//   fetch PORT CLIENTS SECONDS    connections that read until the end, a second
//   bulk PORT MEGABYTES           megabytes echoed a second
//   burst PORT CLIENTS            so many at once, 8 bytes echoed each: how many were not
//   served,
//                                 milliseconds until 99 in a hundred are connected, and until
//                                 they have their bytes
//   hold PORT CLIENTS             milliseconds until 99 in a hundred are connected; then, for
//                                 each line of input, echoes of 64 bytes a second
//   paced PORT CLIENTS SECONDS    milliseconds until 99 in a hundred have their first byte; at
//                                 the end the lowest and the highest of their bit rates
#include "server_sockets.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace kam::bench;

int begin_connection(int port)
{
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto to = loopback(port);
  const linger at_once{1, 0};
  // So that a million connections do not use up the ports.
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  connect(fd, reinterpret_cast<const sockaddr *>(&to), sizeof to);
  return fd;
}

double p99(std::vector<double> values)
{
  if (values.empty())
    return -1;
  std::ranges::sort(values);
  return values[(values.size() * 99 - 1) / 100];
}

// Connections a second; each says something and waits for the answer, or for the end.
void load(int port, int clients, double seconds, bool speaks)
{
  const int epoll = epoll_create1(0);
  const auto begin_one = [&] {
    const int fd = begin_connection(port);
    epoll_event event{speaks ? EPOLLOUT : EPOLLIN, {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  };
  for (int i = 0; i < clients; ++i)
    begin_one();
  std::array<epoll_event, 256> events;
  std::array<char, 4096> space;
  int done = 0;
  int failed = 0;
  const auto begin = Clock::now();
  while (seconds_since(begin) < seconds) {
    const int count = epoll_wait(epoll, events.data(), events.size(), 100);
    for (int i = 0; i < count; ++i) {
      auto &event = events[static_cast<std::size_t>(i)];
      const int fd = event.data.fd;
      if (event.events & EPOLLOUT) {
        if (send(fd, "12345678", 8, MSG_NOSIGNAL) == 8) {
          event.events = EPOLLIN;
          epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
          continue;
        }
      }
      const auto size = recv(fd, space.data(), space.size(), 0);
      if (size > 0 && !speaks)
        continue;
      const bool is_good = speaks ? size == 8 : size == 0;
      ++(is_good ? done : failed);
      close(fd);
      begin_one();
    }
  }
  std::cout << done / seconds_since(begin) << " " << failed << std::endl;
}

int connected(int port)
{
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto to = loopback(port);
  if (connect(fd, reinterpret_cast<const sockaddr *>(&to), sizeof to) != 0)
    std::exit(1);
  return fd;
}

void bulk(int port, std::size_t megabytes)
{
  const int fd = connected(port);
  const std::size_t total = megabytes << 20U;
  const auto begin = Clock::now();
  std::thread writer{[&] {
    const std::vector<char> bytes(std::size_t{256} << 10U);
    for (std::size_t sent = 0; sent < total;) {
      const auto part =
          send(fd, bytes.data(), std::min(bytes.size(), total - sent), MSG_NOSIGNAL);
      if (part <= 0)
        return;
      sent += static_cast<std::size_t>(part);
    }
    shutdown(fd, SHUT_WR);
  }};
  std::vector<char> space(std::size_t{256} << 10U);
  std::size_t got = 0;
  for (ssize_t part = 0; (part = recv(fd, space.data(), space.size(), 0)) > 0;)
    got += static_cast<std::size_t>(part);
  writer.join();
  std::cout << (got == total ? static_cast<double>(megabytes) / seconds_since(begin) : 0.0)
            << std::endl;
}

double echoes_per_second(const std::vector<int> &clients)
{
  std::array<char, 64> message{};
  std::size_t next = 0;
  std::size_t echoed = 0;
  const auto begin = Clock::now();
  while (seconds_since(begin) < 2) {
    const int fd = clients[next = (next + 7919) % clients.size()];
    if (send(fd, message.data(), message.size(), MSG_NOSIGNAL) != 64 ||
        recv(fd, message.data(), message.size(), MSG_WAITALL) != 64)
      return 0;
    ++echoed;
  }
  return static_cast<double>(echoed) / seconds_since(begin);
}

void hold(int port, int count)
{
  std::vector<int> clients;
  std::vector<double> waits;
  for (int i = 0; i < count; ++i) {
    const auto begin = Clock::now();
    clients.push_back(connected(port));
    waits.push_back(seconds_since(begin) * 1000);
  }
  std::cout << p99(waits) << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << echoes_per_second(clients) << std::endl;
}

// Who comes with a thousand others. None waits for another; each is looked at as soon as it is
// connected or has its bytes, so that what is measured is not this program.
class Burst {
 public:
  explicit Burst(int port, std::size_t count) : began_(count)
  {
    for (std::size_t i = 0; i < count; ++i) {
      began_[i] = Clock::now();
      epoll_event event{EPOLLOUT, {.u64 = i}};
      sockets_.push_back(begin_connection(port));
      epoll_ctl(epoll_, EPOLL_CTL_ADD, sockets_.back(), &event);
      look(0);
    }
    const auto begin = Clock::now();
    while (served_.size() < count && seconds_since(begin) < 30)
      look(100);
  }

  void tell() const
  {
    std::cout << sockets_.size() - served_.size() << " " << p99(connected_) << " "
              << p99(served_) << std::endl;
  }

 private:
  void look(int patience)
  {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), patience);
    for (int i = 0; i < count; ++i)
      handle(events[static_cast<std::size_t>(i)]);
  }
  void handle(epoll_event &event)
  {
    const auto which = event.data.u64;
    const int fd = sockets_[which];
    std::array<char, 8> answer;
    if ((event.events & EPOLLOUT) != 0 && send(fd, "12345678", 8, MSG_NOSIGNAL) == 8) {
      connected_.push_back(seconds_since(began_[which]) * 1000);
      event.events = EPOLLIN;
      epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
      return;
    }
    if (recv(fd, answer.data(), answer.size(), 0) == 8)
      served_.push_back(seconds_since(began_[which]) * 1000);
    epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  }

  int epoll_ = epoll_create1(0);
  std::vector<Clock::time_point> began_;
  std::vector<int> sockets_;
  std::vector<double> connected_;  // milliseconds since each began
  std::vector<double> served_;
};

// Many who are sent bytes at a pace. A few are looked at byte by byte; what the others got is
// thrown away once a second, as they are there to be a burden for the server and not for us.
class Paced {
 public:
  Paced(int port, int count)
  {
    for (int i = watched_count; i < count; ++i)
      others_.push_back(connected(port));
    std::vector<double> waits;
    for (int i = 0; i < watched_count; ++i) {
      const auto begin = Clock::now();
      watched_.push_back({connected(port), {}, {}, 0});
      char byte = 0;
      if (recv(watched_.back().fd, &byte, 1, 0) != 1)
        std::exit(1);
      watched_.back().first = watched_.back().last = Clock::now();
      waits.push_back(seconds_since(begin) * 1000);
    }
    std::cout << p99(waits) << std::endl;
  }

  void run(double seconds)
  {
    const int epoll = epoll_create1(0);
    for (auto &client : watched_) {
      epoll_event event{EPOLLIN, {.ptr = &client}};
      epoll_ctl(epoll, EPOLL_CTL_ADD, client.fd, &event);
    }
    const auto begin = Clock::now();
    auto drained = begin;
    while (seconds_since(begin) < seconds) {
      std::array<epoll_event, watched_count> events;
      const int count = epoll_wait(epoll, events.data(), events.size(), 100);
      for (int i = 0; i < count; ++i)
        static_cast<Watched *>(events[static_cast<std::size_t>(i)].data.ptr)->read();
      if (seconds_since(drained) > 1) {
        drained = Clock::now();
        drain();
      }
    }
    std::vector<double> rates;
    for (const auto &client : watched_)
      rates.push_back(client.bytes * 8 /
                      std::chrono::duration<double>(client.last - client.first).count());
    std::ranges::sort(rates);
    std::cout << rates.front() << " " << rates.back() << std::endl;
  }

 private:
  static constexpr int watched_count = 20;
  struct Watched {
    int fd;
    Clock::time_point first;
    Clock::time_point last;
    double bytes;  // since the first

    void read()
    {
      std::array<char, 65536> space;
      const auto size = recv(fd, space.data(), space.size(), MSG_DONTWAIT);
      if (size <= 0)
        return;
      bytes += static_cast<double>(size);
      last = Clock::now();
    }
  };
  void drain() const
  {
    std::array<char, 65536> space;
    for (const int fd : others_)
      (void)!recv(fd, space.data(), space.size(), MSG_DONTWAIT);
  }

  std::vector<int> others_;
  std::vector<Watched> watched_;
};

}  // namespace

int main(int argc, char **argv)
{
  expect_many_connections();
  const std::vector<std::string> words{argv + 1, argv + argc};
  const std::string what = words.empty() ? "" : words[0];
  const auto number = [&](std::size_t i) { return std::atoi(words.at(i).c_str()); };
  if ((what == "connect" || what == "fetch") && words.size() == 4)
    load(number(1), number(2), number(3), what == "connect");
  else if (what == "bulk" && words.size() == 3)
    bulk(number(1), static_cast<std::size_t>(number(2)));
  else if (what == "burst" && words.size() == 3)
    Burst{number(1), static_cast<std::size_t>(number(2))}.tell();
  else if (what == "hold" && words.size() == 3)
    hold(number(1), number(2));
  else if (what == "paced" && words.size() == 4)
    Paced{number(1), number(2)}.run(number(3));
  else
    return 2;
  return 0;
}
