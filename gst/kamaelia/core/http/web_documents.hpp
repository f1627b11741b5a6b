// SPDX-License-Identifier: LGPL-2.1-or-later
// Pages that a web server makes itself, and the lines it writes about what it did.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kam::http {

struct FolderEntry {
  std::string name;  // as the file system has it
  bool is_folder = false;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // seconds since 1970
};

// A page with links to all of them, folders first. `address`: of the folder, decoded, with a
// slash at its end. `is_cut`: there are more than these.
std::string folder_page(std::string_view address, std::vector<FolderEntry> entries,
                        bool has_parent, bool is_cut);

// What a log says about a request.
struct LoggedRequest {
  std::string peer;
  std::string user;
  std::int64_t time = 0;  // seconds since 1970
  std::string method;
  std::string target;
  unsigned minor_version = 1;
  unsigned status = 0;
  std::uint64_t bytes = 0;
  std::string referer;
  std::string user_agent;
};

// In the format that is known as "combined", with a line end. What clients wrote is escaped,
// so that it is one line whatever that was.
std::string log_line(const LoggedRequest &request);

}  // namespace kam::http
