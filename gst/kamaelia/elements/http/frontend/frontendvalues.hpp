// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on any element that serves HTTP, about where and how it does.
#pragma once

#include "elements/http/frontend/httpfrontend.hpp"
#include "elements/server/tlsvalues.hpp"
#include "glue/properties.hpp"

#include <gst/gst.h>

#include <string>

namespace kam {

struct FrontendValues : TlsValues {
  std::string address = "0.0.0.0";
  gint port = 8000;
  gint listen_backlog = 4096;
  guint max_connections = 0;
  guint max_connections_per_address = 0;
  guint request_timeout = 10;
};

http::FrontendOptions frontend_options(const FrontendValues &values);
// Of all elements that share the port; nothing is served without a front end.
void add_frontend_stats(GstStructure *to, const http::HttpFrontend *frontend);

// Adds the properties of them to those of an element whose values are these and more.
template <class Impl, class Values>
glue::Properties<Impl, Values> &add_frontend_properties(
    glue::Properties<Impl, Values> &properties)
{
  using V = FrontendValues;
  using glue::Mutable;
  properties
      .add("address", &V::address,
           "Address of this host to listen at; :: for all of IPv6 and IPv4", Mutable::in_ready)
      .add("port", &V::port,
           "TCP port to listen at; 0 for a free one, see bound-port. Elements of one process "
           "that name the same address and port share it",
           Mutable::in_ready, {0, 65535})
      .add("listen-backlog", &V::listen_backlog,
           "Number of connections that may wait to be accepted", Mutable::in_ready, {1, 65535})
      .add("max-connections", &V::max_connections,
           "Number of connections in all; 0 for nine tenths of the descriptors that the "
           "process may have",
           Mutable::in_ready)
      .add("max-connections-per-address", &V::max_connections_per_address,
           "Number of connections from one address (of IPv6: from one /64); 0 for any number",
           Mutable::in_ready)
      .add("request-timeout", &V::request_timeout,
           "For how many seconds a client may take to say what it wants", Mutable::in_ready,
           {1, 3600});
  add_tls(properties);
  return properties;
}

}  // namespace kam
