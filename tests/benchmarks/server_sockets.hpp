// SPDX-License-Identifier: LGPL-2.1-or-later
// What the servers to compare with and the programs that load them have in common.
#pragma once

#include <netinet/in.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstdint>

namespace kam::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point begin)
{
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

inline sockaddr_in loopback(int port)
{
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// As many descriptors as the system allows, and no signal for a peer that is gone.
inline void expect_many_connections()
{
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace kam::bench
