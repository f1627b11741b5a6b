// SPDX-License-Identifier: LGPL-2.1-or-later
// What servers.py runs: servers to compare with, and clients that load them.
//
//   epoll           an echo server that is nothing but epoll
//   threads         one that has a pipeline with a thread for each client
//   element LAUNCH  a server element
//     each prints its port, and serves until its input ends
//   connect PORT CLIENTS SECONDS  connections, 8 bytes echoed each, a second
//   fetch PORT CLIENTS SECONDS    connections that read until the end, a second
//   bulk PORT MEGABYTES           megabytes echoed a second
//   hold PORT CLIENTS             milliseconds of the slowest in a hundred to connect; then,
//                                 for each line of input, echoes of 64 bytes a second
#include <gst/gst.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin)
{
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

sockaddr_in loopback(int port)
{
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void wait_for_the_end()
{
  char c = 0;
  while (read(STDIN_FILENO, &c, 1) > 0) {
  }
}

// --- servers ------------------------------------------------------------------------------

int listen_somewhere(int flags)
{
  const int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
  const int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(fd, 4096) != 0)
    std::exit(1);
  getsockname(fd, reinterpret_cast<sockaddr *>(&address), &size);
  std::cout << ntohs(address.sin_port) << std::endl;
  return fd;
}

void run_epoll(int listener)
{
  const int epoll = epoll_create1(0);
  const auto watch = [epoll](int fd) {
    epoll_event event{EPOLLIN, {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  };
  watch(listener);
  std::array<epoll_event, 256> events;
  std::vector<char> space(65536);
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        for (int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK); client >= 0;
             client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK))
          watch(client);
        continue;
      }
      const auto size = recv(fd, space.data(), space.size(), 0);
      if (size == 0 || (size < 0 && errno != EAGAIN)) {
        close(fd);
        continue;
      }
      for (ssize_t sent = 0; sent < size;) {
        const auto part =
            send(fd, space.data() + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
        if (part > 0) {
          sent += part;
          continue;
        }
        pollfd room{fd, POLLOUT, 0};
        poll(&room, 1, -1);
      }
    }
  }
}

// As many threads as the server element takes.
void serve_epoll()
{
  const int listener = listen_somewhere(SOCK_NONBLOCK);
  const auto threads = std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
  for (unsigned i = 0; i < threads; ++i)
    std::thread{run_epoll, listener}.detach();
  wait_for_the_end();
  _exit(0);
}

void serve_threads()
{
  const int listener = listen_somewhere(0);
  std::thread{[listener] {
    for (;;) {
      const int client = accept(listener, nullptr, nullptr);
      if (client < 0)
        continue;
      const auto launch = "fdsrc fd=" + std::to_string(client) +
                          " ! fdsink sync=false async=false fd=" + std::to_string(client);
      auto *pipeline = gst_parse_launch(launch.c_str(), nullptr);
      auto *bus = gst_element_get_bus(pipeline);
      gst_element_set_state(pipeline, GST_STATE_PLAYING);
      std::thread{[pipeline, bus, client] {
        auto *message = gst_bus_timed_pop_filtered(
            bus, GST_CLOCK_TIME_NONE, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
        gst_message_unref(message);
        shutdown(client, SHUT_RDWR);
        gst_element_set_state(pipeline, GST_STATE_NULL);
        gst_object_unref(bus);
        gst_object_unref(pipeline);
        close(client);
      }}.detach();
    }
  }}.detach();
  wait_for_the_end();
  _exit(0);
}

void serve_element(const char *launch)
{
  auto *element = gst_parse_launch(launch, nullptr);
  if (!element || gst_element_set_state(element, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
    std::exit(1);
  int port = 0;
  g_object_get(element, "current-port", &port, nullptr);
  std::cout << port << std::endl;
  wait_for_the_end();
  gst_element_set_state(element, GST_STATE_NULL);
  gst_object_unref(element);
}

// --- clients ------------------------------------------------------------------------------

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
  std::ranges::sort(waits);
  std::cout << waits[waits.size() * 99 / 100] << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    std::cout << echoes_per_second(clients) << std::endl;
}

}  // namespace

int main(int argc, char **argv)
{
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const std::vector<std::string> words{argv + 1, argv + argc};
  const std::string what = words.empty() ? "" : words[0];
  const auto number = [&](std::size_t i) { return std::atoi(words.at(i).c_str()); };
  if (what == "threads" || what == "element")
    gst_init(nullptr, nullptr);
  if (what == "epoll")
    serve_epoll();
  else if (what == "threads")
    serve_threads();
  else if (what == "element" && words.size() == 2)
    serve_element(argv[2]);
  else if ((what == "connect" || what == "fetch") && words.size() == 4)
    load(number(1), number(2), number(3), what == "connect");
  else if (what == "bulk" && words.size() == 3)
    bulk(number(1), static_cast<std::size_t>(number(2)));
  else if (what == "hold" && words.size() == 3)
    hold(number(1), number(2));
  else
    return 2;
  return 0;
}
