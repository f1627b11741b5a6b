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

namespace {

using SharedSession = std::shared_ptr<torrent::TorrentSession>;

// A share in the session, for a GstContext.
GType session_type()
{
  static const GType type = [] {
    if (const auto known = g_type_from_name("KamTorrentSession"); known != 0)
      return known;
    return g_boxed_type_register_static(
        "KamTorrentSession",
        [](gpointer box) -> gpointer {
          return new SharedSession{*static_cast<SharedSession *>(box)};
        },
        [](gpointer box) { delete static_cast<SharedSession *>(box); });
  }();
  return type;
}

// An application that keeps the message's context keeps the session: its port, its peers, what
// it knows of the network.
void offer_session(GstElement *element, const SharedSession &session)
{
  auto *context = gst_context_new(torrent_session_context, TRUE);
  gst_structure_set(gst_context_writable_structure(context), "session", session_type(),
                    &session, nullptr);
  gst_element_post_message(element, gst_message_new_have_context(GST_OBJECT(element), context));
}

}  // namespace

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
  offer_session(element, session);
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
