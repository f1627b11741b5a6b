// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/web_documents.hpp"

#include "support/check_main.hpp"

#include <string>

using namespace kam::http;

START_TEST(folders)
{
  const auto page = folder_page("/a<b>/",
                                {{"z.txt", false, 1234, 784'111'777},
                                 {"<script>alert(1)</script>", false, 0, 0},
                                 {"b", true, 0, 0},
                                 {"javascript:x", false, 5'000'000'000, 0},
                                 {"\xff", false, UINT64_MAX, 0}},
                                true, false);
  const auto has = [&](std::string_view text) {
    ck_assert_msg(page.find(text) != std::string::npos, "%s in %s", std::string{text}.c_str(),
                  page.c_str());
  };
  has("<h1>/a&lt;b&gt;/</h1>");
  has("<a href=\"../\">");
  has("<a href=\"./b/\">b/</a>");
  has("<a href=\"./z.txt\">z.txt</a></td><td>1.2 KiB</td><td>Sun, 06 Nov 1994 08:49:37 GMT");
  has("<a href=\"./%3Cscript%3Ealert%281%29%3C%2Fscript%3E\">&lt;script&gt;");
  has("<a href=\"./javascript%3Ax\">");
  has("<td>4.6 GiB</td>");
  has("<a href=\"./%FF\">\xc3\xbf</a></td><td>15.9 EiB</td>");
  ck_assert(page.find("./b/") < page.find("./%3C"));
  ck_assert(page.find("more than") == std::string::npos);
  const auto empty = folder_page("/", {}, false, true);
  ck_assert(empty.find("../") == std::string::npos &&
            empty.find("more than") != std::string::npos);
}
END_TEST

START_TEST(log_lines)
{
  LoggedRequest request;
  request.peer = "::1";
  request.time = 784'111'777;
  request.method = "GET";
  request.target = "/a\"b";
  request.status = 200;
  request.bytes = 17;
  request.user_agent = "x\n\x01y\\";
  ck_assert(log_line(request) ==
            "::1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a\\\"b HTTP/1.1\" 200 17 \"-\" "
            "\"x\\x0a\\x01y\\\\\"\n");
}
END_TEST

CHECK_MAIN("web documents", folders, log_lines)
