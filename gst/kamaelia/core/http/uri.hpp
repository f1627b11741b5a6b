// SPDX-License-Identifier: LGPL-2.1-or-later
// The parts of an absolute URI, cut as Kamaelia's request line cuts them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kam::http {

// <reqprotocol>://[<user>[:<passwd>]@]<domain><url>
struct UriParts {
  std::string_view reqprotocol;
  std::string_view user;
  std::string_view passwd;
  std::string_view domain;  // with the port, if there is one
  std::string url;          // path, query and fragment; begins with a slash
};

// Views into `uri`. Nothing is decoded. Nothing comes back if it is not an absolute URI with
// an authority.
std::optional<UriParts> split_absolute_uri(std::string_view uri);

}  // namespace kam::http
