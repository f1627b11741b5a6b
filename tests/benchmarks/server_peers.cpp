// SPDX-License-Identifier: LGPL-2.1-or-later
// Servers that servers.py and station.py compare, each by a word:
//
//   epoll            an echo server that is nothing but epoll
//   threads          one that has a pipeline with a thread for each client
//   paced-epoll      a byte every 25 ms to each client, by nothing but epoll
//   paced-threads    the same by a pipeline with a thread for each client
//   station FILE MS  a stream of 128 kbit/s to each client, what there is every so many ms, by
//                    nothing but send()
//   element LAUNCH   a server element
//
// Each prints its port, and serves until its input ends.
#include "server_sockets.hpp"

#include <gst/gst.h>

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace kam::bench;

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

// Sends each client a byte in time and does nothing else: a fifth of them every 5 ms.
void run_paced(int listener)
{
  constexpr std::size_t slots = 5;
  constexpr auto tick = std::chrono::milliseconds{5};
  const int epoll = epoll_create1(0);
  epoll_event event{EPOLLIN, {.fd = listener}};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
  std::array<std::vector<int>, slots> clients;
  std::size_t slot = 0;
  for (auto due = Clock::now() + tick;; due += tick, slot = (slot + 1) % slots) {
    // Once at least, as who is late has to let clients in too.
    do {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now()).count();
      if (epoll_wait(epoll, &event, 1, static_cast<int>(std::max(left, decltype(left){0}))) !=
          1)
        continue;
      for (int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK); client >= 0;
           client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK))
        clients.at(slot).push_back(client);
    } while (Clock::now() < due);
    std::erase_if(clients.at(slot), [](int client) {
      const bool is_gone = send(client, "x", 1, MSG_NOSIGNAL) != 1;
      if (is_gone)
        close(client);
      return is_gone;
    });
  }
}

void serve_paced_epoll()
{
  std::thread{run_paced, listen_somewhere(SOCK_NONBLOCK)}.detach();
  wait_for_the_end();
  _exit(0);
}

// Sends each client the sound from where the stream is, over and over, and does nothing else.
void run_station(int listener, const std::string &sound, std::chrono::milliseconds interval)
{
  constexpr std::size_t bytes_per_ms = 16;
  constexpr std::string_view head = "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n";
  const auto piece_size = bytes_per_ms * static_cast<std::size_t>(interval.count());
  std::vector<int> clients;
  std::size_t position = 0;
  for (auto due = Clock::now();;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now()).count();
    pollfd newcomer{listener, POLLIN, 0};
    poll(&newcomer, 1, static_cast<int>(std::max(left, decltype(left){0})));
    for (int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK); client >= 0;
         client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) {
      send(client, head.data(), head.size(), MSG_NOSIGNAL);
      clients.push_back(client);
    }
    if (Clock::now() < due)
      continue;
    due += interval;
    const auto piece = std::string_view{sound}.substr(position, piece_size);
    position = position + piece_size < sound.size() ? position + piece_size : 0;
    std::erase_if(clients, [piece](int client) {
      const bool is_gone = send(client, piece.data(), piece.size(), MSG_NOSIGNAL) < 0;
      if (is_gone)
        close(client);
      return is_gone;
    });
  }
}

void serve_station(const char *file, int interval_ms)
{
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream sound;
  sound << stream.rdbuf();
  std::thread{run_station, listen_somewhere(SOCK_NONBLOCK), sound.str(),
              std::chrono::milliseconds{interval_ms}}
      .detach();
  wait_for_the_end();
  _exit(0);
}

// A pipeline for each client: `source`, which may name the client's descriptor as %d, and a
// sink.
void serve_threads(const std::string &source)
{
  const int listener = listen_somewhere(0);
  std::thread{[listener, source] {
    for (;;) {
      const int client = accept(listener, nullptr, nullptr);
      if (client < 0)
        continue;
      auto launch = source + " ! fdsink sync=false async=false fd=%d";
      for (auto at = launch.find("%d"); at != std::string::npos; at = launch.find("%d"))
        launch.replace(at, 2, std::to_string(client));
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

}  // namespace

int main(int argc, char **argv)
{
  expect_many_connections();
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "epoll") {
    serve_epoll();
  } else if (what == "paced-epoll") {
    serve_paced_epoll();
  } else if (what == "station" && argc == 4) {
    serve_station(argv[2], std::atoi(argv[3]));
  } else {
    gst_init(nullptr, nullptr);
    if (what == "threads")
      serve_threads("fdsrc fd=%d");
    else if (what == "paced-threads")
      serve_threads("fortunesrc num-cookies=-1");
    else if (what == "element" && argc == 3)
      serve_element(argv[2]);
    else
      return 2;
  }
  return 0;
}
