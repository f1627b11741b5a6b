// SPDX-License-Identifier: LGPL-2.1-or-later
// A client that sends exactly what it is told, and waits no longer than it takes.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace kam::test {

class HttpClient {
 public:
  // To this host, by IPv4 or IPv6. `receive_buffer`: bytes that the kernel takes unread; 0: as
  // it likes.
  explicit HttpClient(int port, bool by_ipv6 = false, int receive_buffer = 0)
      : fd_{socket(by_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}
  {
    if (receive_buffer > 0)
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval patience{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (by_ipv6) {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(static_cast<std::uint16_t>(port));
      address.sin6_addr = in6addr_loopback;
      is_connected_ = connect(fd_, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(port));
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      is_connected_ = connect(fd_, reinterpret_cast<sockaddr *>(&address), sizeof address) == 0;
    }
  }
  ~HttpClient() { close(fd_); }
  HttpClient(const HttpClient &) = delete;
  HttpClient &operator=(const HttpClient &) = delete;

  bool is_connected() const { return is_connected_; }
  void send(std::string_view text)
  {
    while (!text.empty()) {
      const auto size = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (size <= 0)
        return;
      text.remove_prefix(static_cast<std::size_t>(size));
    }
  }
  void get(const std::string &path, const std::string &fields = {})
  {
    send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n");
  }
  void end_sending() { shutdown(fd_, SHUT_WR); }

  // Some more; false at the end.
  bool read_some()
  {
    std::array<char, 65536> bytes{};
    const auto size = recv(fd_, bytes.data(), bytes.size(), 0);
    if (size <= 0) {
      is_timed_out_ = size < 0 && errno == EAGAIN;
      return false;
    }
    received.append(bytes.data(), static_cast<std::size_t>(size));
    return true;
  }
  // Until `text` is there, or the end.
  bool read_until(std::string_view text)
  {
    while (received.find(text) == std::string::npos)
      if (!read_some())
        return false;
    return true;
  }
  bool read_at_least(std::size_t size)
  {
    while (received.size() < size)
      if (!read_some())
        return false;
    return true;
  }
  // To the end; false if there is none.
  bool read_all()
  {
    while (read_some()) {
    }
    return !is_timed_out_;
  }

  std::string head() const { return received.substr(0, received.find("\r\n\r\n") + 2); }
  std::string body() const
  {
    const auto at = received.find("\r\n\r\n");
    return at == std::string::npos ? std::string{} : received.substr(at + 4);
  }
  std::string field(const std::string &name) const
  {
    const auto all = head();
    const auto at = all.find("\r\n" + name + ": ");
    if (at == std::string::npos)
      return {};
    const auto begin = at + name.size() + 4;
    return all.substr(begin, all.find("\r\n", begin) - begin);
  }
  int status() const { return received.size() < 12 ? 0 : std::stoi(received.substr(9, 3)); }

  std::string received;

 private:
  int fd_;
  bool is_connected_ = false;
  bool is_timed_out_ = false;
};

// What a server answers to one request, to its end.
inline std::string answer_to(int port, std::string_view request)
{
  HttpClient client{port};
  client.send(request);
  client.read_all();
  return client.received;
}

}  // namespace kam::test
