// SPDX-License-Identifier: LGPL-2.1-or-later
// A station that costs next to nothing, and listeners that cost as little as there can be. Each
// is a process: the station says "port N" on standard output, and goes when its standard input
// is closed.
#pragma once

#include <cstdint>

namespace kam::bench {

// Sends 128 kbit/s with ICY metadata to everybody who comes, in pieces of 100 ms.
int be_station();

enum class Reading {
  copy,  // what is there, into 64 KiB
  drop,  // 8 MiB at a time, which the kernel does not copy to anywhere: no reader can be faster
};

// Reads what a server on this host sends for `path` with nothing but poll() and recv(), in as
// many threads as there are listeners. Ends with the connections, or after so many seconds from
// the third on; prints seconds, processor seconds, and bytes.
int be_bare_listeners(std::uint16_t port, const char *path, int listeners, int seconds,
                      Reading reading);

// Processor seconds of this process.
double cpu_seconds();

}  // namespace kam::bench
