// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/routes.hpp"

namespace kam::http {
namespace {

constexpr std::string_view blanks = " \t\r\n";
constexpr std::string_view shared = "shared:";
constexpr std::string_view directory = "dir:";

std::string_view trimmed(std::string_view text)
{
  const auto from = std::min(text.find_first_not_of(blanks), text.size());
  const auto to = text.find_last_not_of(blanks);
  return text.substr(from, to == std::string_view::npos ? 0 : to + 1 - from);
}

// Whether "/<prefix>=" begins here. A prefix has no blanks.
bool begins_route(std::string_view text)
{
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.starts_with('/') &&
         text.substr(0, text.find_first_of(" \t\r\n;!")).find('=') != std::string_view::npos;
}

// Where the route ends that begins here.
std::size_t end_of_route(std::string_view text)
{
  for (auto at = text.find(';'); at != std::string_view::npos; at = text.find(';', at + 1))
    if (trimmed(text.substr(at + 1)).empty() || begins_route(text.substr(at + 1)))
      return at;
  return text.size();
}

}  // namespace

std::string Route::address() const
{
  std::string result;
  for (const auto &name : prefix)
    result += '/' + name;
  return result.empty() ? "/" : result;
}

std::string Route::text() const
{
  const auto kind_text =
      kind == Kind::shared ? shared : (kind == Kind::directory ? directory : "");
  return address() + '=' + std::string{kind_text} + target;
}

std::variant<Route, std::string> parse_route(std::string_view prefix, std::string_view target)
{
  const auto path = resource_path(prefix);
  if (!path)
    return '"' + std::string{prefix} +
           "\" is no beginning of addresses, which has to begin with a slash";
  target = trimmed(target);
  Route route;
  route.prefix = path->names;
  if (target.starts_with(shared)) {
    route.kind = Route::Kind::shared;
    target.remove_prefix(shared.size());
  } else if (target.starts_with(directory)) {
    route.kind = Route::Kind::directory;
    target.remove_prefix(directory.size());
  }
  route.target = trimmed(target);
  if (route.target.empty())
    return "there is nothing to be found at " + route.address();
  return route;
}

std::variant<std::vector<Route>, std::string> parse_routes(std::string_view text)
{
  std::vector<Route> routes;
  while (!trimmed(text).empty()) {
    const auto part = trimmed(text.substr(0, end_of_route(text)));
    text.remove_prefix(std::min(end_of_route(text) + 1, text.size()));
    if (part.empty())
      continue;
    if (!begins_route(part))
      return '"' + std::string{part} +
             "\" is no route, which has to be /prefix=launch line, /prefix=shared:launch line "
             "or /prefix=dir:path";
    const auto equals = part.find('=');
    auto parsed = parse_route(part.substr(0, equals), part.substr(equals + 1));
    if (auto *why = std::get_if<std::string>(&parsed))
      return std::move(*why);
    auto &route = std::get<Route>(parsed);
    if (std::ranges::find(routes, route.prefix, &Route::prefix) != routes.end())
      return "there are two routes for " + route.address();
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace kam::http
