// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/refusing_peer.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>

namespace kam::test {

namespace {

constexpr int pulse = 10;  // milliseconds between two answers
constexpr std::size_t handshake_size = 68;
enum Message : unsigned char {
  unchoke = 1,
  request = 6,
  piece = 7,
  have_all = 14,
  extended = 20
};

std::string number(std::uint32_t value)
{
  value = htonl(value);
  return {reinterpret_cast<const char *>(&value), sizeof(value)};
}

std::uint32_t number_at(const ByteVector &bytes, std::size_t at)
{
  std::uint32_t value = 0;
  std::copy_n(bytes.begin() + std::ptrdiff_t(at), sizeof(value),
              reinterpret_cast<std::byte *>(&value));
  return ntohl(value);
}

std::string message(Message kind, const std::string &rest = {})
{
  return number(std::uint32_t(rest.size() + 1)) + char(kind) + rest;
}

bool send_all(int peer, const std::string &text)
{
  for (std::size_t sent = 0; sent < text.size();) {
    const auto n = send(peer, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    sent += std::size_t(n);
  }
  return true;
}

bool is_ready(int socket, int milliseconds)
{
  pollfd what{socket, POLLIN, 0};
  return poll(&what, 1, milliseconds) > 0;
}

}  // namespace

RefusingPeer::RefusingPeer(const ByteVector &content, std::uint32_t piece_length,
                           std::size_t says_it_takes)
    : content_{content},
      piece_length_{piece_length},
      says_it_takes_{says_it_takes},
      listener_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}
{
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(here);
  auto *address = reinterpret_cast<sockaddr *>(&here);
  if (bind(listener_, address, size) != 0 || listen(listener_, 8) != 0 ||
      getsockname(listener_, address, &size) != 0)
    throw std::runtime_error{"there is no socket to listen at"};
  port_ = ntohs(here.sin_port);
  thread_ = std::thread{[this] { serve(); }};
}

RefusingPeer::~RefusingPeer()
{
  is_quitting_ = true;
  thread_.join();
  close(listener_);
}

std::string RefusingPeer::address() const
{
  return "127.0.0.1:" + std::to_string(port_);
}

// One peer after another.
void RefusingPeer::serve()
{
  while (!is_quitting_) {
    if (!is_ready(listener_, pulse))
      continue;
    const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    received_.clear();
    requests_.clear();
    bool is_there = true;
    while (is_there && !is_quitting_ && received_.size() < handshake_size)
      is_there = take(peer);
    is_there = is_there && !is_quitting_ && greet(peer);
    while (is_there && !is_quitting_) {
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{pulse};
      while (is_there && std::chrono::steady_clock::now() < until)
        is_there = take(peer);
      take_messages();
      is_there = is_there && answer(peer);
    }
    close(peer);
  }
}

bool RefusingPeer::greet(int peer) const
{
  std::string greeting =
      "\x13"
      "BitTorrent protocol";
  greeting += std::string{"\0\0\0\0\0\x10\0\x04", 8};  // extensions, and have_all
  for (std::size_t i = 28; i < 48; ++i)                // of the torrent that the peer wants
    greeting += char(received_[i]);
  greeting += "-XX0001-abcdefghijkl";
  const auto takes = std::to_string(says_it_takes_);
  return send_all(peer, greeting + message(extended, '\0' + ("d1:mde4:reqqi" + takes + "ee")) +
                            message(have_all) + message(unchoke));
}

bool RefusingPeer::take(int peer)
{
  if (!is_ready(peer, 1))
    return true;
  std::array<std::byte, 65536> part;
  const auto n = recv(peer, part.data(), part.size(), 0);
  if (n <= 0)
    return false;
  received_.insert(received_.end(), part.begin(), part.begin() + n);
  return true;
}

void RefusingPeer::take_messages()
{
  std::size_t at = handshake_size;
  while (at + 4 <= received_.size() && at + 4 + number_at(received_, at) <= received_.size()) {
    const auto length = number_at(received_, at);
    if (length == 13 && received_[at + 4] == std::byte{request}) {
      const Request asked{number_at(received_, at + 5), number_at(received_, at + 9),
                          number_at(received_, at + 13)};
      if (requests_.size() + 1 >= says_it_takes_)
        ++refused_;
      else
        requests_.push_back(asked);
    }
    at += 4 + length;
  }
  received_.erase(received_.begin() + handshake_size, received_.begin() + std::ptrdiff_t(at));
  most_at_once_ = std::max(most_at_once_.load(), requests_.size());
}

bool RefusingPeer::answer(int peer)
{
  const auto text = as_text(content_);
  std::string all;
  for (const auto &asked : requests_)
    all += message(
        piece, number(asked.piece) + number(asked.begin) +
                   std::string{text.substr(
                       std::size_t{asked.piece} * piece_length_ + asked.begin, asked.length)});
  requests_.clear();
  return send_all(peer, all);
}

}  // namespace kam::test
