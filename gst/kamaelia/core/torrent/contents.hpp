// SPDX-License-Identifier: LGPL-2.1-or-later
// What a torrent's metadata says, and which of its files somebody means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kam::torrent {

struct File {
  std::string path;          // relative to the save path, with slashes
  std::uint64_t offset = 0;  // of its first byte in the torrent
  std::uint64_t size = 0;    // in bytes
  std::int32_t index = 0;    // among all of the torrent's files, padding too
  bool is_link = false;      // a symbolic link, which has no bytes of its own

  friend bool operator==(const File &, const File &) = default;
};

// A run of bytes of a file, or of pieces of a torrent; the end is not in it.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  friend bool operator==(const Range &, const Range &) = default;
};

struct Contents {
  std::string name;
  std::string comment;
  std::string created_by;
  std::uint64_t size = 0;  // in bytes, with padding
  std::uint32_t piece_length = 0;
  std::uint32_t piece_count = 0;
  std::vector<File> files;  // padding is not among them
  bool is_private = false;
  bool has_v1 = false;
  bool has_v2 = false;

  // The pieces in which bytes of a range of a file are; none if there are none.
  Range pieces_of(const File &file, Range bytes) const;
  Range pieces_of(const File &file) const { return pieces_of(file, {0, file.size}); }
  // Whether each file is somewhere below the save path.
  bool stays_below() const;
};

// Whether a path, relative to a folder, names something below that folder.
bool is_below(std::string_view path);

// What the user said about the file to play; more specific wishes go first.
struct FileWish {
  std::int32_t index = -1;                 // among the files without padding; -1 for none
  std::string path = {};                   // a path or a glob (* ? [abc]); empty for none
  std::vector<std::int32_t> indices = {};  // from a magnet's "so", counted with padding
};

// Which of the files that is: by index, else by path, else the first of the magnet's, else the
// largest that looks like sound or video, else the largest. Nothing if the wish cannot be met.
std::optional<std::size_t> choose_file(const Contents &contents, const FileWish &wish);

// Which files are shown together: all that can be played and fit the path or glob; without one
// the file that choose_file() takes, and the subtitles beside it that are named after it.
std::vector<std::size_t> choose_files(const Contents &contents, const std::string &path);

// As a shell does it, with slashes as any other character; `[!a-z]` too.
bool matches_glob(std::string_view pattern, std::string_view text);

// Whether the name ends as those of sound or video do.
bool looks_like_media(std::string_view path);
bool looks_like_subtitles(std::string_view path);

}  // namespace kam::torrent
