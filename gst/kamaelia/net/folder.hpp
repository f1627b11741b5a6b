// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "net/error.hpp"
#include "net/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace kam::net {

// A file or folder as it was when it was opened.
struct OpenFile {
  FileDescriptor descriptor;
  bool is_folder = false;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::uint64_t modified_ns = 0;  // since 1970
};

// A folder whose files may be opened by names that strangers say: whatever those are, and
// whatever links are in it, nothing outside is. Any thread.
class Folder {
 public:
  static std::variant<Folder, Error> open(const std::string &path);

  // `name`: names with slashes between them, or nothing for the folder itself. Only what is a
  // file or a folder is opened; nothing here waits for somebody to write or read. The kernel
  // sees to it that links do not lead outside; one that cannot (before 5.6) follows none.
  std::variant<OpenFile, Error> open_file(const std::string &name) const;

  struct Entry {
    std::string name;
    bool is_folder = false;
    std::uint64_t size = 0;
    std::int64_t modified = 0;  // seconds since 1970
  };
  // What is in an open folder, `max_entries` at most and one more if there are more. What
  // cannot be opened is left out, and so are names with a dot before them unless they are
  // asked for.
  std::vector<Entry> list(const std::string &name, std::size_t max_entries,
                          bool with_hidden) const;

 private:
  explicit Folder(FileDescriptor descriptor) : descriptor_{std::move(descriptor)} {}
  FileDescriptor open_beneath(const std::string &name, int flags) const;

  FileDescriptor descriptor_;
};

// Whether so much of a file can be sent without waiting for a disk, as far as its ends tell.
bool is_in_memory(int file, std::uint64_t offset, std::size_t size);
// Sees to it that it can. May wait for the disk.
void bring_into_memory(int file, std::uint64_t offset, std::size_t size);

}  // namespace kam::net
