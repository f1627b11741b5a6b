// SPDX-License-Identifier: LGPL-2.1-or-later
// The head of a request, as a server that strangers may reach reads it (RFC 9112):
//
//   <method> SP <target> SP HTTP/1.<0 or 1> CRLF    or    … SP ICE/1.0 CRLF
//   *( <name> ":" <value> CRLF )
//   CRLF
//
// Nothing here is liberal. Where two readers of the same bytes could see two different requests
// the connection is not worth keeping: bare LF, blanks around names, folded lines, lengths that
// are doubled or contradict each other, no host or two.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kam::http {

struct RequestHead {
  struct Field {
    std::string key;    // the name in lower case
    std::string value;  // without the blanks around it
  };

  std::string method;
  std::string target;          // as it was sent
  std::string path;            // of the target, without query; still encoded; "*" too
  std::string query;           // what follows its question mark
  unsigned minor_version = 1;  // of HTTP/1
  std::vector<Field> fields;   // in their order
  std::uint64_t content_length = 0;
  bool has_length = false;
  bool is_chunked = false;
  bool expects_continue = false;
  bool keeps_alive = false;

  // The value of the first field of that name, or nullptr; `key` is in lower case.
  const std::string *find(std::string_view key) const;
};

// Reads one head from a stream of bytes.
class RequestHeadParser {
 public:
  struct Limits {
    std::size_t max_size = std::size_t{16} << 10U;
    std::size_t max_target_size = 4096;
    std::size_t max_fields = 100;
  };
  enum class State { reading, complete, refused };

  RequestHeadParser() : RequestHeadParser{Limits{}} {}
  explicit RequestHeadParser(Limits limits) : limits_{limits} {}

  // Takes the next bytes and returns how many of them belong to the head.
  std::size_t feed(Bytes input);

  State state() const { return state_; }
  bool has_begun() const { return size_ > 0; }
  // If complete.
  const RequestHead &head() const { return head_; }
  // If refused: a status for the answer, and a sentence without a full stop.
  unsigned status() const { return status_; }
  const char *reason() const { return reason_; }

 private:
  void handle_line();
  void handle_request_line();
  void handle_target();
  void handle_field_line();
  void handle_end();
  bool handle_framing();
  void refuse(unsigned status, const char *reason);

  Limits limits_;
  State state_ = State::reading;
  RequestHead head_;
  std::string line_;
  std::size_t size_ = 0;
  bool has_request_line_ = false;
  bool is_icecast_ = false;  // an old source client; it needs no host
  unsigned status_ = 0;
  const char *reason_ = "";
};

// The value of `name` in a query string, decoded; nothing if it is not there, or no text.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

// "%41+b" as "A+b", or "A b" in a form's value. Nothing if a % stands alone or means NUL.
enum class Plus { is_plus, is_blank };
std::optional<std::string> percent_decoded(std::string_view text, Plus plus);

}  // namespace kam::http
