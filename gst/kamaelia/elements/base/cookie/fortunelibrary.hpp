// SPDX-License-Identifier: LGPL-2.1-or-later
// Where fortune databases are, and what is in them; read once for all elements of a process.
#pragma once

#include "core/cookie/jar.hpp"
#include "elements/base/cookie/cookiefiles.hpp"

#include <compare>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace kam {

struct FortuneChoice {
  // Files, folders, and names of databases that the system has, with colons in between; empty
  // for all that the system has.
  std::string location;
  bool offensive = true;
  cookie::Selection selection;
};

// What FORTUNE_PATH says, as of FreeBSD's fortune(6). Unset, where systems have their
// databases, first the user's own: XDG, Debian, Fedora and FreeBSD, Arch, Homebrew.
std::vector<std::string> fortune_search_path();

struct Fortunes {
  cookie::Jar jar;
  // What was left out on the way, in sentences.
  std::vector<std::string> remarks;
  // Of the files and folders, to find out whether anything has changed.
  std::vector<std::pair<std::string, FileIdentity>> read_from;
};

// A change on the disk is seen after a second at the latest. Without a `location`, and no
// database anywhere, a few cookies of our own.
OrFault<std::shared_ptr<const Fortunes>> open_fortunes(const FortuneChoice &choice);

}  // namespace kam
