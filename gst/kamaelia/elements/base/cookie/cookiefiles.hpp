// SPDX-License-Identifier: LGPL-2.1-or-later
// Files and folders that cookies come from, opened so that nobody who may write into a folder
// can make more of the machine readable than is in it.
#pragma once

#include "core/bytes.hpp"
#include "net/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kam {

// Why there are no cookies, as a value.
struct CookieFault {
  enum class Kind {
    not_found,
    not_readable,  // there, but it cannot be opened or read
    not_usable,    // and nothing of it is a cookie
  };
  Kind kind;
  std::string what;  // a sentence for the user, with the reason in it
};

template <class Value>
using OrFault = std::variant<Value, CookieFault>;

// From errno: "`failed`: the reason."
CookieFault fault_of_errno(const std::string &failed);

enum class Links {
  follow,
  refuse,  // in the last part of a name
};

// What a file is and in which state: the same for two files only if they are one, unchanged.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const FileIdentity &) const = default;
};

struct OpenFile {
  net::FileDescriptor descriptor;
  FileIdentity identity;
  std::uint64_t size = 0;  // in bytes, when it was opened
};

// A regular file and nothing else; no name can make it wait. `folder`: AT_FDCWD, or an open
// folder that `name` is relative to.
OrFault<OpenFile> open_regular_file(int folder, const std::string &name, Links links);

OrFault<ByteVector> read_regular_file(int folder, const std::string &name, Links links,
                                      std::size_t max_size);

// Nothing if there is no such file.
OrFault<FileIdentity> identity_of(int folder, const std::string &name, Links links);

struct Folder {
  net::FileDescriptor descriptor;
  FileIdentity identity;
  std::vector<std::string> names;  // of regular files that are not hidden, in order
  std::vector<std::string> links;  // of links, which count as files with Links::follow
  bool has_more = false;           // than `max_names`
};

inline constexpr std::size_t max_names = 65'536;

OrFault<Folder> open_folder(const std::string &path, Links links);

// Whether there is a folder of that name.
bool is_folder(const std::string &path);

}  // namespace kam
