// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/web/webexchange.hpp"
#include "elements/server/clientbinpool.hpp"

#include <gst/gst.h>

#include <memory>
#include <string>
#include <variant>

namespace kam::http {

// A request as an application and the elements of its pipeline are told: "http-request" with
// method, uri, path, query, peer, peer-port and headers, a structure.
glue::StructurePtr request_structure(const Exchange &exchange);

// What is said about an answer besides its body.
struct AnswerHints {
  unsigned status = 0;  // 0: nothing
  std::string content_type;
  Fields fields;

  // Of caps, tags ("extended-comment" with "http-status:404" or "http-header:Name: value") and
  // events named "http-response".
  void take(GstEvent *event);
  // Of a structure with that name: status, content-type, headers (a structure).
  void take(const GstStructure *response);

 private:
  void take(const GstTagList *tags);
  void add(const std::string &name, const std::string &value);
};

// Answers each request with a pipeline of its own: the body of the request goes in, that of the
// answer comes out.
class WebPipeline {
 public:
  // What a launch line makes, or a sentence without a full stop.
  static std::variant<std::unique_ptr<WebPipeline>, std::string> make(
      WebServer &server, std::shared_ptr<ClientBinPool> pool, ClientLaunch launch);

  void serve(Exchange &exchange);
  // With an application's element instead.
  static void serve_with(WebServer &server, const std::shared_ptr<ClientBinPool> &pool,
                         Exchange &exchange, GstElement *element, bool always_threads);

 private:
  class Runner;
  WebPipeline(WebServer &server, std::shared_ptr<ClientBinPool> pool, ClientLaunch launch)
      : server_{server}, pool_{std::move(pool)}, launch_{std::move(launch)}
  {
  }
  static bool has_place(WebServer &server, Exchange &exchange);

  WebServer &server_;
  std::shared_ptr<ClientBinPool> pool_;
  ClientLaunch launch_;
  bool takes_input_ = false;
  bool gives_output_ = false;
};

}  // namespace kam::http
