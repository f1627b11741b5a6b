// SPDX-License-Identifier: LGPL-2.1-or-later
// What a station says about itself, in the shapes that players and web pages know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kam::http {

// One stream of a station. Text is UTF-8.
struct StreamFacts {
  std::string mount;  // "/stream"
  std::string name;
  std::string description;
  std::string genre;
  std::string url;           // a page about it
  std::string content_type;  // empty: there is no sound yet
  std::string title;
  std::uint64_t bitrate = 0;  // bits per second; 0: not known
  std::uint64_t listeners = 0;
  std::uint64_t peak_listeners = 0;
  std::uint64_t bytes_sent = 0;
  std::string started;  // ISO 8601
  bool is_video = false;
};

// Playlists with one entry; `address` is that of the stream, and has no line ends.
std::string m3u_of(const StreamFacts &stream, std::string_view address);
std::string pls_of(const StreamFacts &stream, std::string_view address);
std::string xspf_of(const StreamFacts &stream, std::string_view address);

// Icecast's status-json.xsl: one source is an object, several are an array, none is nothing.
// `base` is the server's address without a slash at its end.
std::string status_json(const std::vector<StreamFacts> &streams, std::string_view base,
                        std::string_view server_id, std::string_view server_started);

// As a string of JSON, with its quotes; what is not UTF-8 is taken for ISO 8859-1. It may stand
// in a script of a page.
std::string json_string(std::string_view text);
// As text or attribute of XML or HTML.
std::string xml_text(std::string_view text);

}  // namespace kam::http
