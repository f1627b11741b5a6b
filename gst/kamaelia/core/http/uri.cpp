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

// The five components of RFC 3986, section 3; what is not there differs from what is empty.
struct Components {
  std::optional<std::string_view> scheme;
  std::optional<std::string_view> authority;
  std::string_view path;
  std::optional<std::string_view> query;
  std::optional<std::string_view> fragment;
};

// Cuts off what follows the first `mark`, if there is one.
std::optional<std::string_view> cut_after(std::string_view &text, char mark)
{
  const auto at = text.find(mark);
  if (at == std::string_view::npos)
    return std::nullopt;
  const auto tail = text.substr(at + 1);
  text = text.substr(0, at);
  return tail;
}

Components components_of(std::string_view uri)
{
  Components parts;
  parts.fragment = cut_after(uri, '#');
  parts.query = cut_after(uri, '?');
  if (const auto colon = uri.find(':');
      colon != std::string_view::npos && is_scheme(uri.substr(0, colon))) {
    parts.scheme = uri.substr(0, colon);
    uri.remove_prefix(colon + 1);
  }
  if (uri.starts_with("//")) {
    uri.remove_prefix(2);
    const auto end = std::min(uri.find('/'), uri.size());
    parts.authority = uri.substr(0, end);
    uri.remove_prefix(end);
  }
  parts.path = uri;
  return parts;
}

void drop_last_segment(std::string &path)
{
  const auto slash = path.rfind('/');
  path.resize(slash == std::string::npos ? 0 : slash);
}

// Section 5.2.4.
std::string without_dots(std::string_view path)
{
  std::string result;
  while (!path.empty()) {
    if (path.starts_with("../")) {
      path.remove_prefix(3);
    } else if (path.starts_with("./") || path.starts_with("/./")) {
      path.remove_prefix(2);
    } else if (path == "/.") {
      path = "/";
    } else if (path.starts_with("/../") || path == "/..") {
      path = path.size() > 3 ? path.substr(3) : std::string_view{"/"};
      drop_last_segment(result);
    } else if (path == "." || path == "..") {
      path = {};
    } else {
      const auto end = std::min(path.find('/', 1), path.size());
      result.append(path.substr(0, end));
      path.remove_prefix(end);
    }
  }
  return result;
}

std::string merged(const Components &base, std::string_view path)
{
  if (base.authority && base.path.empty())
    return std::string{"/"}.append(path);
  std::string result{base.path.substr(0, base.path.rfind('/') + 1)};
  return result.append(path);
}

// Section 5.3.
std::string compose(const Components &parts)
{
  std::string uri;
  if (parts.scheme)
    uri.append(*parts.scheme).append(":");
  if (parts.authority)
    uri.append("//").append(*parts.authority);
  uri.append(parts.path);
  if (parts.query)
    uri.append("?").append(*parts.query);
  if (parts.fragment)
    uri.append("#").append(*parts.fragment);
  return uri;
}

}  // namespace

std::optional<std::string> resolve_uri(std::string_view base, std::string_view reference)
{
  auto target = components_of(reference);
  const auto origin = components_of(base);
  if (!target.scheme && !origin.scheme)
    return std::nullopt;
  std::string path;
  if (target.scheme || target.authority || target.path.starts_with('/')) {
    path = without_dots(target.path);
  } else if (target.path.empty()) {
    path = origin.path;
    if (!target.query)
      target.query = origin.query;
  } else {
    path = without_dots(merged(origin, target.path));
  }
  if (!target.scheme && !target.authority)
    target.authority = origin.authority;
  if (!target.scheme)
    target.scheme = origin.scheme;
  target.path = path;
  return compose(target);
}

std::string escaped_uri(std::string_view uri)
{
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view never = "\"<>\\^`{|}";
  std::string result;
  for (const char c : uri) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 0x7f && never.find(c) == std::string_view::npos)
      result += c;
    else
      result.append({'%', digits[byte >> 4U], digits[byte & 0xfU]});
  }
  return result;
}

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
