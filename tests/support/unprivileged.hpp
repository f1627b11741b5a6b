// SPDX-License-Identifier: LGPL-2.1-or-later
// For tests of what may not be read, which root may.
#pragma once

#include <sys/fsuid.h>
#include <unistd.h>

namespace kam::test {

// For as long as it lives, the files of others are forbidden to this thread, if it is root's:
// to the system it is "nobody" in matters of files. Other threads keep their rights.
class Unprivileged {
 public:
  Unprivileged() { set(nobody); }
  ~Unprivileged() { set(geteuid()); }
  Unprivileged(const Unprivileged &) = delete;
  Unprivileged &operator=(const Unprivileged &) = delete;

 private:
  static constexpr uid_t nobody = 65'534;
  static void set(uid_t user)
  {
    if (geteuid() == 0)
      setfsuid(user);
  }
};

}  // namespace kam::test
