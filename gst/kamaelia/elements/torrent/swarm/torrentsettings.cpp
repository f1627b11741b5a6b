// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentsettings.hpp"

#include "config.h"

#include <libtorrent/alert.hpp>

#include <gio/gio.h>

#include <cstdint>
#include <memory>
#include <sstream>

namespace kam::torrent {

namespace {

using Pack = lt::settings_pack;

// As measured: what else is said to make it fast makes no difference.
void be_quick(Pack &pack)
{
  // Peers are connected at a tick: the first byte comes after 0.12 s, and not after 0.57 s.
  pack.set_int(Pack::tick_interval, 100);
  // The first pieces are those that are read, and not any four.
  pack.set_int(Pack::initial_picker_threshold, 0);
  // All peers share the piece that is read, and not each has one of its own.
  pack.set_int(Pack::whole_pieces_threshold, 0);
  // What has been asked for already cannot be overtaken by what a seek needs.
  pack.set_int(Pack::request_queue_time, 1);
  // Who has all that we want now may have what is sought next.
  pack.set_bool(Pack::close_redundant_connections, false);
  pack.set_int(Pack::min_reconnect_time, 2);
  // Who is bounded in what it sends gives at ticks what is in the buffer by then. A block has
  // two, and a peer that comes waits for its first piece; so there are some in it.
  pack.set_int(Pack::send_buffer_low_watermark, 64 * 1024);
  // There may be many behind one router.
  pack.set_bool(Pack::allow_multiple_connections_per_ip, true);
  // The session ends in the background, but a process waits for that at its end.
  pack.set_int(Pack::stop_tracker_timeout, 1);
  pack.set_int(Pack::alert_queue_size, 20000);
  // Nothing waits in a queue: who holds a torrent wants it now.
  pack.set_int(Pack::active_downloads, -1);
  pack.set_int(Pack::active_seeds, -1);
  pack.set_int(Pack::active_limit, -1);
}

struct Unref {
  template <class T>
  void operator()(T *object) const
  {
    g_object_unref(object);
  }
};
using SocketPtr = std::unique_ptr<GSocket, Unref>;

// A socket at all addresses; nothing if that port is taken.
SocketPtr bind_everywhere(GSocketFamily family, GSocketType type, std::uint16_t port)
{
  SocketPtr socket{g_socket_new(family, type, G_SOCKET_PROTOCOL_DEFAULT, nullptr)};
  const std::unique_ptr<GInetAddress, Unref> any{g_inet_address_new_any(family)};
  const std::unique_ptr<GSocketAddress, Unref> address{
      g_inet_socket_address_new(any.get(), port)};
  if (socket && !g_socket_bind(socket.get(), address.get(), FALSE, nullptr))
    return nullptr;
  return socket;
}

std::uint16_t port_of(GSocket *socket)
{
  const std::unique_ptr<GSocketAddress, Unref> address{
      g_socket_get_local_address(socket, nullptr)};
  return address ? g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(address.get())) : 0;
}

// A port that nobody has, for TCP and UDP; 0 if none is found.
std::uint16_t free_port()
{
  constexpr int tries = 20;
  for (int i = 0; i < tries; ++i)
    for (const auto family : {G_SOCKET_FAMILY_IPV6, G_SOCKET_FAMILY_IPV4}) {  // 6: both
      const auto stream = bind_everywhere(family, G_SOCKET_TYPE_STREAM, 0);
      const std::uint16_t port = stream ? port_of(stream.get()) : 0;
      if (port != 0 && bind_everywhere(family, G_SOCKET_TYPE_DATAGRAM, port))
        return port;
    }
  return 0;
}

// libtorrent lets the system choose for each address of this machine by itself, but tells peers
// in the local network, and those who are connected, the port of one of them for all.
std::string with_one_port(const std::string &interfaces)
{
  std::string port;
  std::string result;
  std::istringstream rest{interfaces};
  for (std::string one; std::getline(rest, one, ',');) {
    const auto colon = one.rfind(':');  // what follows is the port, and letters
    if (colon != std::string::npos && one.substr(colon + 1, 1) == "0") {
      if (port.empty())
        port = std::to_string(free_port());
      one.replace(colon + 1, 1, port);
    }
    result += (result.empty() ? "" : ",") + one;
  }
  return result;
}

void encrypt(Pack &pack, Encryption encryption)
{
  int policy = Pack::pe_enabled;
  if (encryption == Encryption::off)
    policy = Pack::pe_disabled;
  if (encryption == Encryption::forced)
    policy = Pack::pe_forced;
  pack.set_int(Pack::out_enc_policy, policy);
  pack.set_int(Pack::in_enc_policy, policy);
  pack.set_int(Pack::allowed_enc_level, Pack::pe_both);
  pack.set_bool(Pack::prefer_rc4, encryption == Encryption::forced);
}

void use_proxy(Pack &pack, const std::string &address)
{
  GUri *uri = address.empty() ? nullptr
                              : g_uri_parse(address.c_str(), G_URI_FLAGS_HAS_PASSWORD, nullptr);
  if (!uri)
    return;
  const auto text = [](const char *chars) { return std::string{chars ? chars : ""}; };
  const auto scheme = text(g_uri_get_scheme(uri));
  const auto user = text(g_uri_get_user(uri));
  auto type = Pack::http;
  if (scheme == "socks4")
    type = Pack::socks4;
  else if (scheme.starts_with("socks"))
    type = user.empty() ? Pack::socks5 : Pack::socks5_pw;
  else if (!user.empty())
    type = Pack::http_pw;
  pack.set_int(Pack::proxy_type, type);
  pack.set_str(Pack::proxy_hostname, text(g_uri_get_host(uri)));
  pack.set_int(Pack::proxy_port, g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : 1080);
  pack.set_str(Pack::proxy_username, user);
  pack.set_str(Pack::proxy_password, text(g_uri_get_password(uri)));
  pack.set_bool(Pack::proxy_hostnames, true);
  pack.set_bool(Pack::proxy_peer_connections, true);
  pack.set_bool(Pack::proxy_tracker_connections, true);
  g_uri_unref(uri);
}

}  // namespace

lt::settings_pack utp_pack(bool is_on)
{
  Pack pack;
  pack.set_bool(Pack::enable_outgoing_utp, is_on);
  pack.set_bool(Pack::enable_incoming_utp, is_on);
  return pack;
}

lt::settings_pack settings_pack_of(const SessionSettings &settings)
{
  auto pack = utp_pack(settings.utp == Utp::on);
  be_quick(pack);
  encrypt(pack, settings.encryption);
  use_proxy(pack, settings.proxy);
  pack.set_str(Pack::user_agent, PACKAGE "/" VERSION);
  pack.set_str(Pack::listen_interfaces, with_one_port(settings.listen_interfaces));
  pack.set_bool(Pack::enable_dht, settings.dht);
  pack.set_bool(Pack::enable_lsd, settings.lsd);
  pack.set_bool(Pack::enable_upnp, settings.upnp);
  pack.set_bool(Pack::enable_natpmp, settings.natpmp);
  pack.set_bool(Pack::anonymous_mode, settings.anonymous);
  pack.set_int(
      Pack::alert_mask,
      int(static_cast<std::uint32_t>(lt::alert_category::error | lt::alert_category::status |
                                     lt::alert_category::connect | lt::alert_category::storage |
                                     lt::alert_category::piece_progress)));
  return pack;
}

}  // namespace kam::torrent
