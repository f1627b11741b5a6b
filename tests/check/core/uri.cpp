// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/uri.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam::http;

static std::string parts_of(std::string_view uri)
{
  const auto parts = split_absolute_uri(uri);
  if (!parts)
    return "none";
  std::string all;
  for (const auto part : {parts->reqprotocol, parts->user, parts->passwd, parts->domain,
                          std::string_view{parts->url}})
    all.append(part).append(" ");
  return all;
}

START_TEST(splits_as_kamaelia_does)
{
  const struct {
    const char *uri;
    const char *parts;
  } cases[] = {
      {"http://foo.bar.com/fwibble", "http   foo.bar.com /fwibble "},
      {"foo://toor:letmein@server.com/bla?this&that=other",
       "foo toor letmein server.com /bla?this&that=other "},
      {"http://user@h:80/", "http user  h:80 / "},
      {"http://user:p:w@h/", "http user p:w h / "},
      {"http://a@b@c/", "http a  b@c / "},
      {"http://h/x@y:z", "http   h /x@y:z "},
      {"http://h/http://g/", "http   h /http://g/ "},
      {"http://[::1]:8080/p", "http   [::1]:8080 /p "},
      {"http://h", "http   h / "},
      {"http://h?q=/a", "http   h /?q=/a "},
      {"http://h#f", "http   h /#f "},
      {"file:///etc/motd", "file    /etc/motd "},
      {"/only/a/path", "none"},
      {"*", "none"},
      {"host:443", "none"},
      {"://h/", "none"},
      {"1x://h/", "none"},
      {"a b://h/", "none"},
      {"/go?to=http://h/", "none"},
      {"", "none"},
  };
  for (const auto &c : cases) {
    const auto parts = parts_of(c.uri);
    ck_assert_msg(parts == c.parts, "%s: %s", c.uri, parts.c_str());
  }
}
END_TEST

CHECK_MAIN("uri", splits_as_kamaelia_does)
