// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radioconnection.hpp"

#include "core/http/uri.hpp"
#include "core/utf8.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace kam::http {
namespace {

using glue::Ref;
using glue::StringPtr;
using Kind = RadioFailure::Kind;

constexpr std::size_t read_size = 4096;

// Our schemes are HTTP by other names.
std::string http_address(const std::string &address)
{
  const StringPtr scheme{g_uri_parse_scheme(address.c_str())};
  if (!scheme)
    return address;
  const std::string_view name{scheme.get()};
  for (const std::string_view plain : {"icy", "icecast", "icyx"})
    if (name == plain)
      return "http" + address.substr(name.size());
  for (const std::string_view tls : {"icys", "icecasts", "icyxs"})
    if (name == tls)
      return "https" + address.substr(name.size());
  return address;
}

UriPtr parse(const std::string &address)
{
  UriPtr uri{g_uri_parse(escaped_uri(http_address(address)).c_str(),
                         GUriFlags(SOUP_HTTP_URI_FLAGS), nullptr)};
  if (!uri || !g_uri_get_host(uri.get()) || !*g_uri_get_host(uri.get()))
    return {};
  const std::string_view scheme{g_uri_get_scheme(uri.get())};
  return scheme == "http" || scheme == "https" ? std::move(uri) : UriPtr{};
}

bool is_tls(GUri *uri)
{
  return g_str_equal(g_uri_get_scheme(uri), "https");
}

guint16 port_of(GUri *uri)
{
  const auto port = g_uri_get_port(uri);
  return port > 0 ? static_cast<guint16>(port) : is_tls(uri) ? 443 : 80;
}

// "host:port", as in a Host field; the port may be left out if it is the usual one.
std::string host_and_port(GUri *uri)
{
  std::string host{g_uri_get_host(uri)};
  if (host.find(':') != std::string::npos)
    host = "[" + host + "]";
  const bool usual = port_of(uri) == (is_tls(uri) ? 443 : 80);
  return usual ? host : host + ":" + std::to_string(port_of(uri));
}

std::string origin_of(GUri *uri)
{
  return std::string{g_uri_get_scheme(uri)} + "://" + host_and_port(uri);
}

std::string target_of(GUri *uri)
{
  std::string target{g_uri_get_path(uri)};
  if (!target.starts_with('/'))
    target.insert(0, "/");
  if (const auto *query = g_uri_get_query(uri))
    target.append("?").append(query);
  return target;
}

// What the user wrote cannot end a line of the request.
std::string one_line(std::string text)
{
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  return text;
}

std::string basic(const std::string &user, const std::string &password)
{
  const auto pair = user + ":" + password;
  const StringPtr encoded{
      g_base64_encode(reinterpret_cast<const guchar *>(pair.data()), pair.size())};
  return std::string{"Basic "} + encoded.get();
}

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

bool is_redirect(unsigned status)
{
  constexpr std::array redirects{301U, 302U, 303U, 307U, 308U};
  return std::ranges::find(redirects, status) != redirects.end();
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

}  // namespace

RadioConnection::RadioConnection(GCancellable *cancellable)
    : cancellable_{Ref<GCancellable>::share(cancellable)},
      cookies_{Ref<SoupCookieJar>::adopt(soup_cookie_jar_new())}
{
  if (!g_cancellable_make_pollfd(cancellable, &cancelled_))
    cancelled_.fd = -1;
}

RadioConnection::~RadioConnection()
{
  close();
  if (cancelled_.fd >= 0)
    g_cancellable_release_fd(cancellable_.get());
}

RadioFailure RadioConnection::failure_of(const GError *error, Kind otherwise) const
{
  auto kind = otherwise;
  if (g_cancellable_is_cancelled(cancellable_.get()))
    kind = Kind::cancelled;
  else if (error && error->domain == G_TLS_ERROR && error->code == G_TLS_ERROR_BAD_CERTIFICATE)
    kind = Kind::insecure;
  else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    kind = otherwise == Kind::unreachable ? Kind::unreachable : Kind::stalled;
  return {kind, 0, error ? error->message : ""};
}

std::optional<RadioFailure> RadioConnection::open(const std::string &address,
                                                  const Options &options)
{
  close();
  auto uri = parse(address);
  if (!uri)
    return RadioFailure{Kind::bad_address, 0, "cannot fetch from " + address};
  first_origin_ = origin_of(uri.get());
  bool answered = false;
  for (unsigned redirects = 0; redirects <= options.max_redirects;) {
    close();
    is_first_origin_ = origin_of(uri.get()) == first_origin_;
    const StringPtr shown{g_uri_to_string_partial(
        uri.get(), GUriHideFlags(G_URI_HIDE_USERINFO | G_URI_HIDE_FRAGMENT))};
    address_ = shown.get();
    if (auto failure = exchange(uri.get(), options)) {
      close();
      return failure;
    }
    if (head_.status == SOUP_STATUS_OK)
      return begin_body();
    if (head_.status == SOUP_STATUS_UNAUTHORIZED && !answered) {
      answered = true;
      if (answer_challenge(uri.get(), options))
        continue;
    }
    const auto *location = is_redirect(head_.status) ? head_.find("location") : nullptr;
    if (!location) {
      close();
      return RadioFailure{Kind::refused, head_.status, utf8_of(head_.reason)};
    }
    const auto target = resolve_uri(address_, escaped_uri(*location));
    uri = target ? parse(*target) : UriPtr{};
    if (!uri) {
      close();
      return RadioFailure{Kind::bad_address, 0, "redirected to " + escaped_uri(*location)};
    }
    answered = false;
    ++redirects;
  }
  close();
  return RadioFailure{Kind::too_many_redirects, 0,
                      "after " + std::to_string(options.max_redirects) + " redirects"};
}

std::optional<RadioFailure> RadioConnection::exchange(GUri *uri, const Options &options)
{
  if (auto failure = connect(uri, options))
    return failure;
  if (auto failure = send_request(uri, options))
    return failure;
  if (auto failure = receive_head(options))
    return failure;
  take_cookies(uri);
  return std::nullopt;
}

// The address of the proxy, empty if there is none.
std::string RadioConnection::find_proxy(GUri *uri, const Options &options)
{
  if (!options.proxy.empty())
    return options.proxy.find("://") == std::string::npos ? "http://" + options.proxy
                                                          : options.proxy;
  const auto origin = origin_of(uri);
  const glue::Owned<gchar *, g_strfreev> proxies{g_proxy_resolver_lookup(
      g_proxy_resolver_get_default(), origin.c_str(), cancellable_.get(), nullptr)};
  if (!proxies || !*proxies || g_str_equal(*proxies, "direct://"))
    return {};
  return *proxies;
}

std::optional<RadioFailure> RadioConnection::connect(GUri *uri, const Options &options)
{
  const auto client = Ref<GSocketClient>::adopt(g_socket_client_new());
  g_socket_client_set_timeout(client.get(), options.connect_timeout);
  g_socket_client_set_tls(client.get(), is_tls(uri));
  g_signal_connect_data(
      client.get(), "event", G_CALLBACK(prepare_tls),
      new TlsWishes{options.tls_database, options.tls_interaction, options.ssl_strict},
      [](gpointer wishes, GClosure *) { delete static_cast<TlsWishes *>(wishes); },
      GConnectFlags(0));
  const auto proxy = find_proxy(uri, options);
  through_proxy_ = !is_tls(uri) && proxy.starts_with("http://");
  g_socket_client_set_enable_proxy(client.get(), !proxy.empty() && !through_proxy_);
  if (!proxy.empty() && !through_proxy_) {
    const auto named = with_user(proxy, options.proxy_id, options.proxy_password);
    const auto resolver =
        Ref<GProxyResolver>::adopt(g_simple_proxy_resolver_new(named.c_str(), nullptr));
    g_socket_client_set_proxy_resolver(client.get(), resolver.get());
  }
  const auto peer = through_proxy_ ? parse(proxy) : UriPtr{g_uri_ref(uri)};
  if (!peer)
    return RadioFailure{Kind::unreachable, 0, "no address of a proxy: " + proxy};
  // A proxy resolver is asked about an address, so a bare host would not do.
  g_autoptr(GError) error = nullptr;
  const auto target = Ref<GSocketConnectable>::adopt(G_SOCKET_CONNECTABLE(
      g_object_new(G_TYPE_NETWORK_ADDRESS, "scheme", g_uri_get_scheme(peer.get()), "hostname",
                   g_uri_get_host(peer.get()), "port", guint{port_of(peer.get())}, nullptr)));
  const auto connect = is_tls(uri) ? connect_apart : g_socket_client_connect;
  auto *connection = connect(client.get(), target.get(), cancellable_.get(), &error);
  if (!connection)
    return failure_of(error, Kind::unreachable);
  stream_ = Ref<GIOStream>::adopt(G_IO_STREAM(connection));
  socket_ = Ref<GSocket>::share(g_socket_connection_get_socket(connection));
  g_socket_set_timeout(socket_.get(), options.timeout);
  g_socket_set_keepalive(socket_.get(), TRUE);
  constexpr std::uint64_t second = 1'000'000'000;
  silence_ns_ = options.timeout > 0 ? std::optional{options.timeout * second} : std::nullopt;
  if (!is_tls(uri))
    reader_.emplace(g_socket_get_fd(socket_.get()), cancelled_.fd);
  return std::nullopt;
}

// Who we are, for those who have a right to know.
void RadioConnection::set_identity(GUri *uri, const Options &options)
{
  const auto add = [this](const char *name, std::string value) {
    request_fields_.emplace_back(name, one_line(std::move(value)));
  };
  if (auth_ && auth_origin_ == origin_of(uri)) {
    const auto message = Ref<SoupMessage>::adopt(soup_message_new_from_uri("GET", uri));
    if (const StringPtr answer{soup_auth_get_authorization(auth_.get(), message.get())})
      add("Authorization", answer.get());
  }
  if (through_proxy_ && !options.proxy_id.empty())
    add("Proxy-Authorization", basic(options.proxy_id, options.proxy_password));
  const StringPtr from_jar{soup_cookie_jar_get_cookies(cookies_.get(), uri, TRUE)};
  std::string cookies = from_jar ? from_jar.get() : "";
  if (is_first_origin_)
    for (const auto &cookie : options.cookies)
      cookies.append(cookies.empty() ? "" : "; ").append(cookie);
  if (!cookies.empty())
    add("Cookie", cookies);
}

std::optional<RadioFailure> RadioConnection::send_request(GUri *uri, const Options &options)
{
  request_fields_ = {{"Host", host_and_port(uri)},
                     {"Accept", "*/*"},
                     {"Accept-Encoding", "identity"},
                     {"Connection", "close"}};
  if (!options.user_agent.empty())
    request_fields_.emplace_back("User-Agent", one_line(options.user_agent));
  if (options.ask_for_titles)
    request_fields_.emplace_back("Icy-MetaData", "1");
  set_identity(uri, options);
  for (const auto &[name, value] : options.extra_headers) {
    const bool secret = g_ascii_strcasecmp(name.c_str(), "authorization") == 0 ||
                        g_ascii_strcasecmp(name.c_str(), "cookie") == 0;
    if (is_first_origin_ || !secret)
      request_fields_.emplace_back(one_line(name), one_line(value));
  }
  std::string request = "GET ";
  if (through_proxy_)
    request += origin_of(uri);
  request += target_of(uri) + " HTTP/1.1\r\n";
  for (const auto &[name, value] : request_fields_)
    request.append(name).append(": ").append(value).append("\r\n");
  request += "\r\n";
  g_autoptr(GError) error = nullptr;
  if (!g_output_stream_write_all(g_io_stream_get_output_stream(stream_.get()), request.data(),
                                 request.size(), nullptr, cancellable_.get(), &error))
    return failure_of(error, Kind::lost);
  return std::nullopt;
}

std::optional<RadioFailure> RadioConnection::receive_head(const Options &options)
{
  // A server that sends a byte now and then does not get longer than one that sends none.
  const auto deadline = g_get_monotonic_time() + gint64{options.timeout} * G_TIME_SPAN_SECOND;
  constexpr int most_interim = 16;
  early_.clear();
  early_used_ = 0;
  std::size_t used = 0;
  for (int heads = 0; heads < most_interim; ++heads) {
    ResponseHeadParser parser{{}};
    while (parser.state() == ResponseHeadParser::State::reading) {
      used += parser.feed(Bytes{early_}.subspan(used));
      if (parser.state() != ResponseHeadParser::State::reading)
        break;
      if (options.timeout > 0 && g_get_monotonic_time() > deadline)
        return RadioFailure{Kind::stalled, 0, "no whole response head"};
      early_.resize(read_size);
      used = 0;
      const auto got = read_raw(early_);
      if (const auto *failure = std::get_if<RadioFailure>(&got))
        return *failure;
      early_.resize(std::get<std::size_t>(got));
      if (early_.empty())
        return RadioFailure{Kind::lost, 0, "closed before there was a response"};
    }
    if (parser.state() == ResponseHeadParser::State::faulty)
      return RadioFailure{Kind::no_http, 0,
                          parser.fault() == HeadFault::too_large ? "the head is too large"
                                                                 : "no HTTP response"};
    head_ = parser.head();
    early_used_ = used;
    if (head_.status >= 200 || head_.status == SOUP_STATUS_SWITCHING_PROTOCOLS)
      return std::nullopt;
  }
  return RadioFailure{Kind::no_http, 0, "nothing but interim responses"};
}

std::optional<RadioFailure> RadioConnection::begin_body()
{
  chunked_.reset();
  left_.reset();
  if (const auto *encoding = head_.find("transfer-encoding");
      encoding && g_ascii_strcasecmp(encoding->c_str(), "identity") != 0) {
    if (g_ascii_strcasecmp(encoding->c_str(), "chunked") != 0) {
      close();
      return RadioFailure{Kind::no_http, 0, "unknown transfer encoding"};
    }
    chunked_.emplace();
  } else if (const auto *length = head_.find("content-length")) {
    left_ = decimal(*length);
  }
  return std::nullopt;
}

bool RadioConnection::answer_challenge(GUri *uri, const Options &options)
{
  std::string user{g_uri_get_user(uri) ? g_uri_get_user(uri) : ""};
  std::string password{g_uri_get_password(uri) ? g_uri_get_password(uri) : ""};
  if (user.empty() && is_first_origin_) {
    user = options.user_id;
    password = options.user_password;
  }
  if (user.empty())
    return false;
  const auto message = Ref<SoupMessage>::adopt(soup_message_new_from_uri("GET", uri));
  for (const auto &[scheme, type] :
       {std::pair{"Digest", SOUP_TYPE_AUTH_DIGEST}, std::pair{"Basic", SOUP_TYPE_AUTH_BASIC}}) {
    for (const auto &field : head_.fields) {
      if (field.key != "www-authenticate" ||
          g_ascii_strncasecmp(field.value.c_str(), scheme, std::strlen(scheme)) != 0 ||
          !is_utf8(field.value))
        continue;
      auth_ = Ref<SoupAuth>::adopt(soup_auth_new(type, message.get(), field.value.c_str()));
      if (!auth_)
        continue;
      soup_auth_authenticate(auth_.get(), user.c_str(), password.c_str());
      auth_origin_ = origin_of(uri);
      return true;
    }
  }
  return false;
}

void RadioConnection::take_cookies(GUri *uri)
{
  for (const auto &field : head_.fields)
    if (field.key == "set-cookie" && is_utf8(field.value))
      soup_cookie_jar_set_cookie(cookies_.get(), uri, field.value.c_str());
}

std::variant<std::size_t, RadioFailure> RadioConnection::read_socket(MutableBytes bytes)
{
  const auto got = reader_->read(bytes, silence_ns_);
  if (const auto *size = std::get_if<std::size_t>(&got))
    return *size;
  if (const auto *error = std::get_if<net::Error>(&got))
    return RadioFailure{Kind::lost, 0, error->what};
  return std::get<net::StreamReader::Interruption>(got) ==
                 net::StreamReader::Interruption::silent
             ? RadioFailure{Kind::stalled, 0, "nothing came"}
             : RadioFailure{Kind::cancelled, 0, ""};
}

std::variant<std::size_t, RadioFailure> RadioConnection::read_raw(MutableBytes bytes)
{
  if (reader_)
    return read_socket(bytes);
  g_autoptr(GError) error = nullptr;
  const auto size = g_input_stream_read(g_io_stream_get_input_stream(stream_.get()),
                                        bytes.data(), bytes.size(), cancellable_.get(), &error);
  if (size >= 0)
    return static_cast<std::size_t>(size);
  // Many a server does not say goodbye in TLS.
  if (g_error_matches(error, G_TLS_ERROR, G_TLS_ERROR_EOF))
    return std::size_t{0};
  return failure_of(error, Kind::lost);
}

// What came with the head, and then what comes.
std::variant<std::size_t, RadioFailure> RadioConnection::read_wire(MutableBytes bytes)
{
  if (early_used_ == early_.size())
    return read_raw(bytes);
  const auto size = std::min(bytes.size(), early_.size() - early_used_);
  std::memcpy(bytes.data(), early_.data() + early_used_, size);
  early_used_ += size;
  return size;
}

std::variant<std::size_t, RadioFailure> RadioConnection::read(MutableBytes bytes)
{
  for (;;) {
    if (chunked_ && chunked_->broken())
      return RadioFailure{Kind::truncated, 0, "the body is not in chunks as was announced"};
    if (left_ == 0U || (chunked_ && chunked_->finished()))
      return std::size_t{0};
    auto got = read_wire(bytes);
    if (std::holds_alternative<RadioFailure>(got))
      return got;
    auto size = std::get<std::size_t>(got);
    if (size == 0 && (chunked_ || left_))
      return RadioFailure{Kind::truncated, 0, "the body is shorter than was announced"};
    if (size == 0)
      return size;
    if (chunked_) {
      size = chunked_->decode(bytes.first(size));
    } else if (left_) {
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, *left_));
      *left_ -= size;
    }
    if (size > 0)
      return size;
  }
}

// The socket first: then no layer above it waits for an answer to its goodbye.
void RadioConnection::close()
{
  if (socket_)
    g_socket_close(socket_.get(), nullptr);
  reader_.reset();
  socket_ = {};
  stream_ = {};
}

}  // namespace kam::http
