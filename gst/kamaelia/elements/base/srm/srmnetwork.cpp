// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmnetwork.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sstream>

namespace kam {

namespace {

using net::Endpoint;
using net::Error;
using net::Interface;

constexpr std::size_t usual_buffer_size = std::size_t{4} << 20U;

std::vector<std::string> split(const std::string &list)
{
  std::vector<std::string> parts;
  std::istringstream stream{list};
  for (std::string part; std::getline(stream, part, ',');)
    if (!part.empty())
      parts.push_back(part);
  return parts;
}

std::variant<std::vector<Interface>, Error> find_interfaces(const std::string &list)
{
  std::vector<Interface> interfaces;
  for (const auto &name : split(list)) {
    auto found = Interface::find(name);
    if (auto *error = std::get_if<Error>(&found))
      return *error;
    interfaces.push_back(std::get<Interface>(found));
  }
  if (interfaces.empty())
    interfaces.emplace_back();
  return interfaces;
}

std::variant<std::vector<Endpoint>, Error> find_sources(const std::string &list)
{
  std::vector<Endpoint> sources;
  for (const auto &name : split(list)) {
    const auto found = Endpoint::resolve(name, 0);
    if (const auto *error = std::get_if<Error>(&found))
      return *error;
    sources.push_back(std::get<Endpoint>(found));
  }
  return sources;
}

// What both ends need to know before they open a socket.
struct Plan {
  Endpoint address;
  std::vector<Interface> interfaces;
  std::vector<Endpoint> sources;
  SrmGate gate;
};

std::variant<Plan, Error> plan(const SrmNetworkValues &values)
{
  const auto address = Endpoint::resolve(values.host, static_cast<std::uint16_t>(values.port));
  if (const auto *error = std::get_if<Error>(&address))
    return *error;
  const auto interfaces = find_interfaces(values.multicast_iface);
  if (const auto *error = std::get_if<Error>(&interfaces))
    return *error;
  const auto sources = find_sources(values.source_filter);
  if (const auto *error = std::get_if<Error>(&sources))
    return *error;
  Plan result{std::get<Endpoint>(address), std::get<0>(interfaces), std::get<0>(sources), {}};
  result.gate = {result.sources,
                 parse_srm_nodes(values.allowed_nodes).value_or(std::vector<srm::NodeId>{})};
  if (result.address.is_multicast() && result.address.scope() == 0)
    result.address = result.address.with_scope(result.interfaces.front().index);
  return result;
}

std::size_t buffer_size_of(const SrmNetworkValues &values)
{
  return values.buffer_size > 0 ? static_cast<std::size_t>(values.buffer_size)
                                : usual_buffer_size;
}

std::optional<Error> set_output(net::UdpSocket &socket, const SrmNetworkValues &values,
                                const Interface &interface)
{
  if (auto error = socket.set_multicast_output({interface, values.ttl_mc, values.loop}))
    return error;
  if (auto error = socket.set_ttl(values.ttl))
    return error;
  if (values.qos_dscp >= 0)
    return socket.set_dscp(values.qos_dscp);
  return std::nullopt;
}

std::optional<Error> check_family(const net::UdpSocket &socket, const Endpoint &address)
{
  if (socket.family() == address.family())
    return std::nullopt;
  return net::error_of(EAFNOSUPPORT, "The socket given cannot reach " + address.address_text());
}

std::variant<SrmSocket, Error> open_or_adopt(const SrmNetworkValues &values,
                                             const Endpoint &local)
{
  if (values.socket)
    return SrmSocket::adopt(values.socket, values.close_socket);
  return SrmSocket::open({local, values.reuse});
}

// Own data that comes back to this host is not for the socket that listens for feedback: only
// NACK (4) and ACK (5) are, which the first byte of the payload says.
std::optional<Error> take_only_feedback(net::UdpSocket &socket)
{
  constexpr std::array program{sock_filter{BPF_LD | BPF_B | BPF_ABS, 0, 0, 8},
                               sock_filter{BPF_ALU | BPF_AND | BPF_K, 0, 0, 0x0f},
                               sock_filter{BPF_JMP | BPF_JGE | BPF_K, 0, 1, 4},
                               sock_filter{BPF_RET | BPF_K, 0, 0, 0xffffffffU},
                               sock_filter{BPF_RET | BPF_K, 0, 0, 0}};
  return socket.set_filter(program);
}

std::optional<Error> open_group(SrmSendingSockets &sockets, const SrmNetworkValues &values,
                                const Plan &plan)
{
  const bool is_heard_by_group =
      plan.address.is_multicast() && !plan.address.is_source_specific();
  if (!is_heard_by_group || !values.auto_multicast)
    return std::nullopt;
  auto opened = SrmSocket::open({plan.address, values.reuse});
  if (auto *error = std::get_if<Error>(&opened))
    return *error;
  sockets.group.emplace(std::get<SrmSocket>(std::move(opened)));
  if (auto error = take_only_feedback(sockets.group->udp()))
    return error;
  sockets.group->udp().set_receive_buffer(buffer_size_of(values));
  return sockets.group->join(plan.address, plan.interfaces.front(), {});
}

std::optional<Error> join_all(SrmSocket &socket, const Plan &plan)
{
  for (const auto &interface : plan.interfaces) {
    if (plan.sources.empty())
      if (auto error = socket.join(plan.address, interface, {}))
        return error;
    for (const auto &source : plan.sources)
      if (auto error = socket.join(plan.address, interface, source))
        return error;
  }
  return std::nullopt;
}

}  // namespace

srm::NodeId srm_source_node(Bytes packet)
{
  if (packet.size() < 8)
    return srm::no_node;
  srm::NodeId node = 0;
  for (const auto byte : packet.subspan(4, 4))
    node = node << 8U | std::to_integer<srm::NodeId>(byte);
  return node;
}

bool is_srm_sender_packet(Bytes packet)
{
  return !packet.empty() && (std::to_integer<unsigned>(packet[0]) & 0x0fU) < 4;
}

bool SrmGate::admits(Bytes packet, const Endpoint &from) const
{
  if (!sources_.empty() && std::ranges::none_of(sources_, [&](const auto &source) {
        return source.has_address_of(from);
      }))
    return false;
  return nodes_.empty() || std::ranges::find(nodes_, srm_source_node(packet)) != nodes_.end();
}

SrmSocket::~SrmSocket()
{
  for (const auto &[group, interface, source] : memberships_)
    udp_.leave(group, interface, source);
  if (socket_ && closes_)
    g_socket_close(socket_.get(), nullptr);
}

std::variant<SrmSocket, Error> SrmSocket::open(const net::UdpOptions &options)
{
  auto opened = net::UdpSocket::open(options);
  if (auto *error = std::get_if<Error>(&opened))
    return *error;
  // The GSocket is for the application to look at, and owns the descriptor.
  auto &udp = std::get<net::UdpSocket>(opened);
  const int fd = udp.release();
  auto socket = glue::Ref<GSocket>::adopt(g_socket_new_from_fd(fd, nullptr));
  if (!socket) {
    close(fd);
    return net::error_of(EINVAL, "Cannot make a socket");
  }
  return adopt(socket, true);
}

std::variant<SrmSocket, Error> SrmSocket::adopt(const glue::Ref<GSocket> &socket, bool closes)
{
  auto adopted = net::UdpSocket::adopt(g_socket_get_fd(socket.get()));
  if (auto *error = std::get_if<Error>(&adopted))
    return *error;
  return SrmSocket{socket, std::get<net::UdpSocket>(std::move(adopted)), closes};
}

std::optional<Error> SrmSocket::join(const Endpoint &group, const Interface &interface,
                                     const Endpoint &source)
{
  if (auto error = udp_.join(group, interface, source))
    return error;
  memberships_.push_back({group, interface, source});
  return std::nullopt;
}

std::variant<SrmSendingSockets, Error> open_srm_sender(const SrmNetworkValues &values,
                                                       const std::string &bind_address,
                                                       int bind_port)
{
  const auto planned = plan(values);
  if (const auto *error = std::get_if<Error>(&planned))
    return *error;
  const auto &plan = std::get<Plan>(planned);
  const auto port = static_cast<std::uint16_t>(bind_port);
  auto local = Endpoint::wildcard(plan.address.family(), port);
  if (!bind_address.empty()) {
    const auto bound = Endpoint::resolve(bind_address, port, plan.address.family());
    if (const auto *error = std::get_if<Error>(&bound))
      return *error;
    local = std::get<Endpoint>(bound);
  }
  auto opened = open_or_adopt(values, local);
  if (auto *error = std::get_if<Error>(&opened))
    return *error;
  SrmSendingSockets sockets{std::get<SrmSocket>(std::move(opened)), std::nullopt, plan.address,
                            plan.gate};
  auto &udp = sockets.main.udp();
  if (auto error = check_family(udp, plan.address))
    return *error;
  if (auto error = set_output(udp, values, plan.interfaces.front()))
    return *error;
  udp.set_send_buffer(buffer_size_of(values));
  if (auto error = open_group(sockets, values, plan))
    return *error;
  return sockets;
}

std::variant<SrmReceivingSocket, Error> open_srm_receiver(const SrmNetworkValues &values)
{
  const auto planned = plan(values);
  if (const auto *error = std::get_if<Error>(&planned))
    return *error;
  const auto &plan = std::get<Plan>(planned);
  auto opened = open_or_adopt(values, plan.address);
  if (auto *error = std::get_if<Error>(&opened))
    return *error;
  const bool is_multicast = plan.address.is_multicast();
  const bool tells_group =
      is_multicast && !plan.address.is_source_specific() && plan.sources.empty();
  SrmReceivingSocket socket{std::get<SrmSocket>(std::move(opened)), {}, 0, plan.gate};
  auto &udp = socket.main.udp();
  const auto local = udp.local();
  if (const auto *error = std::get_if<Error>(&local))
    return *error;
  // The port may be one that the system has chosen.
  if (tells_group)
    socket.group = plan.address.with_port(std::get<Endpoint>(local).port());
  if (auto error = check_family(udp, plan.address))
    return *error;
  if (is_multicast && values.auto_multicast)
    if (auto error = join_all(socket.main, plan))
      return *error;
  if (auto error = set_output(udp, values, plan.interfaces.front()))
    return *error;
  socket.buffer_bytes = udp.set_receive_buffer(buffer_size_of(values));
  return socket;
}

}  // namespace kam
