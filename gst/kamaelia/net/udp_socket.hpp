// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "net/endpoint.hpp"
#include "net/error.hpp"
#include "net/file_descriptor.hpp"

#include <linux/filter.h>

#include <cstddef>
#include <optional>
#include <span>
#include <variant>

namespace kam::net {

struct UdpOptions {
  // What to bind to; port 0 takes a free one. Bound to a group it gets that group's packets
  // only, bound to the wildcard those of every group it has joined, and unicast.
  Endpoint local = Endpoint::wildcard(Family::ipv4, 0);
  bool reuse = true;  // others may have the same port: several receivers of a group on a host
};

// How multicast packets leave.
struct MulticastOutput {
  Interface interface;
  int ttl = 1;
  bool loop = true;  // this host's members get them too
};

// A UDP socket of IPv4 or IPv6. Nothing here blocks; an application's socket keeps its flags.
class UdpSocket {
 public:
  static std::variant<UdpSocket, Error> open(const UdpOptions &options);
  // An application's, which stays its own and has to outlive this.
  static std::variant<UdpSocket, Error> adopt(int fd);

  // Hands the descriptor to somebody who closes it.
  [[nodiscard]] int release() { return socket_.release(); }
  int fd() const { return socket_.get(); }
  Family family() const { return family_; }
  std::variant<Endpoint, Error> local() const;

  // With a source, only packets from there; join once more for another. What a socket has not
  // joined itself it does not get, even if another on this host has.
  std::optional<Error> join(const Endpoint &group, const Interface &interface,
                            const Endpoint &source = {});
  std::optional<Error> leave(const Endpoint &group, const Interface &interface,
                             const Endpoint &source = {});
  std::optional<Error> set_multicast_output(const MulticastOutput &output);
  std::optional<Error> set_ttl(int ttl);    // of unicast packets
  std::optional<Error> set_dscp(int dscp);  // 0 to 63
  // Asks for so many bytes, beyond the system's limit where the process may, and says how many
  // there are now. A packet takes more of them than its own size.
  std::size_t set_receive_buffer(std::size_t bytes) const;
  std::size_t set_send_buffer(std::size_t bytes) const;
  // Of what arrives, the socket takes only what this program (classic BPF) lets through; the
  // UDP header is at offset 0, and has 8 bytes.
  std::optional<Error> set_filter(std::span<const sock_filter> program);

 private:
  UdpSocket(FileDescriptor socket, Family family) : socket_{std::move(socket)}, family_{family}
  {
  }
  // Option `of_ipv4` or `of_ipv6`, as the socket is.
  std::optional<Error> set_ip_option(int of_ipv4, int of_ipv6, int value, const char *failed);
  std::optional<Error> change_membership(bool joins, const Endpoint &group,
                                         const Interface &interface, const Endpoint &source);

  FileDescriptor socket_;
  Family family_;
};

}  // namespace kam::net
