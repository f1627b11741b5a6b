// SPDX-License-Identifier: LGPL-2.1-or-later
// Files that are written once, from the beginning to the end.
#pragma once

#include "core/bytes.hpp"
#include "elements/torrent/swarm/torrentsession.hpp"
#include "net/file_descriptor.hpp"

#include <optional>
#include <string>
#include <variant>

namespace kam {

class OutputFile {
 public:
  // What was there under this name is gone then.
  static std::variant<OutputFile, torrent::Failure> create(const std::string &path);

  std::optional<torrent::Failure> write(Bytes bytes);
  // What the system only says at the end.
  std::optional<torrent::Failure> close();
  const std::string &path() const { return path_; }

 private:
  OutputFile(std::string path, net::FileDescriptor file)
      : path_{std::move(path)}, file_{std::move(file)}
  {
  }

  std::string path_;
  net::FileDescriptor file_;
};

// Whoever reads the file meanwhile gets what was there before or the new bytes, all of them.
std::optional<torrent::Failure> replace_file(const std::string &path, Bytes bytes);

}  // namespace kam
