// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/client/fetcher.hpp"

#include "core/http/uri.hpp"
#include "core/utf8.hpp"
#include "elements/http/client/tlstrust.hpp"

#include <algorithm>
#include <string_view>

namespace kam {
namespace {

using ErrorPtr = glue::Owned<GError, g_error_free>;
using UriPtr = glue::Owned<GUri, g_uri_unref>;

// RFC 9110, section 5.6.2.
bool is_token(std::string_view text)
{
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return g_ascii_isalnum(c) ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

// Whether it may stand in a request. How long that is, and where it ends, is not the user's to
// say.
bool is_header(std::string_view name, std::string_view value)
{
  for (const std::string_view ours : {"content-length", "transfer-encoding"})
    if (name.size() == ours.size() &&
        g_ascii_strncasecmp(name.data(), ours.data(), name.size()) == 0)
      return false;
  return is_token(name) && std::ranges::none_of(value, [](char c) {
           return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
         });
}

UriPtr parse_uri(const std::string &text)
{
  UriPtr uri{
      g_uri_parse(http::escaped_uri(text).c_str(), GUriFlags(SOUP_HTTP_URI_FLAGS), nullptr)};
  if (!uri)
    return nullptr;
  const std::string_view scheme = g_uri_get_scheme(uri.get());
  const char *host = g_uri_get_host(uri.get());
  if ((scheme != "http" && scheme != "https") || !host || !*host)
    return nullptr;
  return uri;
}

// Where a request goes: what was meant for one server is not told to another.
std::string host_of(SoupMessage *message)
{
  auto *uri = soup_message_get_uri(message);
  return std::string{g_uri_get_scheme(uri)} + "://" + g_uri_get_host(uri) + ":" +
         std::to_string(g_uri_get_port(uri));
}

glue::Ref<GProxyResolver> resolver_for(const std::string &proxy)
{
  const bool complete = proxy.find("://") != std::string::npos;
  return glue::Ref<GProxyResolver>::adopt(g_simple_proxy_resolver_new(
      complete ? proxy.c_str() : ("http://" + proxy).c_str(), nullptr));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> headers_in(const GstStructure *structure)
{
  std::vector<std::pair<std::string, std::string>> headers;
  if (!structure)
    return headers;
  const auto add = [&headers](const char *name, const GValue *value) {
    const char *text = G_VALUE_HOLDS_STRING(value) ? g_value_get_string(value) : nullptr;
    if (text && is_header(name, text))
      headers.emplace_back(name, text);
  };
  for (int i = 0; i < gst_structure_n_fields(structure); ++i) {
    const char *name = gst_structure_nth_field_name(structure, static_cast<guint>(i));
    const auto *value = gst_structure_get_value(structure, name);
    if (GST_VALUE_HOLDS_ARRAY(value)) {
      for (guint k = 0; k < gst_value_array_get_size(value); ++k)
        add(name, gst_value_array_get_value(value, k));
    } else if (GST_VALUE_HOLDS_LIST(value)) {
      for (guint k = 0; k < gst_value_list_get_size(value); ++k)
        add(name, gst_value_list_get_value(value, k));
    } else {
      add(name, value);
    }
  }
  return headers;
}

Fetcher::Fetcher(FetchSettings settings)
    : settings_{std::move(settings)}, session_{Object<SoupSession>::adopt(soup_session_new())}
{
  g_object_set(session_.get(), "timeout", settings_.timeout_s, "user-agent",
               settings_.user_agent.c_str(), nullptr);
  if (!settings_.proxy.empty())
    g_object_set(session_.get(), "proxy-resolver", resolver_for(settings_.proxy).get(),
                 nullptr);
  if (settings_.tls_database)
    g_object_set(session_.get(), "tls-database", settings_.tls_database.get(), nullptr);
  if (settings_.tls_interaction)
    g_object_set(session_.get(), "tls-interaction", settings_.tls_interaction.get(), nullptr);
  if (!settings_.compress)
    soup_session_remove_feature_by_type(session_.get(), SOUP_TYPE_CONTENT_DECODER);
}

bool Fetcher::open(const FetchRequest &request, GCancellable *cancellable)
{
  close(cancellable);
  response_ = {};
  response_.uri = request.uri;
  too_many_redirects_ = false;
  if (!is_token(request.method)) {
    response_.error =
        std::string{"\""}.append(utf8_of(request.method)) + "\" is no HTTP method";
    return false;
  }
  message_ = message_for(request);
  if (!message_) {
    response_.error = "this is no HTTP address";
    return false;
  }
  add_headers(request);
  connect_signals();
  host_ = host_of(message_.get());
  cancellable_ = cancellable;
  prepare_tls();
  GError *error = nullptr;
  body_ = Object<GInputStream>::adopt(
      soup_session_send(session_.get(), message_.get(), cancellable, &error));
  cancellable_ = nullptr;
  const ErrorPtr owned_error{error};
  if (body_ && !too_many_redirects_) {
    take_head();
    return true;
  }
  response_.error = words_for(error);
  close(cancellable);
  return false;
}

Fetcher::Object<SoupMessage> Fetcher::message_for(const FetchRequest &request) const
{
  const auto uri = parse_uri(request.uri);
  if (!uri)
    return {};
  auto message =
      Object<SoupMessage>::adopt(soup_message_new_from_uri(request.method.c_str(), uri.get()));
  if (request.body && g_bytes_get_size(request.body.get()) > 0)
    soup_message_set_request_body_from_bytes(message.get(), request.content_type.c_str(),
                                             request.body.get());
  if (!settings_.automatic_redirect)
    soup_message_add_flags(message.get(), SOUP_MESSAGE_NO_REDIRECT);
  return message;
}

void Fetcher::add_headers(const FetchRequest &request)
{
  auto *headers = soup_message_get_request_headers(message_.get());
  std::string cookies;
  for (const auto &cookie : settings_.cookies)
    if (is_header("Cookie", cookie))
      cookies += (cookies.empty() ? "" : "; ") + cookie;
  if (!cookies.empty())
    soup_message_headers_append(headers, "Cookie", cookies.c_str());
  // Those of the request come instead of those that all requests have.
  for (const auto &[name, value] : headers_in(settings_.extra_headers.get()))
    soup_message_headers_append(headers, name.c_str(), value.c_str());
  for (const auto &[name, value] : request.headers)
    soup_message_headers_remove(headers, name.c_str());
  for (const auto &[name, value] : request.headers)
    if (is_header(name, value))
      soup_message_headers_append(headers, name.c_str(), value.c_str());
}

void Fetcher::connect_signals()
{
  g_signal_connect(message_.get(), "authenticate",
                   G_CALLBACK(+[](SoupMessage *, SoupAuth *auth, gboolean retrying,
                                  Fetcher *self) noexcept -> gboolean {
                     return self->authenticate(auth, retrying);
                   }),
                   this);
  g_signal_connect(message_.get(), "restarted",
                   G_CALLBACK(+[](SoupMessage *, Fetcher *self) noexcept { self->restart(); }),
                   this);
  if (!settings_.ssl_strict)
    g_signal_connect(message_.get(), "accept-certificate",
                     G_CALLBACK(+[](SoupMessage *, GTlsCertificate *, GTlsCertificateFlags,
                                    Fetcher *) noexcept -> gboolean { return TRUE; }),
                     this);
}

bool Fetcher::authenticate(SoupAuth *auth, bool retrying) const
{
  const bool proxy = soup_auth_is_for_proxy(auth);
  const auto &user = proxy ? settings_.proxy_id : settings_.user_id;
  const auto &password = proxy ? settings_.proxy_pw : settings_.user_pw;
  if (retrying || user.empty())
    return false;
  soup_auth_authenticate(auth, user.c_str(), password.c_str());
  return true;
}

void Fetcher::prepare_tls() const
{
  if (host_.starts_with("https:"))
    load_trusted_certificates(cancellable_);
}

// Called before a request is sent once more: to where it was redirected, or with credentials.
void Fetcher::restart()
{
  if (auto host = host_of(message_.get()); host != host_) {
    host_ = std::move(host);
    auto *headers = soup_message_get_request_headers(message_.get());
    for (const auto *secret : {"Authorization", "Cookie"})
      soup_message_headers_remove(headers, secret);
    prepare_tls();
  }
  if (++response_.redirects <= settings_.max_redirects)
    return;
  too_many_redirects_ = true;
  g_cancellable_cancel(cancellable_);
}

void Fetcher::take_head()
{
  response_.status = soup_message_get_status(message_.get());
  const char *reason = soup_message_get_reason_phrase(message_.get());
  response_.reason = utf8_of(reason ? reason : "");
  const glue::StringPtr uri{
      g_uri_to_string_partial(soup_message_get_uri(message_.get()), G_URI_HIDE_PASSWORD)};
  response_.uri = uri.get();
  soup_message_headers_foreach(
      soup_message_get_response_headers(message_.get()),
      [](const char *name, const char *value, gpointer self) {
        auto &response = static_cast<Fetcher *>(self)->response_;
        response.header_lines.push_back(std::string{name} + ": " + utf8_of(value));
        const glue::StringPtr key{g_ascii_strdown(name, -1)};
        const auto known = std::ranges::find(response.headers, std::string_view{key.get()},
                                             &http::Header::key);
        if (known == response.headers.end())
          response.headers.push_back({key.get(), name, value});
        else
          known->value.append(", ").append(value);
      },
      this);
}

gssize Fetcher::read(MutableBytes space, GCancellable *cancellable)
{
  GError *error = nullptr;
  const auto size =
      g_input_stream_read(body_.get(), space.data(), space.size(), cancellable, &error);
  const ErrorPtr owned_error{error};
  if (size < 0)
    response_.error = words_for(error);
  return size;
}

void Fetcher::close(GCancellable *cancellable)
{
  if (body_)
    g_input_stream_close(body_.get(), cancellable, nullptr);
  body_ = {};
  if (message_)
    g_signal_handlers_disconnect_by_data(message_.get(), this);
  message_ = {};
}

std::string Fetcher::words_for(const GError *error) const
{
  if (too_many_redirects_ ||
      g_error_matches(error, SOUP_SESSION_ERROR, SOUP_SESSION_ERROR_TOO_MANY_REDIRECTS))
    return "the server redirects without an end";
  return error ? utf8_of(error->message) : "there was no answer";
}

}  // namespace kam
