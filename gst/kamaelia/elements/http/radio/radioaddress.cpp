// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radioaddress.hpp"

#include "core/http/uri.hpp"

#include <libsoup/soup.h>

#include <string_view>

namespace kam::http {
namespace {

using glue::StringPtr;

// Our schemes are HTTP by other names.
std::string http_address(const std::string &address)
{
  const StringPtr scheme{g_uri_parse_scheme(address.c_str())};
  if (!scheme)
    return address;
  const std::string_view name{scheme.get()};
  for (const std::string_view plain : {"icy", "icecast", "icyx"})
    if (name == plain)
      return "http" + address.substr(name.size());
  for (const std::string_view tls : {"icys", "icecasts", "icyxs"})
    if (name == tls)
      return "https" + address.substr(name.size());
  return address;
}

}  // namespace

UriPtr parse_radio_address(const std::string &address)
{
  UriPtr uri{g_uri_parse(escaped_uri(http_address(address)).c_str(),
                         GUriFlags(SOUP_HTTP_URI_FLAGS), nullptr)};
  if (!uri || !g_uri_get_host(uri.get()) || !*g_uri_get_host(uri.get()))
    return {};
  const std::string_view scheme{g_uri_get_scheme(uri.get())};
  return scheme == "http" || scheme == "https" ? std::move(uri) : UriPtr{};
}

bool is_tls(GUri *uri)
{
  return g_str_equal(g_uri_get_scheme(uri), "https");
}

guint16 port_of(GUri *uri)
{
  const auto port = g_uri_get_port(uri);
  return port > 0 ? static_cast<guint16>(port) : is_tls(uri) ? 443 : 80;
}

std::string host_and_port(GUri *uri)
{
  std::string host{g_uri_get_host(uri)};
  if (host.find(':') != std::string::npos)
    host = "[" + host + "]";
  const bool usual = port_of(uri) == (is_tls(uri) ? 443 : 80);
  return usual ? host : host + ":" + std::to_string(port_of(uri));
}

std::string origin_of(GUri *uri)
{
  return std::string{g_uri_get_scheme(uri)} + "://" + host_and_port(uri);
}

std::string target_of(GUri *uri)
{
  std::string target{g_uri_get_path(uri)};
  if (!target.starts_with('/'))
    target.insert(0, "/");
  if (const auto *query = g_uri_get_query(uri))
    target.append("?").append(query);
  return target;
}

}  // namespace kam::http
