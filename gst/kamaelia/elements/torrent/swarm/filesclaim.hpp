// SPDX-License-Identifier: LGPL-2.1-or-later
// That a torrent's files in some folder are in use, so that other processes see it: whoever
// goes last deletes them, if nobody wanted to keep them.
//
// It is a lock on a hidden file beside them, ".HASH.held", which goes with the last one. It has
// a byte in it if the files are to stay.
#pragma once

#include "net/file_descriptor.hpp"

#include <string>

namespace kam::torrent {

class FilesClaim {
 public:
  // If there can be no such file, as in a folder that is not to be written, nobody else is
  // seen.
  FilesClaim(const std::string &folder, const std::string &info_hash);
  ~FilesClaim();
  FilesClaim(const FilesClaim &) = delete;
  FilesClaim &operator=(const FilesClaim &) = delete;

  // Whether another one had the files when this one came.
  bool was_shared() const { return was_shared_; }
  // They stay, whoever goes last.
  void keep() const;
  // Gives the files up. True if they are to be deleted: nobody else has them, and nobody gets
  // them before the claim is gone.
  bool release();

 private:
  bool take();
  bool lock(short type) const;

  std::string path_;
  net::FileDescriptor file_;
  bool was_shared_ = false;
  bool is_last_ = false;
};

}  // namespace kam::torrent
