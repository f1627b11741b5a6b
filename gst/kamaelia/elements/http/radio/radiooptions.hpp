// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "glue/refs.hpp"

#include <gio/gio.h>

#include <string>
#include <utility>
#include <vector>

namespace kam::http {

using HeaderLines = std::vector<std::pair<std::string, std::string>>;  // name and value

// How a station is asked.
struct RadioOptions {
  std::string user_agent;
  std::string user_id;
  std::string user_password;
  HeaderLines extra_headers;
  std::vector<std::string> cookies;
  std::string proxy;  // an address; empty for the one that the system says
  std::string proxy_id;
  std::string proxy_password;
  glue::Ref<GTlsDatabase> tls_database;
  glue::Ref<GTlsInteraction> tls_interaction;
  bool ssl_strict = true;
  unsigned timeout = 15;  // seconds; 0 for none
  unsigned connect_timeout = 10;
  unsigned read_interval = 200;  // milliseconds; 0 for none
  unsigned max_redirects = 10;
  bool ask_for_titles = true;
};

}  // namespace kam::http
