// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on httpclient.
#pragma once

#include "config.h"

#include "elements/http/client/fetcher.hpp"
#include "elements/http/client/tlsproperties.hpp"
#include "glue/properties.hpp"

#include <array>
#include <string>
#include <vector>

namespace kam {

struct HttpClientValues {
  enum class OutputMode { body, chunks };
  enum class OnError { empty, skip, error };

  std::string location;
  std::string method;
  std::string user_agent = PACKAGE "/" VERSION;
  std::string user_id;
  std::string user_pw;
  std::string proxy;
  std::string proxy_id;
  std::string proxy_pw;
  std::vector<std::string> cookies;
  glue::SharedStructure extra_headers;
  glue::Ref<GTlsDatabase> tls_database;
  glue::Ref<GTlsInteraction> tls_interaction;
  bool ssl_strict = true;
  bool compress = false;
  bool automatic_redirect = true;
  guint max_redirects = 10;
  guint timeout = 15;
  guint response_timeout = 0;
  guint max_parallel = 1;
  guint max_body_size = 16U << 20U;
  OutputMode output_mode = OutputMode::body;
  OnError on_error = OnError::empty;
};

inline FetchSettings fetch_settings(const HttpClientValues &values)
{
  return {.user_agent = values.user_agent,
          .user_id = values.user_id,
          .user_pw = values.user_pw,
          .proxy = values.proxy,
          .proxy_id = values.proxy_id,
          .proxy_pw = values.proxy_pw,
          .cookies = values.cookies,
          .extra_headers = values.extra_headers,
          .tls_database = values.tls_database,
          .tls_interaction = values.tls_interaction,
          .timeout_s = values.timeout,
          .max_redirects = values.max_redirects,
          .automatic_redirect = values.automatic_redirect,
          .ssl_strict = values.ssl_strict,
          .compress = values.compress};
}

}  // namespace kam

template <>
struct kam::glue::GTypeOf<kam::HttpClientValues::OutputMode> {
  static GType type()
  {
    using OutputMode = HttpClientValues::OutputMode;
    static const std::array values{
        GEnumValue{gint(OutputMode::body), "One buffer for each response", "body"},
        GEnumValue{gint(OutputMode::chunks),
                   "Buffers as they arrive; the last one of a response is "
                   "empty and has the MARKER flag",
                   "chunks"},
        GEnumValue{0, nullptr, nullptr}};
    static const GType type = register_enum("KamHttpClientOutputMode", values.data());
    return type;
  }
};

template <>
struct kam::glue::GTypeOf<kam::HttpClientValues::OnError> {
  static GType type()
  {
    using OnError = HttpClientValues::OnError;
    static const std::array values{
        GEnumValue{gint(OnError::empty), "An empty buffer takes the place of the response",
                   "empty"},
        GEnumValue{gint(OnError::skip), "Nothing takes its place", "skip"},
        GEnumValue{gint(OnError::error), "The element stops with an error", "error"},
        GEnumValue{0, nullptr, nullptr}};
    static const GType type = register_enum("KamHttpClientOnError", values.data());
    return type;
  }
};

namespace kam {

// All but those that report.
template <class Impl>
glue::Properties<Impl, HttpClientValues> http_client_properties()
{
  using glue::Mutable;
  using V = HttpClientValues;
  return glue::Properties<Impl, V>{}
      .add("location", &V::location,
           "Where buffers go as requests that do not say it themselves: those with caps "
           "other than text/uri-list and application/x-http-request, or without caps",
           Mutable::in_ready)
      .add("method", &V::method,
           "Method of requests that do not say it themselves; unset: POST with a body, "
           "GET without",
           Mutable::in_ready)
      .add("user-agent", &V::user_agent, "Value of the User-Agent header", Mutable::in_ready)
      .add("user-id", &V::user_id, "User name for servers that ask for one", Mutable::in_ready)
      .add("user-pw", &V::user_pw, "Password for servers that ask for one", Mutable::in_ready)
      .add("proxy", &V::proxy, "Address of an HTTP proxy; unset: as the system says",
           Mutable::in_ready)
      .add("proxy-id", &V::proxy_id, "User name for the proxy", Mutable::in_ready)
      .add("proxy-pw", &V::proxy_pw, "Password for the proxy", Mutable::in_ready)
      .add("cookies", &V::cookies, "Cookies that every request carries, as name=value",
           Mutable::in_ready)
      .add("extra-headers", &V::extra_headers,
           "Headers that every request carries: a string for each name, or an array of "
           "them",
           Mutable::in_ready)
      .add("tls-database", &V::tls_database,
           "Authorities that servers' certificates are checked with; unset: the system's",
           Mutable::in_ready)
      .add("tls-interaction", &V::tls_interaction,
           "What answers when a password or a certificate of ours is asked for",
           Mutable::in_ready)
      .add("ssl-strict", &V::ssl_strict, "Whether a server with a bad certificate is refused",
           Mutable::in_ready)
      .add("compress", &V::compress,
           "Whether bodies may be sent compressed; they come out as they were before",
           Mutable::in_ready)
      .add("automatic-redirect", &V::automatic_redirect,
           "Whether redirections are followed; else they are responses like others",
           Mutable::in_ready)
      .add("max-redirects", &V::max_redirects,
           "Number of times that a request may be sent anew: redirected, or with a password",
           Mutable::in_ready, {0, 20})
      .add("timeout", &V::timeout,
           "Longest silence of a server before its request fails, in seconds; 0: any",
           Mutable::in_ready, {0, 3600})
      .add("response-timeout", &V::response_timeout,
           "Longest time that a request may take in all, in seconds; 0: any. It is looked "
           "at for the request that the others are waiting for",
           Mutable::in_ready, {0, 86400})
      .add("max-parallel", &V::max_parallel,
           "Number of requests that may be under way at the same time, each on a "
           "connection of its own; what comes out stays in order",
           Mutable::in_ready, {1, 64})
      .add("max-body-size", &V::max_body_size,
           "Largest body, in bytes, with output-mode=body; a larger one fails",
           Mutable::in_ready, {0, G_MAXINT})
      .add("output-mode", &V::output_mode, "How bodies come out", Mutable::in_ready)
      .add("on-error", &V::on_error,
           "What happens when there is no response, or one with a status of 400 or above",
           Mutable::in_ready);
}

}  // namespace kam
