// SPDX-License-Identifier: LGPL-2.1-or-later
// Which of a server's addresses are answered how, as a user writes it down:
//
//   /<prefix>=<target> *( ";" /<prefix>=<target> )
//
//   <launch line>           a pipeline of its own for each request
//   shared:<launch line>    one pipeline that runs, for all
//   dir:<path>              a folder
#pragma once

#include "core/http/resource_path.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kam::http {

struct Route {
  enum class Kind { launch, shared, directory };

  std::vector<std::string> prefix;  // the names it consists of; none: everything
  Kind kind = Kind::launch;
  std::string target;  // without what says its kind

  // "/a/b"
  std::string address() const;
  // "/a/b=dir:/srv"
  std::string text() const;
  friend bool operator==(const Route &, const Route &) = default;
};

// A route, or a sentence without a full stop that says what is wrong with it.
std::variant<Route, std::string> parse_route(std::string_view prefix, std::string_view target);

// All that `text` has; blanks and line ends around each do not matter. A semicolon that no
// prefix follows is a part of a launch line.
std::variant<std::vector<Route>, std::string> parse_routes(std::string_view text);

// Of those that begin as `path` does, the one with the most names.
template <class Routes, class RouteOf>
auto best_route(Routes &routes, const ResourcePath &path, RouteOf route_of)
{
  auto best = routes.end();
  for (auto i = routes.begin(); i != routes.end(); ++i) {
    const auto &prefix = route_of(*i).prefix;
    if (prefix.size() > path.names.size() ||
        !std::equal(prefix.begin(), prefix.end(), path.names.begin()))
      continue;
    if (best == routes.end() || prefix.size() > route_of(*best).prefix.size())
      best = i;
  }
  return best;
}

}  // namespace kam::http
