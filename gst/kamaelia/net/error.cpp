// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/error.hpp"

#include <cerrno>

namespace kam::net {

Error last_error(const std::string &failed)
{
  return error_of(errno, failed);
}

Error error_of(int code, const std::string &failed)
{
  const std::error_code reason{code, std::system_category()};
  return {reason, failed + ": " + reason.message()};
}

bool is_transient(const std::error_code &code)
{
  switch (code.value()) {
  case EADDRNOTAVAIL:
  case ECONNREFUSED:
  case ECONNRESET:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case ENETDOWN:
  case ENETUNREACH:
  case ENOBUFS:
  case ENODEV:
  case ENOMEM:
  case ENOPROTOOPT:
  case EPERM:
  case EPROTO: return true;
  default: return false;
  }
}

}  // namespace kam::net
