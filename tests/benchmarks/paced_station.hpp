// SPDX-License-Identifier: LGPL-2.1-or-later
// A station that costs next to nothing, for any number of listeners.
#pragma once

namespace kam::bench {

// Says "port N" on standard output, and sends 128 kbit/s with ICY metadata to everybody who
// comes, in pieces of 100 ms, until its standard input is closed.
int be_station();

}  // namespace kam::bench
