// SPDX-License-Identifier: LGPL-2.1-or-later
// What libtorrent makes of the same data, and what it reads in a torrent.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kam::test {

// A folder that is removed with everything in it.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;

  const std::filesystem::path &path() const { return path_; }
  std::string operator/(std::string_view name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

void write_file(const std::string &path, Bytes data);
ByteVector read_file(const std::string &path);

// Of a file of that name, with neither date nor comment; `format` is v1, v2 or hybrid.
ByteVector torrent_by_libtorrent(const Folder &folder, const std::string &name, Bytes data,
                                 std::string_view format, int piece_size);

struct ReadTorrent {
  std::string name;
  std::string comment;
  std::string creator;
  std::int64_t creation_date = 0;
  bool is_private = false;
  bool has_v1 = false;
  bool has_v2 = false;
  std::string info_hash;  // of version 1, else 2
  std::int64_t size = 0;
  int piece_size = 0;
  std::vector<std::string> trackers;  // tier, blank, address
  std::vector<std::string> web_seeds;
};
ReadTorrent read_torrent(Bytes metainfo);

std::string magnet_of(Bytes metainfo);

// Whether each piece of the torrent's only file has the hash that the torrent says.
bool has_all_pieces(Bytes metainfo, const std::string &folder);

// Downloads the torrent's only file from 127.0.0.1:port as another client would, by its
// .torrent or, if that is empty, by the magnet link. Nothing if it is not there in `seconds`.
std::optional<ByteVector> download(Bytes metainfo, const std::string &magnet, int port,
                                   int seconds);

std::string printable(Bytes bytes);

}  // namespace kam::test
