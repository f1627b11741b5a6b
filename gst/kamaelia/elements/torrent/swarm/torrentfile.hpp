// SPDX-License-Identifier: LGPL-2.1-or-later
// A file in a torrent's folder, opened without ever leaving that folder.
#pragma once

#include "core/bytes.hpp"
#include "net/file_descriptor.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace kam::torrent {

class TorrentFile {
 public:
  // Nothing if it cannot be opened (errno says why), or is not a regular file.
  static std::optional<TorrentFile> open(const std::string &folder, const std::string &path);

  static std::optional<TorrentFile> open_to_write(const std::string &folder,
                                                  const std::string &path);

  std::int64_t size() const;  // in bytes; -1 if it cannot be told
  bool is_deleted() const;    // it has no name any more
  // All of `to`, or false with errno; ENODATA if the file ends before.
  bool read(MutableBytes to, std::uint64_t offset) const;
  // All of `from`, or false with errno.
  bool write(Bytes from, std::uint64_t offset) const;

 private:
  static std::optional<TorrentFile> open(const std::string &folder, const std::string &path,
                                         int access);
  explicit TorrentFile(net::FileDescriptor file) : file_{std::move(file)} {}
  net::FileDescriptor file_;
};

}  // namespace kam::torrent
