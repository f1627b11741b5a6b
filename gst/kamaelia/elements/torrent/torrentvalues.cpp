// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/torrentvalues.hpp"

#include <array>

namespace kam {

torrent::SessionSettings session_settings(const TorrentNetworkValues &values)
{
  return {.listen_interfaces = values.listen_interfaces,
          .dht = values.dht,
          .lsd = values.lsd,
          .upnp = values.upnp,
          .natpmp = values.natpmp,
          .pex = values.pex,
          .utp = values.utp,
          .encryption = values.encryption,
          .proxy = values.proxy,
          .anonymous = values.anonymous};
}

torrent::TorrentLimits torrent_limits(const TorrentNetworkValues &values)
{
  return {.download = 0, .upload = values.upload_limit, .connections = values.max_connections};
}

bool is_proxy(const std::string &address)
{
  if (address.empty())
    return true;
  const glue::Owned<GUri, g_uri_unref> uri{
      g_uri_parse(address.c_str(), G_URI_FLAGS_HAS_PASSWORD, nullptr)};
  const auto *host = uri ? g_uri_get_host(uri.get()) : nullptr;
  if (!host || !*host)
    return false;
  const std::string_view scheme = g_uri_get_scheme(uri.get());
  return scheme == "socks5" || scheme == "socks4" || scheme == "http";
}

std::shared_ptr<torrent::TorrentSession> acquire_session(GstElement *element,
                                                         const TorrentNetworkValues &values)
{
  const auto wanted = session_settings(values);
  auto session = torrent::TorrentSession::acquire(wanted);
  if (session->settings() != wanted)
    GST_ELEMENT_WARNING(element, LIBRARY, SETTINGS,
                        ("Another torrent is open in this program with other network settings, "
                         "which are used."),
                        ("one session serves the process"));
  return session;
}

void post_failure(GstElement *element, const torrent::Failure &failure)
{
  using Kind = torrent::Failure::Kind;
  GQuark domain = GST_RESOURCE_ERROR;
  gint code = GST_RESOURCE_ERROR_FAILED;
  switch (failure.kind) {
  case Kind::not_found: code = GST_RESOURCE_ERROR_NOT_FOUND; break;
  case Kind::no_space: code = GST_RESOURCE_ERROR_NO_SPACE_LEFT; break;
  case Kind::open_write: code = GST_RESOURCE_ERROR_OPEN_WRITE; break;
  case Kind::read: code = GST_RESOURCE_ERROR_READ; break;
  case Kind::settings: code = GST_RESOURCE_ERROR_SETTINGS; break;
  case Kind::format:
    domain = GST_STREAM_ERROR;
    code = GST_STREAM_ERROR_WRONG_TYPE;
    break;
  }
  // It takes both texts over.
  gst_element_message_full(element, GST_MESSAGE_ERROR, domain, code,
                           g_strdup(failure.text.c_str()), g_strdup(failure.detail.c_str()),
                           __FILE__, G_STRFUNC, __LINE__);
}

}  // namespace kam

GType kam::glue::GTypeOf<kam::torrent::Utp>::type()
{
  using kam::torrent::Utp;
  static constexpr std::array<GEnumValue, 4> values{{
      {static_cast<gint>(Utp::off), "Never: TCP is quicker where nothing is in its way", "off"},
      {static_cast<gint>(Utp::on), "Always: it gives way to other traffic", "on"},
      {static_cast<gint>(Utp::automatic), "When no peer can be reached by TCP", "auto"},
      {},
  }};
  static const GType type = register_enum("KamTorrentUtp", values.data());
  return type;
}

GType kam::glue::GTypeOf<kam::torrent::Encryption>::type()
{
  using kam::torrent::Encryption;
  static constexpr std::array<GEnumValue, 4> values{{
      {static_cast<gint>(Encryption::off), "Plain connections only", "off"},
      {static_cast<gint>(Encryption::allowed), "As the peer likes it", "allowed"},
      {static_cast<gint>(Encryption::forced), "RC4 only; costs twice the time", "forced"},
      {},
  }};
  static const GType type = register_enum("KamTorrentEncryption", values.data());
  return type;
}
