// SPDX-License-Identifier: LGPL-2.1-or-later
// The sockets of srmsink and srmsrc, made as their properties say.
#pragma once

#include "core/srm/codec.hpp"
#include "elements/base/srm/srmproperties.hpp"
#include "glue/refs.hpp"
#include "net/endpoint.hpp"
#include "net/error.hpp"
#include "net/udp_socket.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kam {

// Lets in only packets from where the user wants them.
class SrmGate {
 public:
  SrmGate() = default;
  SrmGate(std::vector<net::Endpoint> sources, std::vector<srm::NodeId> nodes)
      : sources_{std::move(sources)}, nodes_{std::move(nodes)}
  {
  }
  bool is_open() const { return sources_.empty() && nodes_.empty(); }
  bool admits(Bytes packet, const net::Endpoint &from) const;

 private:
  std::vector<net::Endpoint> sources_;
  std::vector<srm::NodeId> nodes_;
};

// The node that a packet says it is from; no_node if it is too short to say.
srm::NodeId srm_source_node(Bytes packet);
// Whether a packet says that a sender has sent it: INFO, DATA, CMD.
bool is_srm_sender_packet(Bytes packet);

// A socket of ours or the application's. Leaves its groups and closes what is to be closed.
class SrmSocket {
 public:
  SrmSocket(glue::Ref<GSocket> socket, net::UdpSocket udp, bool closes)
      : socket_{std::move(socket)}, udp_{std::move(udp)}, closes_{closes}
  {
  }
  SrmSocket(SrmSocket &&) = default;
  SrmSocket &operator=(SrmSocket &&) = delete;
  ~SrmSocket();

  // A socket of our own.
  static std::variant<SrmSocket, net::Error> open(const net::UdpOptions &options);
  // The application's.
  static std::variant<SrmSocket, net::Error> adopt(const glue::Ref<GSocket> &socket,
                                                   bool closes);

  std::optional<net::Error> join(const net::Endpoint &group, const net::Interface &interface,
                                 const net::Endpoint &source);
  const net::UdpSocket &udp() const { return udp_; }
  net::UdpSocket &udp() { return udp_; }
  const glue::Ref<GSocket> &shared() const { return socket_; }

 private:
  struct Membership {
    net::Endpoint group;
    net::Interface interface;
    net::Endpoint source;
  };

  glue::Ref<GSocket> socket_;
  net::UdpSocket udp_;
  bool closes_;
  std::vector<Membership> memberships_;
};

struct SrmSendingSockets {
  // Sends, and receives what comes for this host alone.
  SrmSocket main;
  // Receives what receivers tell the group; not with unicast or source-specific groups.
  std::optional<SrmSocket> group;
  net::Endpoint destination;
  SrmGate gate;
};
std::variant<SrmSendingSockets, net::Error> open_srm_sender(const SrmNetworkValues &values,
                                                            const std::string &bind_address,
                                                            int bind_port);

struct SrmReceivingSocket {
  SrmSocket main;
  net::Endpoint group;  // where feedback for all goes; nowhere: only the sender gets it
  std::size_t buffer_bytes = 0;
  SrmGate gate;
};
std::variant<SrmReceivingSocket, net::Error> open_srm_receiver(const SrmNetworkValues &values);

}  // namespace kam
