// SPDX-License-Identifier: LGPL-2.1-or-later
// What can go wrong with a socket, as a value.
#pragma once

#include <string>
#include <system_error>

namespace kam::net {

// The code is for programs; `what` is a sentence for the user, with the reason in it.
struct Error {
  std::error_code code;
  std::string what;
};

// From errno: "`failed`: the reason".
Error last_error(const std::string &failed);
Error error_of(int code, const std::string &failed);

// Whether a send that failed so may succeed later, unchanged: the network is away, a queue is
// full, an ICMP message has come back. What was sent is as good as lost on the way.
bool is_transient(const std::error_code &code);

}  // namespace kam::net
