// SPDX-License-Identifier: LGPL-2.1-or-later
// One HTTP request and its response, in the thread that asks.
#pragma once

#include "core/bytes.hpp"
#include "core/http/request_parser.hpp"
#include "glue/refs.hpp"

#include <libsoup/soup.h>

#include <string>
#include <utility>
#include <vector>

namespace kam {

// What holds for all requests; the names are those of souphttpsrc's properties.
struct FetchSettings {
  std::string user_agent;
  std::string user_id;
  std::string user_pw;
  std::string proxy;
  std::string proxy_id;
  std::string proxy_pw;
  std::vector<std::string> cookies;
  glue::SharedStructure extra_headers;
  glue::Ref<GTlsDatabase> tls_database;
  glue::Ref<GTlsInteraction> tls_interaction;
  guint timeout_s = 0;
  guint max_redirects = 0;
  bool automatic_redirect = true;
  bool ssl_strict = true;
  bool compress = false;
};

struct FetchRequest {
  std::string method;
  std::string uri;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;  // of the body
  glue::Ref<GBytes> body;
};

struct FetchResponse {
  guint status = 0;  // 0 as long as there is no response
  std::string reason;
  std::string uri;  // after redirects, without a password
  guint redirects = 0;
  std::vector<http::Header> headers;
  std::vector<std::string> header_lines;  // as they came, in UTF-8
  std::string error;                      // what went wrong, if anything did
};

// Name and value of each header in a structure: a field is a string, or an array or list of
// them. What could not stand in a request is left out.
std::vector<std::pair<std::string, std::string>> headers_in(const GstStructure *structure);

// A client of its own, with connections that it keeps for the next request to the same server.
// Everything that waits can be cancelled.
class Fetcher {
 public:
  explicit Fetcher(FetchSettings settings);

  // Whether there is a response, of whatever status; else response().error says what was in
  // the way.
  bool open(const FetchRequest &request, GCancellable *cancellable);
  // Of the body: 0 at its end, -1 if it breaks off, and response().error says why.
  gssize read(MutableBytes space, GCancellable *cancellable);
  // Lets go of the body; the response stays.
  void close(GCancellable *cancellable);

  const FetchResponse &response() const { return response_; }

 private:
  template <class T>
  using Object = glue::Ref<T>;

  Object<SoupMessage> message_for(const FetchRequest &request) const;
  void add_headers(const FetchRequest &request);
  void connect_signals();
  void take_head();
  bool authenticate(SoupAuth *auth, bool retrying) const;
  void prepare_tls() const;
  void restart();
  std::string words_for(const GError *error) const;

  FetchSettings settings_;
  Object<SoupSession> session_;
  Object<SoupMessage> message_;
  Object<GInputStream> body_;
  GCancellable *cancellable_ = nullptr;  // of the request that is being opened
  std::string host_;                     // that the request is going to
  bool too_many_redirects_ = false;
  FetchResponse response_;
};

}  // namespace kam
