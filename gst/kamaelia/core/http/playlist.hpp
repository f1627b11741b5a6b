// SPDX-License-Identifier: LGPL-2.1-or-later
// Playlists that point at streams, as radio stations give them out: pls, m3u (m3u8 is the same
// in UTF-8) and xspf.
//
//   pls    [playlist]            m3u   #EXTM3U                  xspf  <playlist …><trackList>
//          File1=<uri>                 #EXTINF:-1,<title>               <track>
//          Title1=<title>              <uri>                              <location><uri>…
//          NumberOfEntries=1                                              <title><title>…
//
// All three are read here, the XML of xspf too: an XML library would want a document without
// mistakes, in an encoding that it knows, and these come with neither; and one reader without
// dependencies can be fuzzed at full speed.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kam::http {

struct PlaylistEntry {
  std::string uri;    // absolute, of ASCII alone
  std::string title;  // UTF-8; may be empty

  bool operator==(const PlaylistEntry &) const = default;
};

struct PlaylistLimits {
  std::size_t max_size = std::size_t{64} << 10U;  // of the document
  std::size_t max_entries = 256;                  // those after them are left out
  std::size_t max_uri_size = 4096;                // an entry with a longer one is left out
  std::size_t max_title_size = 1024;              // what is longer is cut
};

struct Playlist {
  enum class Format { pls, m3u, xspf };
  Format format{};
  std::vector<PlaylistEntry> entries;  // at least one
  std::size_t left_out = 0;            // entries that name nothing which can be fetched by HTTP
};

enum class PlaylistFault {
  no_playlist,  // something else
  hls,          // a list of segments (#EXT-X-…), which takes a demuxer
  too_large,
  malformed,   // XML that stops making sense
  no_entries,  // nothing in it that can be fetched by HTTP
};

// As part of a sentence: "the playlist …".
const char *describe(PlaylistFault fault);

enum class PlaylistGuess {
  no,
  yes,
  undecided,  // the beginning is too short to tell; at the end of a document that means no
};

// Whether this is the beginning of a playlist (of whatever kind, HLS too). The bytes count for
// more than the content type of the response, which may be empty and have parameters.
PlaylistGuess guess_playlist(Bytes beginning, std::string_view content_type);

// Reads a whole document that came from `base_uri`. Entries with schemes other than http,
// https and those of icecastsrc are left out: a server may not name local files.
std::variant<Playlist, PlaylistFault> parse_playlist(Bytes document,
                                                     std::string_view content_type,
                                                     std::string_view base_uri,
                                                     const PlaylistLimits &limits = {});

}  // namespace kam::http
