// SPDX-License-Identifier: LGPL-2.1-or-later
// What follows the head of a request, as a server that strangers may reach reads it: as long as
// was said, or in chunks, and never more than is allowed.
#pragma once

#include "core/bytes.hpp"
#include "core/http/chunked_body.hpp"
#include "core/http/request_head.hpp"

#include <cstdint>

namespace kam::http {

class RequestBody {
 public:
  enum class State { reading, complete, too_large, malformed };

  // No body at all.
  RequestBody() = default;
  // `max_size`: of the data; 0: any.
  RequestBody(const RequestHead &head, std::uint64_t max_size);

  struct Taken {
    std::size_t used = 0;  // of the input
    std::size_t data = 0;  // are at the input's beginning now
  };
  Taken feed(MutableBytes input);

  State state() const { return state_; }
  // Of the data so far.
  std::uint64_t size() const { return size_; }

 private:
  State state_ = State::complete;
  bool is_chunked_ = false;
  ChunkedBody chunks_{ChunkedBody::LineEnd::crlf};
  std::uint64_t left_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t max_size_ = 0;
};

}  // namespace kam::http
