// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/resource_path.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <string>

using namespace kam::http;
using kam::test::Random;

namespace {

// "a|b c/", or "none".
std::string names(std::string_view path)
{
  const auto parsed = resource_path(path);
  if (!parsed)
    return "none";
  std::string text;
  for (const auto &name : parsed->names)
    text += (text.empty() ? "" : "|") + name;
  return text + (parsed->ends_in_slash ? "/" : "");
}

}  // namespace

START_TEST(good_paths)
{
  const struct {
    const char *path;
    const char *names;
  } cases[] = {
      {"/", "/"},
      {"//", "/"},
      {"/a", "a"},
      {"/a/", "a/"},
      {"/a//b", "a|b"},
      {"/b%20c/d+e", "b c|d+e"},
      {"/...", "..."},
      {"/..a", "..a"},
      {"/a..", "a.."},
      {"/%C3%A9", "\xc3\xa9"},
      {"/%e9", "\xe9"},
      {"/a%25b", "a%b"},
      {"/a%3Fb", "a?b"},
      {"/a%2bb", "a+b"},
      {"/.hidden", ".hidden"},
  };
  for (const auto &c : cases)
    ck_assert_msg(names(c.path) == c.names, "%s: %s", c.path, names(c.path).c_str());
  ck_assert(resource_path("/a/b/c")->joined(1) == "b/c");
  ck_assert(resource_path("/a")->joined(1) == "");
  ck_assert(resource_path("/a/.git/x")->is_hidden() && !resource_path("/a.b")->is_hidden());
}
END_TEST

START_TEST(no_way_out)
{
  for (const auto *path : {"/..",
                           "/../etc/passwd",
                           "/a/../b",
                           "/a/..",
                           "/.",
                           "/a/./b",
                           "/%2e%2e",
                           "/%2E%2e/x",
                           "/.%2e/x",
                           "/%2e/x",
                           "/a%2f..%2fb",
                           "/a%2Fb",
                           "/..\\x",
                           "/a\\b",
                           "/a%5cb",
                           "/..%5c..",
                           "/a%00",
                           "/%00",
                           "/a%00.txt",
                           "/%0a",
                           "/a%0d%0ab",
                           "/%7f",
                           "/%",
                           "/%2",
                           "/%zz",
                           "/%c",
                           "",
                           "a",
                           "../a",
                           "*",
                           "/a%1f"})
    ck_assert_msg(names(path) == "none", "%s: %s", path, names(path).c_str());
  // Decoded once: what is encoded twice is a name.
  ck_assert(names("/%252e%252e") == "%2e%2e");
}
END_TEST

START_TEST(names_as_addresses)
{
  ck_assert(encoded_name("a b&<\"'>.txt") == "a%20b%26%3C%22%27%3E.txt");
  ck_assert(encoded_name("-._~") == "-._~");
  Random random{1};
  for (int i = 0; i < 2000; ++i) {
    const auto bytes = random.bytes(1 + random.below(20), "./%\\ a");
    const std::string name{kam::as_text(bytes)};
    const auto path = resource_path("/" + encoded_name(name));
    if (path) {
      ck_assert(path->names.size() == 1 && path->names.front() == name);
      ck_assert(name != "." && name != ".." && name.find('/') == std::string::npos);
    }
  }
}
END_TEST

CHECK_MAIN("resource path", good_paths, no_way_out, names_as_addresses)
