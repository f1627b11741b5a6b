// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/web/httpservervalues.hpp"

namespace kam {

http::FrontendOptions frontend_options(const HttpServerValues &values)
{
  const FrontendValues &shared = values;
  auto options = frontend_options(shared);
  options.idle_timeout_ns = values.keep_alive_timeout * GST_SECOND;
  options.send_timeout_ns = values.send_timeout * GST_SECOND;
  options.max_requests = values.max_requests;
  options.head_limits.max_size = values.max_header_size;
  return options;
}

http::WebSettings web_settings(const HttpServerValues &values)
{
  http::WebSettings settings;
  settings.index_file = values.index_file;
  settings.lists_folders = values.directory_listing;
  settings.shows_hidden = values.hidden_files;
  settings.sends_compressed = values.precompressed;
  settings.max_ranges = values.max_ranges;
  settings.cache_control = values.cache_control;
  settings.cors_origin = values.cors_origin;
  settings.max_body_size = values.max_body_size;
  settings.response_timeout_ns = values.response_timeout * GST_MSECOND;
  settings.max_pipelines = values.max_pipelines;
  return settings;
}

}  // namespace kam
