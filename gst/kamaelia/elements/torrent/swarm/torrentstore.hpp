// SPDX-License-Identifier: LGPL-2.1-or-later
// A torrent's folder in the user's cache: its metadata, the journal of what is on the disk, and
// its files if they have no other place.
#pragma once

#include "core/bytes.hpp"
#include "core/torrent/contents.hpp"
#include "core/torrent/journal.hpp"
#include "net/file_descriptor.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kam::torrent {

class TorrentStore {
 public:
  // Makes the folder, for nobody else to read. If another process has it, or there can be none,
  // it is one that has no past. Null as long as this process has it: whoever held the torrent
  // before is putting it away, and what it leaves is of use.
  static std::unique_ptr<TorrentStore> take(const std::string &info_hash);
  ~TorrentStore();
  TorrentStore(const TorrentStore &) = delete;
  TorrentStore &operator=(const TorrentStore &) = delete;

  // Where files go that have no other place; empty if there can be no folder.
  std::string data_folder() const { return folder_.empty() ? folder_ : folder_ + "/data"; }

  // The torrent's metadata as it was known before; empty if it was not.
  ByteVector metainfo() const;
  void keep_metainfo(Bytes metainfo);

  // The pieces that are there by what was noted before; nothing if that cannot be believed.
  std::optional<std::vector<bool>> noted(const Contents &contents, const std::string &info_hash,
                                         const std::string &save_path) const;
  // From now on what comes is noted, after what is there already.
  void begin_notes(const Contents &contents, const std::string &info_hash,
                   const std::string &save_path, const std::vector<bool> &have);
  void note(std::uint32_t piece);
  // The torrent is put away in order. That counts after the machine has been switched off, too,
  // as soon as these files are on the disk, which nobody waits for.
  void end_notes(std::vector<std::string> files);

  // The folder and all in it is of no use any more.
  void discard();

 private:
  enum class Lock { taken, held_here, changing_hands, refused };

  TorrentStore() = default;
  Lock lock();

  std::string folder_;
  net::FileDescriptor lock_;
  net::FileDescriptor journal_file_;
  std::optional<Journal> journal_;
};

}  // namespace kam::torrent
