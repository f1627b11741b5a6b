// SPDX-License-Identifier: LGPL-2.1-or-later
// Requests that depend on what is there (RFC 9110, section 13).
#pragma once

#include "core/http/request_head.hpp"

#include <cstdint>
#include <string>

namespace kam::http {

// What tells one state of a file from another.
struct Validators {
  std::string etag;           // with its quotes; another one as soon as a byte has changed
  std::int64_t modified = 0;  // seconds since 1970
};

enum class Condition {
  holds,         // or there is none
  not_modified,  // 304: the client has it already
  failed,        // 412: it is not what the client takes it for
};

// In the order of RFC 9110, section 13.2.2. `now`: seconds since 1970, as for parse_http_date.
Condition condition_of(const RequestHead &request, const Validators &current, std::int64_t now);

// Whether a range of what is there is a part of what the client has already (If-Range).
bool may_send_range(const RequestHead &request, const Validators &current, std::int64_t now);

}  // namespace kam::http
