// SPDX-License-Identifier: LGPL-2.1-or-later
// Every element goes through its states in any order, and leaves nothing behind.
#include "support/our_elements.hpp"

#include <gst/gst.h>
#include <malloc.h>
#include <sched.h>

#include <array>
#include <filesystem>
#include <initializer_list>
#include <random>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam::test;

namespace {

constexpr std::array walkable{GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED,
                              GST_STATE_PLAYING};

struct Footprint {
  std::ptrdiff_t threads = 0;
  std::ptrdiff_t files = 0;
};

std::ptrdiff_t entries_in(const char *directory)
{
  std::filesystem::directory_iterator entries{directory};
  return std::distance(begin(entries), end(entries));
}

Footprint footprint()
{
  return {entries_in("/proc/self/task"), entries_in("/proc/self/fd")};
}

// A thread that has been joined is still listed for a moment.
void expect_footprint(const Footprint &expected, const std::string &name)
{
  g_thread_pool_stop_unused_threads();
  const auto deadline = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
  Footprint now = footprint();
  while (now.threads > expected.threads && g_get_monotonic_time() < deadline) {
    sched_yield();
    now = footprint();
  }
  ck_assert_msg(now.threads <= expected.threads, "%s: %td threads, were %td", name.c_str(),
                now.threads, expected.threads);
  ck_assert_msg(now.files <= expected.files, "%s: %td open files, were %td", name.c_str(),
                now.files, expected.files);
}

// Going up may fail, where an element lacks what it needs (a location, a peer); going down
// may not.
void go_to(const ElementPtr &element, GstState state)
{
  GstState now = GST_STATE_NULL;
  gst_element_get_state(element.get(), &now, nullptr, 0);
  if (gst_element_set_state(element.get(), state) != GST_STATE_CHANGE_FAILURE)
    return;
  ck_assert_msg(state > now, "%s: cannot go from %s down to %s", GST_OBJECT_NAME(element.get()),
                gst_element_state_get_name(now), gst_element_state_get_name(state));
  ck_assert_int_eq(gst_element_set_state(element.get(), GST_STATE_NULL),
                   GST_STATE_CHANGE_SUCCESS);
}

void retire(ElementPtr element)
{
  go_to(element, GST_STATE_NULL);
  ASSERT_OBJECT_REFCOUNT(element.get(), "element", 1);
}

void walk(const std::string &name)
{
  auto element = make_element(name);
  for (const auto &path : {
           std::initializer_list<GstState>{GST_STATE_READY, GST_STATE_NULL},
           {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_NULL},
           {GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED, GST_STATE_NULL},
           {GST_STATE_PLAYING, GST_STATE_NULL},
           {GST_STATE_PLAYING, GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_NULL},
           {GST_STATE_NULL, GST_STATE_PLAYING, GST_STATE_PLAYING, GST_STATE_NULL},
       })
    for (const auto state : path)
      go_to(element, state);
  retire(std::move(element));
}

}  // namespace

GST_START_TEST(every_sequence_a_hundred_times)
{
  const auto name = our_elements()[static_cast<std::size_t>(__i__)];
  walk(name);
  const auto before = footprint();
  for (int i = 0; i < 100; ++i)
    walk(name);
  expect_footprint(before, name);
}
GST_END_TEST

GST_START_TEST(random_walks)
{
  const auto name = our_elements()[static_cast<std::size_t>(__i__)];
  walk(name);
  const auto before = footprint();
  for (unsigned seed = 1; seed <= 20; ++seed) {
    GST_INFO("%s: seed %u", name.c_str(), seed);
    std::mt19937 random{seed};
    auto element = make_element(name);
    for (int i = 0; i < 50; ++i)
      go_to(element, walkable.at(random() % walkable.size()));
    retire(std::move(element));
  }
  expect_footprint(before, name);
}
GST_END_TEST

GST_START_TEST(create_and_destroy)
{
  const auto name = our_elements()[static_cast<std::size_t>(__i__)];
  constexpr int rounds = 200;
  for (int i = 0; i < 20; ++i)
    retire(make_element(name));
  const auto before = footprint();
  const auto heap_before = mallinfo2().uordblks;
  for (int i = 0; i < rounds; ++i)
    retire(make_element(name));
  expect_footprint(before, name);
  // The smallest piece that malloc hands out has 32 bytes with its header. (Sanitisers have
  // a malloc of their own that tells nothing here, and look for leaks themselves.)
  const auto heap = mallinfo2().uordblks;
  ck_assert_msg(heap < heap_before + rounds * 32, "%s: %zu bytes for %d elements", name.c_str(),
                heap - heap_before, rounds);
}
GST_END_TEST

static Suite *states_suite()
{
  Suite *suite = suite_create("states");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  g_thread_pool_set_max_unused_threads(0);
  const auto count = static_cast<int>(our_elements().size());
  g_assert_cmpint(count, >, 0);
  tcase_add_loop_test(tc, every_sequence_a_hundred_times, 0, count);
  tcase_add_loop_test(tc, random_walks, 0, count);
  tcase_add_loop_test(tc, create_and_destroy, 0, count);
  return suite;
}

GST_CHECK_MAIN(states)
