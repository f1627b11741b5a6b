// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/uri.hpp"

#include <algorithm>

namespace kam::http {
namespace {

bool is_alpha(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_scheme(std::string_view text)
{
  return !text.empty() && is_alpha(text.front()) && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
}

}  // namespace

std::optional<UriParts> split_absolute_uri(std::string_view uri)
{
  constexpr std::string_view mark = "://";
  const auto scheme_end = uri.find(mark);
  if (scheme_end == std::string_view::npos || !is_scheme(uri.substr(0, scheme_end)))
    return std::nullopt;
  UriParts parts;
  parts.reqprotocol = uri.substr(0, scheme_end);
  const auto rest = uri.substr(scheme_end + mark.size());
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  parts.domain = authority;
  // Kamaelia ends the user at the first @; an address that is right has only one.
  if (const auto at = authority.find('@'); at != std::string_view::npos) {
    parts.domain = authority.substr(at + 1);
    parts.user = authority.substr(0, at);
    if (const auto colon = parts.user.find(':'); colon != std::string_view::npos) {
      parts.passwd = parts.user.substr(colon + 1);
      parts.user = parts.user.substr(0, colon);
    }
  }
  const auto url = rest.substr(authority.size());
  if (!url.starts_with('/'))
    parts.url = '/';
  parts.url += url;
  return parts;
}

}  // namespace kam::http
