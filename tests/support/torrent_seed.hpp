// SPDX-License-Identifier: LGPL-2.1-or-later
// A peer in this process that has a torrent's data: libtorrent as it comes, with its own disk
// I/O and nothing of ours. Its header has nothing of libtorrent's, which is slow to compile.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace kam::test {

// A folder of its own that goes with the object, and all in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::filesystem::path &path() const { return path_; }

 private:
  std::filesystem::path path_;
};

enum class TorrentFormat { v1, v2, hybrid };

struct SeedOptions {
  struct FileSpec {
    std::string path;
    std::size_t size = 0;
    std::string head = {};  // what it begins with
  };
  std::vector<FileSpec> files{{"clip.ts", 3'000'000}};  // one, or several in a folder
  std::string name = "torrent";                         // of that folder
  int piece_length = 65536;
  TorrentFormat format = TorrentFormat::v1;
  std::string listen = "127.0.0.1:0";
  std::uint32_t random_seed = 1;  // of the files' bytes
  int upload_limit = 0;           // bytes a second, to loopback too; 0 for none
  bool forces_encryption = false;
  bool is_private = false;
  bool lies = false;  // some of its bytes are not the torrent's
  std::vector<std::string> trackers;
  std::vector<std::string> web_seeds;
};

class TorrentSeed {
 public:
  explicit TorrentSeed(const SeedOptions &options = {});
  ~TorrentSeed();
  TorrentSeed(const TorrentSeed &) = delete;
  TorrentSeed &operator=(const TorrentSeed &) = delete;

  const ByteVector &metainfo() const { return metainfo_; }
  // With this peer's address in it.
  std::string magnet() const;
  std::string bare_magnet() const { return magnet_; }
  std::string address() const { return address_; }
  const ByteVector &content(std::size_t file = 0) const { return contents_[file]; }
  // Where the files are.
  const std::filesystem::path &folder() const { return folder_.path(); }
  // The torrent's metadata in a file.
  std::string torrent_file() const { return (folder_.path() / "it.torrent").string(); }

  // Connects to nobody, and lets nobody in.
  void pause();
  void resume();
  // Ends all connections, and lets in who calls again.
  void hang_up();
  // On a peer that wants nothing of it.
  void wait_until_it_hangs_up();
  // Bytes of data sent, those sent twice too.
  std::int64_t uploaded() const;

 private:
  struct Peer;
  TemporaryFolder folder_;
  std::vector<ByteVector> contents_;
  ByteVector metainfo_;
  std::string magnet_;
  std::string address_;
  std::unique_ptr<Peer> peer_;
};

// A peer in this process that wants a torrent, and asks whoever calls it.
class TorrentLeech {
 public:
  explicit TorrentLeech(const ByteVector &metainfo);
  ~TorrentLeech();
  TorrentLeech(const TorrentLeech &) = delete;
  TorrentLeech &operator=(const TorrentLeech &) = delete;

  std::string address() const { return address_; }
  std::size_t pieces() const;   // that it has
  std::int64_t failed() const;  // bytes that did not have the right hash

 private:
  struct Peer;
  TemporaryFolder folder_;
  std::string address_;
  std::unique_ptr<Peer> peer_;
};

}  // namespace kam::test
