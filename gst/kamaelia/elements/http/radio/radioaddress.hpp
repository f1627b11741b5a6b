// SPDX-License-Identifier: LGPL-2.1-or-later
// Addresses of stations, and what a request says of them.
#pragma once

#include "glue/refs.hpp"

#include <glib.h>

#include <string>

namespace kam::http {

using UriPtr = glue::Owned<GUri, g_uri_unref>;

// As HTTP, whatever of the schemes of Internet radio it has; nothing if it cannot be fetched.
UriPtr parse_radio_address(const std::string &address);

bool is_tls(GUri *uri);
guint16 port_of(GUri *uri);
// "host:port", as in a Host field; the port is left out if it is the usual one.
std::string host_and_port(GUri *uri);
std::string origin_of(GUri *uri);
// Path and query.
std::string target_of(GUri *uri);

}  // namespace kam::http
