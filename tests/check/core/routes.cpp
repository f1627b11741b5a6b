// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/routes.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam::http;

namespace {

std::vector<Route> routes_in(std::string_view text)
{
  const auto parsed = parse_routes(text);
  const auto *why = std::get_if<std::string>(&parsed);
  ck_assert_msg(!why, "%s", why ? why->c_str() : "");
  return std::get<std::vector<Route>>(parsed);
}

std::string fault_in(std::string_view text)
{
  const auto parsed = parse_routes(text);
  ck_assert_msg(std::holds_alternative<std::string>(parsed), "%s", std::string{text}.c_str());
  return std::get<std::string>(parsed);
}

std::string best(const std::vector<Route> &routes, std::string_view path)
{
  const auto found = best_route(routes, *resource_path(path),
                                [](const Route &route) -> const Route & { return route; });
  return found == routes.end() ? "" : found->address();
}

}  // namespace

START_TEST(written_down)
{
  const auto routes = routes_in(
      " /clock=videotestsrc num-buffers=1 ! jpegenc ;\n/files = dir:/srv/a;b ;/cam=shared: "
      "v4l2src ! video/x-raw;image/jpeg ! multipartmux;");
  ck_assert_uint_eq(routes.size(), 2);
  ck_assert(routes[0].kind == Route::Kind::launch);
  ck_assert_str_eq(routes[0].target.c_str(),
                   "videotestsrc num-buffers=1 ! jpegenc ;\n/files = dir:/srv/a;b");
  ck_assert(routes[1].kind == Route::Kind::shared);
  ck_assert_str_eq(routes[1].target.c_str(), "v4l2src ! video/x-raw;image/jpeg ! multipartmux");
  ck_assert(routes[1].text() == "/cam=shared:v4l2src ! video/x-raw;image/jpeg ! multipartmux");
  const auto folder = routes_in("/=dir:/srv/www");
  ck_assert(folder[0].kind == Route::Kind::directory && folder[0].prefix.empty());
  ck_assert(folder[0].text() == "/=dir:/srv/www");
  ck_assert_uint_eq(routes_in("").size(), 0);
  ck_assert_uint_eq(routes_in(" ; \n").size(), 0);
  ck_assert(routes_in("/a%20b/=x")[0].address() == "/a b");
}
END_TEST

START_TEST(faults)
{
  ck_assert(fault_in("clock=x").find("no route") != std::string::npos);
  ck_assert(fault_in("/a").find("no route") != std::string::npos);
  ck_assert(fault_in("/a=").find("nothing") != std::string::npos);
  ck_assert(fault_in("/a=dir: ;/b=x").find("nothing") != std::string::npos);
  ck_assert(fault_in("/a=x;/a/=y").find("two routes") != std::string::npos);
  ck_assert(fault_in("/../a=x").find("no beginning") != std::string::npos);
}
END_TEST

START_TEST(the_best_one)
{
  const auto routes = routes_in("/=dir:/a;/x=b;/x/y=c");
  ck_assert(best(routes, "/") == "/");
  ck_assert(best(routes, "/xy") == "/");
  ck_assert(best(routes, "/x") == "/x");
  ck_assert(best(routes, "/x/") == "/x");
  ck_assert(best(routes, "/x/z") == "/x");
  ck_assert(best(routes, "/x/y/z") == "/x/y");
  ck_assert(best(routes, "/%78/y") == "/x/y");
  ck_assert(best(routes_in("/x=b"), "/y") == "");
}
END_TEST

CHECK_MAIN("routes", written_down, faults, the_best_one)
