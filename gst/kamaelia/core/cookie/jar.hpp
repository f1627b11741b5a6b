// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/cookie/fortune_file.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kam::cookie {

enum class LineEnd { lf, crlf };

// `cookie` with the ends of lines that are wanted; all of them are LF before.
std::string with_line_ends(std::string_view cookie, LineEnd ends);

// Which cookies of a database count, by their size in bytes as they are sent.
struct Selection {
  std::size_t min_length = 0;
  std::size_t max_length = SIZE_MAX;
  LineEnd line_end = LineEnd::lf;
};

// All cookies of several databases, each as likely as every other, whichever database it is
// in: the weighting of fortune(6).
class Jar {
 public:
  struct Source {
    std::string name;  // as it is told who asks where a cookie was found
    std::shared_ptr<const FortuneFile> file;
  };
  struct Cookie {
    std::string_view source;
    std::size_t number;     // in its database, from 1
    std::string_view text;  // with LF
  };

  explicit Jar(std::vector<Source> sources, const Selection &selection = {});

  std::size_t size() const { return entries_.size(); }
  // Valid as long as the jar lives.
  Cookie operator[](std::size_t index) const;

 private:
  struct Entry {
    std::uint32_t source;
    std::uint32_t number;
  };

  std::vector<Source> sources_;
  std::vector<Entry> entries_;
};

// For where there is no database at all.
const FortuneFile &built_in_cookies();

}  // namespace kam::cookie
