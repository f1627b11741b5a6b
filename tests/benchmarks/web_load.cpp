// SPDX-License-Identifier: LGPL-2.1-or-later
// Asks a web server for one address again and again, on connections that are kept:
//
//   web-load PORT PATH CONNECTIONS SECONDS [BYTES-TO-POST]
//
// Prints the answers a second, the megabytes of bodies a second, and how many were no answer.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin)
{
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct Connection {
  int fd = -1;
  std::string head;         // of the answer, until it is whole
  std::size_t missing = 0;  // of its body
  bool is_in_body = false;
};

class Load {
 public:
  Load(int port, std::string request) : port_{port}, request_{std::move(request)} {}

  void run(std::size_t connections, double seconds)
  {
    connections_.resize(connections);
    for (std::size_t i = 0; i < connections; ++i)
      begin(i);
    std::array<epoll_event, 256> events;
    std::vector<char> space(std::size_t{256} << 10U);
    const auto start = Clock::now();
    while (seconds_since(start) < seconds) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), 100);
      for (int i = 0; i < count; ++i)
        handle(events.at(static_cast<std::size_t>(i)).data.u64, space);
    }
    const auto took = seconds_since(start);
    std::cout << static_cast<double>(answers_) / took << ' '
              << static_cast<double>(bytes_) / took / 1e6 << ' ' << failures_ << std::endl;
  }

 private:
  void begin(std::size_t i)
  {
    auto &connection = connections_[i];
    connection = {};
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int yes = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(connection.fd, reinterpret_cast<const sockaddr *>(&to), sizeof to) != 0)
      std::exit(1);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    ask(connection);
  }

  void ask(const Connection &connection)
  {
    if (send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_.size()))
      ++failures_;
  }

  void handle(std::size_t i, std::vector<char> &space)
  {
    auto &connection = connections_[i];
    const auto size = recv(connection.fd, space.data(), space.size(), MSG_DONTWAIT);
    if (size < 0)
      return;
    if (size == 0) {
      // After so many requests a server may close.
      close(connection.fd);
      return begin(i);
    }
    auto got = static_cast<std::size_t>(size);
    std::size_t at = 0;
    if (!connection.is_in_body) {
      connection.head.append(space.data(), got);
      const auto end = connection.head.find("\r\n\r\n");
      if (end == std::string::npos)
        return;
      const auto field = connection.head.find("Content-Length: ");
      if (!connection.head.starts_with("HTTP/1.1 2") || field > end)
        ++failures_;
      connection.missing = field > end ? 0 : std::stoul(connection.head.substr(field + 16, 20));
      connection.is_in_body = true;
      at = got - (connection.head.size() - end - 4);
    }
    got -= at;
    bytes_ += got;
    connection.missing -= std::min(got, connection.missing);
    if (connection.missing > 0)
      return;
    ++answers_;
    connection.head.clear();
    connection.is_in_body = false;
    ask(connection);
  }

  int port_;
  std::string request_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::uint64_t answers_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace

int main(int argc, char **argv)
{
  if (argc < 5)
    return 2;
  std::string request{argc > 5 ? "POST " : "GET "};
  request.append(argv[2]).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (argc > 5)
    request += "Content-Length: " + std::string{argv[5]} + "\r\n";
  request += "\r\n";
  if (argc > 5)
    request.append(std::stoul(argv[5]), 'x');
  Load{std::atoi(argv[1]), request}.run(std::stoul(argv[3]), std::atof(argv[4]));
}
