// SPDX-License-Identifier: LGPL-2.1-or-later
#include "glue/settings.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using kam::glue::Settings;

namespace {

// Whoever sees them sees both of one write.
struct Values {
  int number = 7;
  std::string same_number = "7";
};

bool agree(const Values &values)
{
  return std::to_string(values.number) == values.same_number;
}

void set(Settings<Values> &settings, int number)
{
  settings.write([number](Values &values) {
    values.number = number;
    values.same_number = std::to_string(number);
  });
}

}  // namespace

GST_START_TEST(begins_with_the_defaults)
{
  Settings<Values> settings;
  ck_assert_int_eq(settings.snapshot().number, 7);
  ck_assert_int_eq(settings.read([](const Values &v) { return v.number; }), 7);
  ck_assert_int_eq(settings.current().number, 7);
}
GST_END_TEST

GST_START_TEST(renews_the_copy_only_after_a_change)
{
  Settings<Values> settings;
  ck_assert(settings.changed());
  ck_assert(!settings.changed());
  const auto &current = settings.current();
  set(settings, 8);
  ck_assert_int_eq(current.number, 7);
  ck_assert_int_eq(settings.snapshot().number, 8);
  // To look is not to ask.
  ck_assert_int_eq(settings.current().number, 8);
  ck_assert(settings.changed());
  ck_assert(!settings.changed());
  set(settings, 9);
  set(settings, 10);
  ck_assert(settings.changed());
  ck_assert(!settings.changed());
  ck_assert_int_eq(settings.current().number, 10);
}
GST_END_TEST

// Several threads write and look while one streams: it never sees half of a write, and in
// the end the last one.
GST_START_TEST(threads_see_whole_writes)
{
  constexpr int writes = 20000;
  Settings<Values> settings;
  std::atomic<int> writers = 3;
  std::atomic<bool> torn = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int number = 0; number < writes; ++number)
        set(settings, number);
      --writers;
    });
  threads.emplace_back([&] {
    while (writers > 0)
      if (!agree(settings.snapshot()))
        torn = true;
  });
  while (writers > 0)
    if (!agree(settings.current()))
      torn = true;
  for (auto &thread : threads)
    thread.join();
  ck_assert(!torn);
  ck_assert_int_eq(settings.current().number, writes - 1);
}
GST_END_TEST

static Suite *settings_suite()
{
  Suite *suite = suite_create("settings");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, begins_with_the_defaults);
  tcase_add_test(tc, renews_the_copy_only_after_a_change);
  tcase_add_test(tc, threads_see_whole_writes);
  return suite;
}

GST_CHECK_MAIN(settings)
