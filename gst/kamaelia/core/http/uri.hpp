// SPDX-License-Identifier: LGPL-2.1-or-later
// URIs: the parts of one, cut as Kamaelia's request line cuts them, and what a relative one
// means.
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

// What `reference` means in a document that came from `base`: RFC 3986, section 5.2. Nothing
// comes back if it takes a base and there is none with a scheme.
std::optional<std::string> resolve_uri(std::string_view base, std::string_view reference);

// A URI is ASCII without blanks and quotes: what people wrote nevertheless is escaped.
std::string escaped_uri(std::string_view uri);

}  // namespace kam::http
