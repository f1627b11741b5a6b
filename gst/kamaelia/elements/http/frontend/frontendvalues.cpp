// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/frontend/frontendvalues.hpp"

#include "glue/stats.hpp"

namespace kam {

http::FrontendOptions frontend_options(const FrontendValues &values)
{
  http::FrontendOptions options;
  options.address = values.address;
  options.port = static_cast<std::uint16_t>(values.port);
  options.backlog = values.listen_backlog;
  options.max_connections = values.max_connections;
  options.max_connections_per_address = values.max_connections_per_address;
  options.request_timeout_ns = std::uint64_t{values.request_timeout} * GST_SECOND;
  options.tls = static_cast<const TlsValues &>(values);
  return options;
}

void add_frontend_stats(GstStructure *to, const http::HttpFrontend *frontend)
{
  const http::FrontendStats nothing;
  const auto &stats = frontend ? frontend->stats() : nothing;
  glue::add_stats(to, {{"connections", stats.connections},
                       {"requests", stats.requests},
                       {"refused-requests", stats.refused_requests},
                       {"refused-connections", stats.refused_connections},
                       {"failed-handshakes", stats.failed_handshakes},
                       {"timeouts", stats.timeouts}});
}

}  // namespace kam
