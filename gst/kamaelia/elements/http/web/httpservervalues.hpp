// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on httpserver.
#pragma once

#include "elements/http/frontend/frontendvalues.hpp"
#include "elements/http/web/webexchange.hpp"
#include "glue/properties.hpp"

#include <gst/gst.h>

#include <string>

namespace kam {

struct HttpServerValues : FrontendValues {
  std::string routes;
  std::string index_file = "index.html";
  bool directory_listing = true;
  bool hidden_files = false;
  bool precompressed = false;
  guint max_ranges = 16;
  std::string cache_control;
  std::string cors_origin;
  guint64 max_body_size = guint64{64} << 20U;
  guint max_header_size = 16U << 10U;
  guint max_requests = 1000;
  guint keep_alive_timeout = 15;
  guint send_timeout = 20;
  guint response_timeout = 30'000;
  guint max_pipelines = 64;
  guint max_queued_bytes = 256U << 10U;
  guint recycle = 8;
  bool request_threads = true;
  std::string access_log;
  bool post_messages = true;
};

http::FrontendOptions frontend_options(const HttpServerValues &values);
http::WebSettings web_settings(const HttpServerValues &values);

// All properties that are set; those that only report are the element's.
template <class Impl>
glue::Properties<Impl, HttpServerValues> httpserver_properties();

}  // namespace kam

template <class Impl>
kam::glue::Properties<Impl, kam::HttpServerValues> kam::httpserver_properties()
{
  using V = HttpServerValues;
  using glue::Mutable;
  glue::Properties<Impl, V> properties;
  add_frontend_properties(properties);
  properties
      .add("routes", &V::routes,
           "What is at which address, each \"/prefix=\" with a launch line (a pipeline of its "
           "own for each request), \"shared:\" and a launch line (one that runs, for all) or "
           "\"dir:\" and a folder; semicolons between them",
           Mutable::in_ready)
      .add("index-file", &V::index_file,
           "File that is sent for the folder it is in; unset for none", Mutable::in_playing)
      .add("directory-listing", &V::directory_listing,
           "Show what is in a folder that has no index-file", Mutable::in_playing)
      .add("hidden-files", &V::hidden_files,
           "Send and show files too whose names, or those of their folders, begin with a dot",
           Mutable::in_playing)
      .add("precompressed", &V::precompressed,
           "Send FILE.br, FILE.zst or FILE.gz, if it is there and no older, instead of FILE to "
           "clients that would rather have that",
           Mutable::in_playing)
      .add("max-ranges", &V::max_ranges,
           "Number of parts of a file that may be asked for at once; the whole is sent to who "
           "asks for more",
           Mutable::in_playing, {1, 1000})
      .add("cache-control", &V::cache_control,
           "What caches are told about files; unset to leave it to them", Mutable::in_playing)
      .add("cors-origin", &V::cors_origin,
           "Pages from where may read answers with scripts, * for all; unset for none but the "
           "server's own",
           Mutable::in_playing)
      .add("max-body-size", &V::max_body_size,
           "How many bytes a request may bring along; 0 for any number", Mutable::in_playing)
      .add("max-header-size", &V::max_header_size,
           "How many bytes a request's line and header fields may have", Mutable::in_ready,
           {512, 1U << 20U})
      .add("max-requests", &V::max_requests,
           "Number of requests on one connection, after which it is closed; 0 for any number",
           Mutable::in_ready)
      .add("keep-alive-timeout", &V::keep_alive_timeout,
           "For how many seconds a connection is kept for another request", Mutable::in_ready,
           {1, 3600})
      .add("send-timeout", &V::send_timeout,
           "After how many seconds in which a client took nothing of its answer it is closed",
           Mutable::in_ready, {1, 3600})
      .add("response-timeout", &V::response_timeout,
           "After how many milliseconds without an answer from a pipeline the client is told "
           "that there is none; 0: never",
           Mutable::in_playing)
      .add("max-pipelines", &V::max_pipelines,
           "Number of pipelines that may run for requests at once; more requests are told to "
           "come back later; 0 for any number",
           Mutable::in_playing)
      .add("max-queued-bytes", &V::max_queued_bytes,
           "How many bytes may wait for a client that does not take them, before its pipeline "
           "has to wait",
           Mutable::in_ready, {1, guint{1} << 30U})
      .add("recycle", &V::recycle,
           "Number of pipelines of each route that wait for the next request, instead of being "
           "made anew",
           Mutable::in_ready)
      .add(
          "request-threads", &V::request_threads,
          "Give each request's pipeline a thread. Without, pipelines that need none run in the "
          "server's own, which is faster, but only for what takes no time",
          Mutable::in_ready)
      .add("access-log", &V::access_log,
           "File to which a line is added for each request, in the combined format; unset for "
           "none",
           Mutable::in_ready)
      .add("post-messages", &V::post_messages,
           "Post an element message for each request answered, as long as no more than 1000 of "
           "them wait to be read",
           Mutable::in_playing);
  return properties;
}
