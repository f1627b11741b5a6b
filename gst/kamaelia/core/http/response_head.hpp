// SPDX-License-Identifier: LGPL-2.1-or-later
// The head of a response, as radio servers write it:
//
//   HTTP/1.1 200 OK    or    HTTP/1.0 200 OK    or    ICY 200 OK
//   icy-name: Radio Österreich      in any character set
//   <empty line>
//
// Lines end in CR LF or LF. Values keep their bytes: HTTP says nothing about the character set
// of those that stations invented, and who decodes them too early cannot do it again.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kam::http {

struct ResponseHead {
  struct Field {
    std::string key;    // the name in lower case
    std::string value;  // without the blanks around it
  };

  std::string protocol;  // "HTTP" or "ICY"
  std::string version;   // "1.1"; empty for ICY
  unsigned status = 0;   // 100 to 999
  std::string reason;
  std::vector<Field> fields;      // in their order; a name may come more than once
  std::size_t lines_ignored = 0;  // that were no fields

  // The value of the first field of that name, or nullptr; `key` is in lower case.
  const std::string *find(std::string_view key) const;
};

enum class HeadFault {
  no_response,  // does not begin as a response does
  too_large,    // larger than the limit, or more lines than allowed
};

// Reads one head from a stream of bytes.
class ResponseHeadParser {
 public:
  struct Limits {
    std::size_t max_size = std::size_t{64} << 10U;
    std::size_t max_fields = 256;
  };
  enum class State { reading, complete, faulty };

  explicit ResponseHeadParser(Limits limits) : limits_{limits} {}

  // Takes the next bytes and returns how many of them belong to the head; what follows a
  // complete head is the body.
  std::size_t feed(Bytes input);

  State state() const { return state_; }
  HeadFault fault() const { return fault_; }          // if faulty
  const ResponseHead &head() const { return head_; }  // if complete

 private:
  void handle_line();
  void handle_status_line(std::string_view line);
  void handle_field_line(std::string_view line);
  void give_up(HeadFault fault);

  Limits limits_;
  State state_ = State::reading;
  HeadFault fault_{};
  ResponseHead head_;
  std::string line_;
  std::size_t size_ = 0;
  std::size_t lines_ = 0;
  bool has_status_ = false;
};

// A decimal number that fills all of `text`.
std::optional<std::uint64_t> decimal(std::string_view text);

}  // namespace kam::http
