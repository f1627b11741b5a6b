// SPDX-License-Identifier: LGPL-2.1-or-later
// Addresses in a text, one per line, as RFC 2483 has them (text/uri-list).
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace kam::http {

// Finds the addresses in a text that comes in pieces. Lines end in LF, CR or both; those that
// are empty or begin with # say nothing.
class UriListReader {
 public:
  explicit UriListReader(std::size_t max_line_size = 8192) : max_line_size_{max_line_size} {}

  // Takes the next bytes; they must stay until poll() has returned nothing.
  void feed(Bytes input);
  std::optional<std::string> poll();

  // The text ends, or goes on somewhere else: what stands in a line without an end. After this
  // the reader is as new.
  std::optional<std::string> end();

  // Lines that were longer than allowed.
  std::uint64_t lines_dropped() const { return lines_dropped_; }

 private:
  std::optional<std::string> take_line();

  std::size_t max_line_size_;
  Bytes input_;
  std::string line_;  // as far as it is known
  bool too_long_ = false;
  std::uint64_t lines_dropped_ = 0;
};

}  // namespace kam::http
