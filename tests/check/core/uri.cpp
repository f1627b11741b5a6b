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

// All of RFC 3986, section 5.4.
START_TEST(resolves_as_the_rfc_says)
{
  const struct {
    const char *reference;
    const char *uri;
  } cases[] = {
      {"g:h", "g:h"},
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"g;x", "http://a/b/c/g;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y#s"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"../../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {".g", "http://a/b/c/.g"},
      {"g..", "http://a/b/c/g.."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"./g/.", "http://a/b/c/g/"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/./x", "http://a/b/c/g?y/./x"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"g#s/./x", "http://a/b/c/g#s/./x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
      {"http:g", "http:g"},
  };
  for (const auto &c : cases) {
    const auto uri = resolve_uri("http://a/b/c/d;p?q", c.reference);
    ck_assert_msg(uri == c.uri, "%s: %s", c.reference, uri.value_or("none").c_str());
  }
}
END_TEST

START_TEST(resolves_against_other_bases)
{
  ck_assert(resolve_uri("http://h", "s") == "http://h/s");
  ck_assert(resolve_uri("http://h:8000?q", "s") == "http://h:8000/s");
  ck_assert(resolve_uri("https://u:p@[::1]:80/d/l.m3u#f", "../s?x=http://y/") ==
            "https://u:p@[::1]:80/s?x=http://y/");
  ck_assert(resolve_uri("", "http://h/s") == "http://h/s");
  ck_assert(!resolve_uri("", "s"));
  ck_assert(!resolve_uri("/only/a/path", "//h/s"));
}
END_TEST

START_TEST(escapes_what_no_uri_has)
{
  ck_assert(escaped_uri("http://h/a%20b?c=[1]&d#e") == "http://h/a%20b?c=[1]&d#e");
  ck_assert(escaped_uri("http://h/a b\n\"\\") == "http://h/a%20b%0A%22%5C");
  ck_assert(escaped_uri("http://h/\xc3\xb6\xd6\x7f") == "http://h/%C3%B6%D6%7F");
  ck_assert(escaped_uri("").empty());
}
END_TEST

CHECK_MAIN("uri", splits_as_kamaelia_does, resolves_as_the_rfc_says,
           resolves_against_other_bases, escapes_what_no_uri_has)
