// SPDX-License-Identifier: LGPL-2.1-or-later
// Runs the named Check tests; the core needs neither GLib nor GStreamer.
#pragma once

#include <check.h>
#undef fail  // a macro of Check's old API that breaks <iostream>

#include <cstdlib>
#include <initializer_list>

// Check's old name for ck_abort_msg would break the standard library's headers.
#undef fail

inline int run_suite(const char *name, std::initializer_list<const TTest *> tests)
{
  Suite *suite = suite_create(name);
  TCase *tcase = tcase_create(name);
  for (const TTest *test : tests)
    tcase_add_test(tcase, test);
  suite_add_tcase(suite, tcase);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failures = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define CHECK_MAIN(name, ...)              \
  int main()                               \
  {                                        \
    return run_suite(name, {__VA_ARGS__}); \
  }
