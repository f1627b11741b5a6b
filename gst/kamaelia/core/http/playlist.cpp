// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/playlist.hpp"

#include "core/http/uri.hpp"
#include "core/http/xspf.hpp"
#include "core/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace kam::http {
namespace {

using Format = Playlist::Format;

// Within so many bytes a document has said what it is.
constexpr std::size_t most_to_guess_from = 1024;

constexpr std::string_view blanks = " \t\r\n";

char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool starts_with(std::string_view text, std::string_view start)
{
  return text.size() >= start.size() &&
         std::ranges::equal(text.substr(0, start.size()), start, {}, lower, lower);
}

bool equal(std::string_view a, std::string_view b)
{
  return a.size() == b.size() && std::ranges::equal(a, b, {}, lower, lower);
}

// Whether `text` ends before it can differ from `start`.
bool may_become(std::string_view text, std::string_view start)
{
  return text.size() < start.size() && equal(start.substr(0, text.size()), text);
}

std::string_view trimmed(std::string_view text)
{
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

std::string_view without_bom(std::string_view text)
{
  constexpr std::string_view mark = "\xef\xbb\xbf";
  return text.starts_with(mark) ? text.substr(mark.size()) : text;
}

bool is_binary(std::string_view text)
{
  return std::ranges::any_of(text, [](char c) {
    return static_cast<unsigned char>(c) < ' ' && blanks.find(c) == std::string_view::npos &&
           c != '\f' && c != '\v' && c != '\x1a';
  });
}

// What a content type says about a document.
struct Declared {
  std::optional<Format> format;
  bool open = false;  // it says nothing, so that any text may follow
};

Declared declared_by(std::string_view content_type)
{
  struct Known {
    std::string_view type;
    Declared says;
  };
  static constexpr std::array known{
      Known{"audio/x-mpegurl", {Format::m3u, true}},
      Known{"audio/mpegurl", {Format::m3u, true}},
      Known{"application/x-mpegurl", {Format::m3u, true}},
      Known{"application/mpegurl", {Format::m3u, true}},
      Known{"application/vnd.apple.mpegurl", {Format::m3u, true}},
      Known{"application/vnd.apple.mpegurl.audio", {Format::m3u, true}},
      Known{"text/uri-list", {Format::m3u, true}},
      Known{"audio/x-scpls", {Format::pls, true}},
      Known{"audio/scpls", {Format::pls, true}},
      Known{"application/pls", {Format::pls, true}},
      Known{"application/pls+xml", {Format::pls, true}},
      Known{"application/xspf+xml", {Format::xspf, true}},
      Known{"", {std::nullopt, true}},
      Known{"text/plain", {std::nullopt, true}},
      Known{"application/octet-stream", {std::nullopt, true}},
      Known{"binary/octet-stream", {std::nullopt, true}},
  };
  const auto type = trimmed(content_type.substr(0, content_type.find(';')));
  for (const auto &one : known)
    if (equal(type, one.type))
      return one.says;
  return {};
}

// Takes the next line off `rest`, without blanks around it. It ends with LF, CR, or both.
std::string_view take_line(std::string_view &rest)
{
  const auto end = std::min(rest.find_first_of("\r\n"), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return trimmed(line);
}

constexpr std::array stream_schemes{
    std::string_view{"http://"},    std::string_view{"https://"},
    std::string_view{"icy://"},     std::string_view{"icys://"},
    std::string_view{"icyx://"},    std::string_view{"icecast://"},
    std::string_view{"icecasts://"}};

bool is_stream(std::string_view uri)
{
  return std::ranges::any_of(stream_schemes, [uri](std::string_view scheme) {
    return starts_with(uri, scheme) && uri.size() > scheme.size() &&
           std::string_view{"/?#"}.find(uri[scheme.size()]) == std::string_view::npos;
  });
}

// A URI list without a header: the first line that is no comment says what it is.
PlaylistGuess guess_lines(std::string_view text, bool declared)
{
  while (!text.empty()) {
    const bool last = text.find_first_of("\r\n") == std::string_view::npos;
    const auto line = take_line(text);
    if (line.empty() || line.starts_with('#'))
      continue;
    if (declared || is_stream(line))
      return PlaylistGuess::yes;
    const bool open = last && std::ranges::any_of(stream_schemes, [line](auto scheme) {
                        return may_become(line, scheme) || equal(line, scheme);
                      });
    return open ? PlaylistGuess::undecided : PlaylistGuess::no;
  }
  return PlaylistGuess::undecided;
}

PlaylistGuess guess_text(std::string_view text, const Declared &declared)
{
  constexpr std::array heads{std::string_view{"#EXTM3U"}, std::string_view{"[playlist]"}};
  for (const auto head : heads) {
    if (starts_with(text, head))
      return PlaylistGuess::yes;
    if (may_become(text, head))
      return PlaylistGuess::undecided;
  }
  if (text.starts_with('<'))
    return guess_xspf(text);
  if (!declared.open)
    return PlaylistGuess::no;
  return guess_lines(text, declared.format.has_value());
}

// Gathers entries within the limits.
class Entries {
 public:
  Entries(std::string_view base_uri, const PlaylistLimits &limits)
      : base_uri_{base_uri}, limits_{limits}
  {
  }

  void add(std::string_view reference, std::string_view title)
  {
    if (playlist_.entries.size() == limits_.max_entries)
      return;
    reference = trimmed(reference);
    // An empty one would be the playlist itself.
    auto uri = !reference.empty() && reference.size() <= limits_.max_uri_size
                   ? resolve_uri(base_uri_, escaped_uri(reference))
                   : std::nullopt;
    if (!uri || uri->size() > limits_.max_uri_size || !is_stream(*uri)) {
      ++playlist_.left_out;
      return;
    }
    // Cut first: a title that is not UTF-8 becomes longer when it is made so.
    const auto text = utf8_of(utf8_prefix(trimmed(title), limits_.max_title_size));
    playlist_.entries.push_back(
        {std::move(*uri), std::string{utf8_prefix(text, limits_.max_title_size)}});
  }

  std::variant<Playlist, PlaylistFault> finish(Format format)
  {
    if (playlist_.entries.empty())
      return PlaylistFault::no_entries;
    playlist_.format = format;
    return std::move(playlist_);
  }

 private:
  std::string_view base_uri_;
  const PlaylistLimits &limits_;
  Playlist playlist_;
};

// The title is what follows the first comma that is not in the quotes of an attribute.
std::string_view title_of_extinf(std::string_view text)
{
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"')
      quoted = !quoted;
    else if (text[i] == ',' && !quoted)
      return text.substr(i + 1);
  }
  const auto comma = text.find(',');
  return comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
}

std::variant<Playlist, PlaylistFault> parse_m3u(std::string_view text, Entries &entries)
{
  constexpr std::string_view title_mark = "#EXTINF:";
  std::string_view title;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (starts_with(line, "#EXT-X-"))
      return PlaylistFault::hls;
    if (starts_with(line, title_mark))
      title = title_of_extinf(line.substr(title_mark.size()));
    else if (!line.empty() && !line.starts_with('#'))
      entries.add(line, std::exchange(title, {}));
  }
  return entries.finish(Format::m3u);
}

// The number in "File12", for the key "File".
std::optional<std::uint32_t> number_of(std::string_view name, std::string_view key)
{
  if (!starts_with(name, key))
    return std::nullopt;
  const auto digits = trimmed(name.substr(key.size()));
  std::uint32_t number = 0;
  const char *const end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || parsed != end)
    return std::nullopt;
  return number;
}

// The numbers say the order, not the lines; of two entries with one number the first counts.
std::variant<Playlist, PlaylistFault> parse_pls(std::string_view text, Entries &entries)
{
  struct Numbered {
    std::string_view uri;
    std::string_view title;
  };
  std::map<std::uint32_t, Numbered> numbered;
  while (!text.empty()) {
    const auto line = take_line(text);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
      continue;
    const auto name = line.substr(0, equals);
    const auto value = trimmed(line.substr(equals + 1));
    if (const auto file = number_of(name, "File")) {
      if (auto &uri = numbered[*file].uri; uri.empty())
        uri = value;
    } else if (const auto number = number_of(name, "Title")) {
      if (auto &title = numbered[*number].title; title.empty())
        title = value;
    }
  }
  for (const auto &[number, entry] : numbered)
    if (!entry.uri.empty())
      entries.add(entry.uri, entry.title);
  return entries.finish(Format::pls);
}

std::variant<Playlist, PlaylistFault> parse_xspf(std::string_view text, Entries &entries)
{
  const bool whole =
      read_xspf(text, [&entries](auto location, auto title) { entries.add(location, title); });
  auto result = entries.finish(Format::xspf);
  // What came before the mistake can be played.
  if (!whole && std::holds_alternative<PlaylistFault>(result))
    return PlaylistFault::malformed;
  return result;
}

}  // namespace

const char *describe(PlaylistFault fault)
{
  switch (fault) {
  case PlaylistFault::no_playlist: return "is something else";
  case PlaylistFault::hls: return "lists the segments of an HLS stream";
  case PlaylistFault::too_large: return "is too large";
  case PlaylistFault::malformed: return "is damaged";
  case PlaylistFault::no_entries: return "names no stream";
  }
  return "";
}

PlaylistGuess guess_playlist(Bytes beginning, std::string_view content_type)
{
  const auto all = as_text(beginning.first(std::min(beginning.size(), most_to_guess_from)));
  auto text = without_bom(all);
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  auto guess = PlaylistGuess::no;
  if (text.empty() || may_become(all, "\xef\xbb\xbf"))
    guess = PlaylistGuess::undecided;
  else if (!is_binary(text))
    guess = guess_text(text, declared_by(content_type));
  if (guess == PlaylistGuess::undecided && beginning.size() >= most_to_guess_from)
    return PlaylistGuess::no;
  return guess;
}

std::variant<Playlist, PlaylistFault> parse_playlist(Bytes document,
                                                     std::string_view content_type,
                                                     std::string_view base_uri,
                                                     const PlaylistLimits &limits)
{
  const auto guess = guess_playlist(document, content_type);
  if (guess == PlaylistGuess::no)
    return PlaylistFault::no_playlist;
  const auto declared = declared_by(content_type).format;
  if (guess == PlaylistGuess::undecided && !declared)
    return PlaylistFault::no_playlist;
  if (document.size() > limits.max_size)
    return PlaylistFault::too_large;
  const auto text = trimmed(without_bom(as_text(document)));
  if (is_binary(text))
    return PlaylistFault::no_playlist;
  Entries entries{base_uri, limits};
  if (text.starts_with('<'))
    return parse_xspf(text, entries);
  const bool pls = starts_with(text, "[playlist]") ||
                   (declared == Format::pls && !starts_with(text, "#EXTM3U"));
  return pls ? parse_pls(text, entries) : parse_m3u(text, entries);
}

}  // namespace kam::http
