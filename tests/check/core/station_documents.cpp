// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/station_documents.hpp"

#include "core/http/playlist.hpp"
#include "support/check_main.hpp"

#include <nlohmann/json.hpp>

using namespace kam;
using namespace kam::http;

namespace {

const StreamFacts facts = [] {
  StreamFacts facts;
  facts.mount = "/live";
  facts.name = "Rock & \"Roll\" <Ü>\nFile1=x";
  facts.description = "</script>";
  facts.content_type = "audio/mpeg";
  facts.title = "\xd6 - \\";
  facts.bitrate = 128'000;
  facts.listeners = 3;
  facts.peak_listeners = 5;
  return facts;
}();

}  // namespace

// Our own reader of playlists gets out what was put in.
START_TEST(playlists)
{
  const std::string address = "http://example.org:8000/live?a=b&c=d";
  for (const auto &[text, type] : {std::pair{m3u_of(facts, address), "audio/x-mpegurl"},
                                   {pls_of(facts, address), "audio/x-scpls"},
                                   {xspf_of(facts, address), "application/xspf+xml"}}) {
    const auto read = parse_playlist(as_bytes(text), type, "http://example.org/");
    const auto *playlist = std::get_if<Playlist>(&read);
    ck_assert_msg(playlist != nullptr, "%s", text.c_str());
    ck_assert_uint_eq(playlist->entries.size(), 1);
    ck_assert_str_eq(playlist->entries[0].uri.c_str(), address.c_str());
  }
}
END_TEST

START_TEST(status)
{
  using nlohmann::json;
  auto status = json::parse(status_json({facts}, "http://h", "kam", "now"));
  const auto &source = status["icestats"]["source"];
  ck_assert(source["listenurl"] == "http://h/live" && source["bitrate"] == 128);
  ck_assert(source["listeners"] == 3 && source["title"] == "Ö - \\");
  ck_assert(source["server_name"] == facts.name);
  status = json::parse(status_json({facts, facts}, "http://h", "kam", "now"));
  ck_assert_uint_eq(status["icestats"]["source"].size(), 2);
  status = json::parse(status_json({}, "http://h", "kam", "now"));
  ck_assert(!status["icestats"].contains("source"));
}
END_TEST

START_TEST(text_stays_text)
{
  ck_assert(xml_text("<a b='c'>&\"\x01") == "&lt;a b=&#39;c&#39;&gt;&amp;&quot; ");
  ck_assert(json_string("</script>\"\\\n") == "\"\\u003c/script>\\\"\\\\\\u000a\"");
}
END_TEST

CHECK_MAIN("station_documents", playlists, status, text_stays_text)
