// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radiodialler.hpp"

#include "elements/http/radio/radioaddress.hpp"

namespace kam::http {
namespace {

using glue::Ref;
using glue::StringPtr;
using Kind = RadioFailure::Kind;

// The address of a proxy as GIO takes it, with who we are to it.
std::string with_user(const std::string &address, const std::string &user,
                      const std::string &password)
{
  const UriPtr uri{g_uri_parse(address.c_str(), G_URI_FLAGS_HAS_PASSWORD, nullptr)};
  if (!uri || user.empty())
    return address;
  const StringPtr named{g_uri_join_with_user(
      G_URI_FLAGS_NONE, g_uri_get_scheme(uri.get()), user.c_str(), password.c_str(), nullptr,
      g_uri_get_host(uri.get()), g_uri_get_port(uri.get()), "", nullptr, nullptr)};
  return named.get();
}

gboolean accept_certificate(GTlsConnection *, GTlsCertificate *, GTlsCertificateFlags, gpointer)
{
  return TRUE;
}

// Whom to trust, and who answers questions.
struct TlsWishes {
  Ref<GTlsDatabase> database;
  Ref<GTlsInteraction> interaction;
  bool strict = true;
};

// Before the handshake is the only time to tell GIO.
void prepare_tls(GSocketClient *, GSocketClientEvent event, GSocketConnectable *,
                 GIOStream *stream, gpointer data)
{
  if (event != G_SOCKET_CLIENT_TLS_HANDSHAKING)
    return;
  const auto &wishes = *static_cast<const TlsWishes *>(data);
  if (wishes.database)
    g_tls_connection_set_database(G_TLS_CONNECTION(stream), wishes.database.get());
  if (wishes.interaction)
    g_tls_connection_set_interaction(G_TLS_CONNECTION(stream), wishes.interaction.get());
  if (!wishes.strict)
    g_signal_connect(stream, "accept-certificate", G_CALLBACK(accept_certificate), nullptr);
}

// Connects in a thread that nobody waits for once it is cancelled: to read what the system
// trusts, or to ask a smart card, takes its time and is not interrupted. What that thread has
// stays cancelled, while ours may be reset at once.
GSocketConnection *connect_apart(GSocketClient *client, GSocketConnectable *target,
                                 GCancellable *cancellable, GError **error)
{
  const auto cancelled = Ref<GCancellable>::adopt(g_cancellable_new());
  const auto forwarding = g_cancellable_connect(
      cancellable,
      G_CALLBACK(+[](GCancellable *, GCancellable *other) { g_cancellable_cancel(other); }),
      g_object_ref(cancelled.get()), g_object_unref);
  const auto task = Ref<GTask>::adopt(g_task_new(client, cancelled.get(), nullptr, nullptr));
  g_task_set_return_on_cancel(task.get(), TRUE);
  g_task_set_task_data(task.get(), g_object_ref(target), g_object_unref);
  g_task_run_in_thread_sync(
      task.get(), [](GTask *connecting, gpointer with, gpointer to, GCancellable *until) {
        GError *why = nullptr;
        auto *connection = g_socket_client_connect(G_SOCKET_CLIENT(with),
                                                   G_SOCKET_CONNECTABLE(to), until, &why);
        if (connection)
          g_task_return_pointer(connecting, connection, g_object_unref);
        else
          g_task_return_error(connecting, why);
      });
  g_cancellable_disconnect(cancellable, forwarding);
  return static_cast<GSocketConnection *>(g_task_propagate_pointer(task.get(), error));
}

// The address of the proxy, empty if there is none.
std::string find_proxy(GUri *uri, const RadioOptions &options, GCancellable *cancellable)
{
  if (!options.proxy.empty())
    return options.proxy.find("://") == std::string::npos ? "http://" + options.proxy
                                                          : options.proxy;
  const auto origin = origin_of(uri);
  const glue::Owned<gchar *, g_strfreev> proxies{g_proxy_resolver_lookup(
      g_proxy_resolver_get_default(), origin.c_str(), cancellable, nullptr)};
  if (!proxies || !*proxies || g_str_equal(*proxies, "direct://"))
    return {};
  return *proxies;
}

}  // namespace

std::variant<Dialled, RadioFailure> dial(GUri *uri, const RadioOptions &options,
                                         GCancellable *cancellable)
{
  const auto client = Ref<GSocketClient>::adopt(g_socket_client_new());
  g_socket_client_set_timeout(client.get(), options.connect_timeout);
  g_socket_client_set_tls(client.get(), is_tls(uri));
  g_signal_connect_data(
      client.get(), "event", G_CALLBACK(prepare_tls),
      new TlsWishes{options.tls_database, options.tls_interaction, options.ssl_strict},
      [](gpointer wishes, GClosure *) { delete static_cast<TlsWishes *>(wishes); },
      GConnectFlags(0));
  const auto proxy = find_proxy(uri, options, cancellable);
  const bool through_proxy = !is_tls(uri) && proxy.starts_with("http://");
  g_socket_client_set_enable_proxy(client.get(), !proxy.empty() && !through_proxy);
  if (!proxy.empty() && !through_proxy) {
    const auto named = with_user(proxy, options.proxy_id, options.proxy_password);
    const auto resolver =
        Ref<GProxyResolver>::adopt(g_simple_proxy_resolver_new(named.c_str(), nullptr));
    g_socket_client_set_proxy_resolver(client.get(), resolver.get());
  }
  const auto peer = through_proxy ? parse_radio_address(proxy) : UriPtr{g_uri_ref(uri)};
  if (!peer)
    return RadioFailure{Kind::unreachable, 0, "no address of a proxy: " + proxy};
  // A proxy resolver is asked about an address, so a bare host would not do.
  g_autoptr(GError) error = nullptr;
  const auto target = Ref<GSocketConnectable>::adopt(G_SOCKET_CONNECTABLE(
      g_object_new(G_TYPE_NETWORK_ADDRESS, "scheme", g_uri_get_scheme(peer.get()), "hostname",
                   g_uri_get_host(peer.get()), "port", guint{port_of(peer.get())}, nullptr)));
  const auto connect = is_tls(uri) ? connect_apart : g_socket_client_connect;
  auto *connection = connect(client.get(), target.get(), cancellable, &error);
  if (!connection)
    return failure_of(error, Kind::unreachable, cancellable);
  return Dialled{Ref<GSocketConnection>::adopt(connection), through_proxy};
}

}  // namespace kam::http
