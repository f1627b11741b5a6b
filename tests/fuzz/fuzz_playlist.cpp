// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a server sends as a playlist: what is read stays inside the limits, and can be
// written into a request.
#include "core/http/playlist.hpp"
#include "core/http/uri.hpp"
#include "core/utf8.hpp"
#include "fuzz_support.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

using namespace kam;
using namespace kam::http;

namespace {

constexpr PlaylistLimits limits{
    .max_size = 2048, .max_entries = 8, .max_uri_size = 200, .max_title_size = 32};

constexpr std::array types{std::string_view{""}, std::string_view{"audio/x-mpegurl"},
                           std::string_view{"audio/x-scpls"},
                           std::string_view{"application/xspf+xml"},
                           std::string_view{"audio/mpeg"}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  const auto type = types[data[0] % types.size()];
  const auto guess = guess_playlist(input, type);
  const auto result = parse_playlist(input, type, "http://h:1/a/b?c", limits);
  if (const auto *playlist = std::get_if<Playlist>(&result)) {
    fuzz::require(guess != PlaylistGuess::no && input.size() <= limits.max_size);
    fuzz::require(!playlist->entries.empty() && playlist->entries.size() <= limits.max_entries);
    for (const auto &entry : playlist->entries) {
      fuzz::require(entry.uri.size() <= limits.max_uri_size &&
                    entry.title.size() <= limits.max_title_size && is_utf8(entry.title));
      fuzz::require(std::ranges::all_of(entry.uri, [](char c) { return c > ' ' && c < 0x7f; }));
      fuzz::require(split_absolute_uri(entry.uri).has_value());
    }
  }
  // More bytes may decide, but not change what was decided; except that something binary may
  // still come.
  if (guess_playlist(input.first(input.size() / 2), type) == PlaylistGuess::no)
    fuzz::require(guess == PlaylistGuess::no);
  return 0;
}
