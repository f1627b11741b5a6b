// SPDX-License-Identifier: LGPL-2.1-or-later
// What this process has, may have, and is told by its environment.
#pragma once

#include "support/memory.hpp"

#include <malloc.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>

namespace kam::test {

// In /proc/self/fd there is one for each descriptor, in /proc/self/task for each thread.
inline std::ptrdiff_t entries_in(const char *directory)
{
  std::filesystem::directory_iterator entries{directory};
  return std::distance(begin(entries), end(entries));
}

// A socket of this process that is connected by TCP to that port of this machine; -1 for none.
inline int socket_connected_to(int port)
{
  for (const auto &entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    const int fd = std::stoi(entry.path().filename());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    int type = 0;
    socklen_t type_size = sizeof type;
    if (getpeername(fd, reinterpret_cast<sockaddr *>(&peer), &size) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) == port)
      return fd;
  }
  return -1;
}

// As many descriptors, if there may be.
inline void allow_descriptors(rlim_t count)
{
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(count, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Without what has been freed and is kept for later, of which each of many threads leaves some.
inline double memory_in_use()
{
  malloc_trim(0);
  return static_cast<double>(resident_memory());
}

// What a variable of the environment says.
inline std::size_t number_of(const char *variable, std::size_t usual)
{
  const char *text = std::getenv(variable);
  return text ? std::stoul(text) : usual;
}

}  // namespace kam::test
