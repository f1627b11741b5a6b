// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/contents.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <string>

namespace kam::torrent {

namespace {

char lower(char c)
{
  return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

// What a set in brackets says about `c`; `at` is behind the opening bracket, and is moved
// behind the closing one. Nothing if there is none: then the bracket means itself.
std::optional<bool> in_set(std::string_view pattern, std::size_t &at, char c)
{
  auto i = at;
  const bool negated = i < pattern.size() && pattern[i] == '!';
  if (negated)
    ++i;
  bool found = false;
  for (const auto first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) {
      at = i + 1;
      return found != negated;
    }
    const bool is_span =
        i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']';
    const auto to = is_span ? pattern[i + 2] : pattern[i];
    found |= pattern[i] <= c && c <= to;
    if (is_span)
      i += 2;
  }
  return std::nullopt;
}

// Whether one character of the pattern, or one set, takes `c`; moves behind it if so.
bool takes(std::string_view pattern, std::size_t &at, char c)
{
  if (at >= pattern.size())
    return false;
  const char p = pattern[at];
  if (p == '[') {
    auto behind = at + 1;
    if (const auto found = in_set(pattern, behind, c)) {
      at = behind;
      return *found;
    }
  }
  if (p != '?' && p != c)
    return false;
  ++at;
  return true;
}

// A choice that can be played: there are bytes in it.
bool is_playable(const File &file)
{
  return file.size > 0 && !file.is_link;
}

// A torrent of several files has them in a folder of its name.
bool fits_glob(const Contents &contents, const std::string &glob, const std::string &path)
{
  return matches_glob(glob, path) || matches_glob(contents.name + '/' + glob, path);
}

std::optional<std::size_t> by_path(const Contents &contents, const std::string &path)
{
  const auto first_that = [&](auto fits) -> std::optional<std::size_t> {
    const auto found = std::ranges::find_if(
        contents.files, [&](const File &file) { return is_playable(file) && fits(file.path); });
    if (found == contents.files.end())
      return std::nullopt;
    return static_cast<std::size_t>(found - contents.files.begin());
  };
  if (const auto exact = first_that([&](const std::string &p) { return p == path; }))
    return exact;
  if (const auto inside =
          first_that([&](const std::string &p) { return p == contents.name + '/' + path; }))
    return inside;
  return first_that([&](const std::string &p) { return fits_glob(contents, path, p); });
}

bool ends_in_one_of(std::string_view path, std::span<const std::string_view> endings)
{
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos)
    return false;
  std::string ending{path.substr(dot + 1)};
  std::ranges::transform(ending, ending.begin(), lower);
  return std::ranges::find(endings, ending) != endings.end();
}

std::string_view without_ending(std::string_view path)
{
  return path.substr(0, path.rfind('.'));
}

std::optional<std::size_t> largest(const Contents &contents, bool only_media)
{
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < contents.files.size(); ++i) {
    const auto &file = contents.files[i];
    if (!is_playable(file) || (only_media && !looks_like_media(file.path)))
      continue;
    if (!best || file.size > contents.files[*best].size)
      best = i;
  }
  return best;
}

}  // namespace

Range Contents::pieces_of(const File &file, Range bytes) const
{
  const auto end = std::min(bytes.end, file.size);
  if (bytes.begin >= end || piece_length == 0)
    return {};
  return {(file.offset + bytes.begin) / piece_length,
          (file.offset + end - 1) / piece_length + 1};
}

std::optional<std::size_t> choose_file(const Contents &contents, const FileWish &wish)
{
  if (wish.index >= 0) {
    const auto index = static_cast<std::size_t>(wish.index);
    if (index >= contents.files.size() || !is_playable(contents.files[index]))
      return std::nullopt;
    return index;
  }
  if (!wish.path.empty())
    return by_path(contents, wish.path);
  for (std::size_t i = 0; i < contents.files.size(); ++i)
    if (is_playable(contents.files[i]) &&
        std::ranges::find(wish.indices, contents.files[i].index) != wish.indices.end())
      return i;
  if (const auto media = largest(contents, true))
    return media;
  return largest(contents, false);
}

bool Contents::stays_below() const
{
  return std::all_of(files.begin(), files.end(),
                     [](const File &file) { return is_below(file.path); });
}

bool is_below(std::string_view path)
{
  if (path.find('\0') != std::string_view::npos)
    return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..")
      return false;
    begin = end + 1;
  }
  return true;
}

// One star at a time is enough: where a later one fails, an earlier one could not have helped.
bool matches_glob(std::string_view pattern, std::string_view text)
{
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (auto next = p; takes(pattern, next, text[t])) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

std::vector<std::size_t> choose_files(const Contents &contents, const std::string &path)
{
  const auto all_that = [&](auto fits) {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < contents.files.size(); ++i)
      if (is_playable(contents.files[i]) && fits(contents.files[i].path))
        all.push_back(i);
    return all;
  };
  const auto first = choose_file(contents, {.path = path});
  if (!first)
    return {};
  if (!path.empty()) {
    const auto all = all_that([&](const auto &p) { return fits_glob(contents, path, p); });
    return all.empty() ? std::vector{*first} : all;
  }
  const auto stem = without_ending(contents.files[*first].path);
  auto files =
      all_that([&](const auto &p) { return looks_like_subtitles(p) && p.starts_with(stem); });
  files.insert(files.begin(), *first);
  return files;
}

bool looks_like_media(std::string_view path)
{
  static constexpr std::array<std::string_view, 34> endings{
      "3gp", "aac",  "aif", "aiff", "avi", "flac", "flv",  "m2ts", "m4a", "m4b", "m4v", "mka",
      "mkv", "mov",  "mp2", "mp3",  "mp4", "mpeg", "mpg",  "mts",  "mxf", "oga", "ogg", "ogm",
      "ogv", "opus", "rm",  "ts",   "vob", "wav",  "webm", "wma",  "wmv", "wv"};
  return ends_in_one_of(path, endings);
}

bool looks_like_subtitles(std::string_view path)
{
  static constexpr std::array<std::string_view, 5> endings{"ass", "srt", "ssa", "sub", "vtt"};
  return ends_in_one_of(path, endings);
}

}  // namespace kam::torrent
