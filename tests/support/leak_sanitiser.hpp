// SPDX-License-Identifier: LGPL-2.1-or-later
// To be included once in a program.
#pragma once

namespace kam::test {

// GnuTLS loads and unloads modules of p11-kit; when the leak sanitiser looks into a process in
// which it has done so for a list of trusted certificates, it is the sanitiser that crashes.
inline bool leaks_cannot_be_counted = false;

}  // namespace kam::test

extern "C" int __lsan_is_turned_off();  // NOLINT: the sanitiser's name
extern "C" int __lsan_is_turned_off()   // NOLINT
{
  return kam::test::leaks_cannot_be_counted ? 1 : 0;
}
