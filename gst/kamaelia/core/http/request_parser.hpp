// SPDX-License-Identifier: LGPL-2.1-or-later
// Requests as Kamaelia's MimeRequestComponent takes them, by the rules of RFC 9112:
//
//   <method> SP <uri> SP <protocol>/<version> CRLF
//   *( <name> ":" <value> CRLF )
//   CRLF
//   <body: Content-Length bytes, or chunks (Transfer-Encoding: chunked), or nothing>
//
// Any protocol that looks like this will do (HTTP, RTSP, SIP, ICE). A line of the head may end
// with a bare LF; the lines between chunks may not, as they are where two readers of the same
// bytes are most easily made to disagree.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kam::http {

struct Header {
  std::string key;    // the name in lower case
  std::string name;   // as first spelled
  std::string value;  // of all headers of that name, in their order, joined with ", "
};

struct Request {
  std::string method;
  std::string uri;  // as it was sent, in any of the forms of RFC 9112, section 3.2
  std::string protocol;
  std::string version;
  std::vector<Header> headers;   // in the order of their first appearance
  std::vector<Header> trailers;  // the same, from after a chunked body
  Bytes body;                    // in the input, or in `collected`
  ByteVector collected;          // if the body came in pieces
  bool in_input = false;
  std::uint64_t offset = 0;  // of its first byte in all that was fed

  // The value of a header, or nullptr; `key` is in lower case.
  const std::string *find(std::string_view key) const;
};

enum class RequestFault {
  bad_request_line,  // not method, URI and protocol/version
  bad_header,        // no colon, a name that is none, a control character
  bad_length,        // Content-Length is not a number, or several different ones
  bad_encoding,      // a Transfer-Encoding other than chunked, or beside a Content-Length
  bad_chunk,         // not a chunk where one has to begin or end
  oversize_header,   // head, or trailers, larger than the limit
  oversize_body,     // body larger than the limit, there or declared
  short_request,     // the stream ends inside the request
};

// Finds requests in a stream of bytes.
//
// After a fault nothing tells for sure where the next request begins: lines are skipped until
// one that is a request line, starting with the faulty line. So a peer may hide a request in
// the body of one that it spoils; who cannot have that stops at the first fault.
class RequestParser {
 public:
  struct Limits {
    std::size_t max_header_size = std::size_t{64} << 10U;  // request line and headers in all
    std::size_t max_body_size = std::size_t{16} << 20U;
    std::size_t max_headers = 256;  // lines, in the head and once more in the trailers
  };
  struct Stats {
    std::uint64_t requests = 0;
    std::uint64_t request_bytes = 0;  // of them, as they came
    std::uint64_t bytes_skipped = 0;  // of nothing, or of requests that were dropped
    std::uint64_t blank_bytes = 0;    // in empty lines between requests
  };
  using Event = std::variant<Request, RequestFault>;

  explicit RequestParser(Limits limits) : limits_{limits} {}

  // Takes the next bytes; they must stay until poll() has returned nothing.
  void feed(Bytes input);
  std::optional<Event> poll();

  // Between two feeds, where the request began that is not complete yet, or may have begun.
  std::optional<std::uint64_t> open_since() const;

  // The stream ends, or goes on somewhere else: what is open is short.
  std::optional<RequestFault> end();

  const Stats &stats() const { return stats_; }

 private:
  enum class State {
    idle,        // the next line is a request line
    headers,     // in the head
    body,        // in a body of known length
    chunk_size,  // the next line says how long a chunk is
    chunk_data,
    chunk_end,  // the line end after a chunk
    trailers,   // after the last chunk
    lost,       // looking for a request line
    skipping,   // looking for the end of a line too long to look at
  };
  enum class Found { line, more, too_long };

  std::size_t line_limit() const;
  Found read_line(Bytes &line);
  bool skip_line();
  bool read_data();
  void consume(std::size_t size);

  std::optional<Event> handle_line(Bytes line);
  std::optional<Event> handle_first_line(Bytes line);
  std::optional<Event> handle_header_line(Bytes line);
  std::optional<Event> handle_trailer_line(Bytes line);
  std::optional<Event> handle_chunk_size(Bytes line);
  std::optional<Event> handle_long_line();
  std::optional<RequestFault> begin_body();
  std::optional<RequestFault> begin_body_of_length(std::string_view content_length);
  std::optional<RequestFault> add_field(std::vector<Header> &fields, std::string_view text);
  std::optional<RequestFault> begin_chunk(std::string_view text);
  bool begin_request(Bytes line);
  Event finish();
  RequestFault lose(RequestFault fault);
  RequestFault lose_at(RequestFault fault, Bytes line);

  Limits limits_;
  Stats stats_;
  Bytes input_;
  std::uint64_t offset_ = 0;  // of the input's first byte in all that was fed
  State state_ = State::idle;
  ByteVector line_;      // the part of a line that came with earlier inputs
  ByteVector complete_;  // a line that came with more than one input

  Request open_;
  std::uint64_t wire_size_ = 0;  // of what was read of the open request
  std::size_t extra_size_ = 0;   // of its chunk extensions and trailers
  std::size_t field_lines_ = 0;
  std::size_t last_field_ = 0;    // which field a folded line continues
  std::size_t data_missing_ = 0;  // of the body, or of the chunk
};

}  // namespace kam::http
