// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

using Numbers = std::vector<guint64>;

namespace {

struct Harness {
  explicit Harness(const std::string &properties)
      : h{gst_harness_new_parse(("brokennetwork " + properties).c_str())}
  {
    gst_harness_set_src_caps_str(h, "application/octet-stream");
    element = gst_harness_find_element(h, "brokennetwork");
  }
  ~Harness()
  {
    gst_object_unref(element);
    gst_harness_teardown(h);
  }
  Harness(const Harness &) = delete;
  Harness &operator=(const Harness &) = delete;

  void push(guint64 first, guint64 last)
  {
    for (auto number = first; number <= last; ++number) {
      auto *buffer = gst_buffer_new_memdup("data", 4);
      GST_BUFFER_OFFSET(buffer) = number;
      if (gst_harness_push(h, buffer) != GST_FLOW_OK)
        ck_abort();
    }
  }
  void eos() { ck_assert(gst_harness_push_event(h, gst_event_new_eos())); }
  Numbers pull()
  {
    Numbers numbers;
    while (auto *buffer = gst_harness_try_pull(h)) {
      numbers.push_back(GST_BUFFER_OFFSET(buffer));
      gst_buffer_unref(buffer);
    }
    return numbers;
  }
  guint64 stat(const char *key) const
  {
    GstStructure *stats = nullptr;
    g_object_get(element, "stats", &stats, nullptr);
    guint64 value = 0;
    ck_assert_msg(gst_structure_get_uint64(stats, key, &value), "%s", key);
    gst_structure_free(stats);
    return value;
  }

  GstHarness *h;
  GstElement *element;
};

constexpr auto unbroken = "duplicate-probability=0 drop-probability=0 reorder-window=1 ";

Numbers run(const std::string &properties, guint64 *seed = nullptr)
{
  Harness harness{properties};
  harness.push(1, 500);
  harness.eos();
  if (seed)
    *seed = harness.stat("seed");
  return harness.pull();
}

}  // namespace

GST_START_TEST(a_seed_repeats_a_run)
{
  const auto once = run("seed=7");
  ck_assert(once == run("seed=7"));
  ck_assert(once != run("seed=8"));
  guint64 seed = 0;
  const auto unknown = run("", &seed);
  ck_assert_uint_ne(seed, 0);
  ck_assert(unknown == run("seed=" + std::to_string(seed)));
}
GST_END_TEST

GST_START_TEST(accounts_for_everything)
{
  for (int seed = 1; seed <= 50; ++seed) {
    Harness harness{"corrupt-probability=0.1 seed=" + std::to_string(seed)};
    harness.push(1, 300);
    ck_assert_uint_eq(harness.stat("held"), 7);
    harness.eos();
    const auto out = harness.pull();
    ck_assert_uint_eq(harness.stat("in"), 300);
    ck_assert_uint_eq(harness.stat("out"), out.size());
    ck_assert_uint_eq(harness.stat("held"), 0);
    ck_assert_uint_eq(300 + harness.stat("duplicated"), out.size() + harness.stat("dropped"));
    for (const auto *what : {"duplicated", "dropped", "reordered", "corrupted"})
      ck_assert_msg(harness.stat(what) > 0, "seed %d: none %s", seed, what);
  }
}
GST_END_TEST

GST_START_TEST(can_do_nothing)
{
  Harness harness{unbroken};
  harness.push(1, 20);
  Numbers want(20);
  std::iota(want.begin(), want.end(), 1);
  ck_assert(harness.pull() == want);
}
GST_END_TEST

GST_START_TEST(reordering_loses_nothing)
{
  Harness harness{"duplicate-probability=0 drop-probability=0 seed=2"};
  harness.push(1, 200);
  harness.eos();
  auto out = harness.pull();
  ck_assert(!std::is_sorted(out.begin(), out.end()));
  std::sort(out.begin(), out.end());
  Numbers want(200);
  std::iota(want.begin(), want.end(), 1);
  ck_assert(out == want);
}
GST_END_TEST

GST_START_TEST(probabilities_may_change_while_playing)
{
  Harness harness{unbroken};
  harness.push(1, 5);
  g_object_set(harness.element, "drop-probability", 1.0, nullptr);
  harness.push(6, 10);
  g_object_set(harness.element, "drop-probability", 0.0, "duplicate-probability", 1.0, nullptr);
  harness.push(11, 12);
  ck_assert(harness.pull() == (Numbers{1, 2, 3, 4, 5, 11, 11, 12, 12}));
}
GST_END_TEST

GST_START_TEST(doubles_share_memory_only)
{
  Harness harness{std::string{unbroken} + "duplicate-probability=1"};
  harness.push(1, 1);
  auto *one = gst_harness_try_pull(harness.h);
  auto *two = gst_harness_try_pull(harness.h);
  ck_assert_ptr_ne(one, two);
  ck_assert(gst_buffer_is_writable(one));
  ck_assert(gst_buffer_is_writable(two));
  ck_assert_ptr_eq(gst_buffer_peek_memory(one, 0), gst_buffer_peek_memory(two, 0));
  gst_buffer_unref(one);
  gst_buffer_unref(two);
}
GST_END_TEST

GST_START_TEST(damage_stays_in_its_buffer)
{
  Harness harness{std::string{unbroken} + "corrupt-probability=1 duplicate-probability=1"};
  auto *buffer = gst_buffer_new_memdup("data", 4);
  GST_BUFFER_PTS(buffer) = 5;
  gst_buffer_ref(buffer);
  ck_assert_int_eq(gst_harness_push(harness.h, buffer), GST_FLOW_OK);
  ck_assert_int_eq(gst_buffer_memcmp(buffer, 0, "data", 4), 0);
  gst_buffer_unref(buffer);
  for (int i = 0; i < 2; ++i) {
    auto *damaged = gst_harness_try_pull(harness.h);
    ck_assert_uint_eq(GST_BUFFER_PTS(damaged), 5);
    char bytes[4];
    ck_assert_uint_eq(gst_buffer_extract(damaged, 0, bytes, 4), 4);
    int bits = 0;
    for (int at = 0; at < 4; ++at)
      bits += __builtin_popcount(static_cast<unsigned char>(bytes[at] ^ "data"[at]));
    ck_assert_int_eq(bits, 1);
    gst_buffer_unref(damaged);
  }
  ck_assert_int_eq(gst_harness_push(harness.h, gst_buffer_new()), GST_FLOW_OK);
  ck_assert_uint_eq(harness.stat("corrupted"), 2);
}
GST_END_TEST

GST_START_TEST(drains_before_what_ends_a_stretch)
{
  Harness harness{"duplicate-probability=0 drop-probability=0 reorder-window=50"};
  harness.push(1, 10);
  ck_assert_uint_eq(harness.pull().size(), 0);
  gst_harness_set_src_caps_str(harness.h, "text/plain");
  ck_assert_uint_eq(harness.pull().size(), 10);
  harness.push(11, 15);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  gst_harness_push_event(harness.h, gst_event_new_segment(&segment));
  ck_assert_uint_eq(harness.pull().size(), 5);
  harness.push(16, 18);
  g_object_set(harness.element, "reorder-window", 1, nullptr);
  harness.push(19, 19);
  ck_assert(harness.pull() != Numbers{});
  ck_assert_uint_eq(harness.stat("held"), 0);
}
GST_END_TEST

GST_START_TEST(a_flush_forgets)
{
  Harness harness{"duplicate-probability=0 drop-probability=0"};
  harness.push(1, 5);
  gst_harness_push_event(harness.h, gst_event_new_flush_start());
  gst_harness_push_event(harness.h, gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(harness.h, gst_event_new_segment(&segment));
  harness.eos();
  ck_assert_uint_eq(harness.pull().size(), 0);
  ck_assert_uint_eq(harness.stat("flushed"), 5);
}
GST_END_TEST

GST_START_TEST(starts_anew_after_ready)
{
  Harness harness{"seed=4"};
  Numbers first;
  for (int i = 0; i < 100; ++i) {
    harness.push(1, 40);
    const auto out = harness.pull();
    if (i == 0)
      first = out;
    ck_assert(out == first);
    gst_element_set_state(harness.h->element, i % 2 == 0 ? GST_STATE_NULL : GST_STATE_READY);
    gst_element_set_state(harness.h->element, GST_STATE_PLAYING);
    ck_assert_uint_eq(harness.stat("in"), 0);
    gst_pad_push_event(harness.h->srcpad, gst_event_new_stream_start("again"));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(harness.h->srcpad, gst_event_new_segment(&segment));
  }
}
GST_END_TEST

GST_START_TEST(takes_a_seed_until_the_first_buffer)
{
  Harness harness{"seed=1"};
  g_object_set(harness.element, "seed", guint64{7}, nullptr);
  harness.push(1, 1);
  ck_assert_uint_eq(harness.stat("seed"), 7);
  g_object_set(harness.element, "seed", guint64{8}, nullptr);
  harness.push(2, 2);
  ck_assert_uint_eq(harness.stat("seed"), 7);
}
GST_END_TEST

static Suite *brokennetwork_suite()
{
  Suite *suite = suite_create("brokennetwork");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_seed_repeats_a_run);
  tcase_add_test(tc, accounts_for_everything);
  tcase_add_test(tc, can_do_nothing);
  tcase_add_test(tc, reordering_loses_nothing);
  tcase_add_test(tc, probabilities_may_change_while_playing);
  tcase_add_test(tc, doubles_share_memory_only);
  tcase_add_test(tc, damage_stays_in_its_buffer);
  tcase_add_test(tc, drains_before_what_ends_a_stretch);
  tcase_add_test(tc, a_flush_forgets);
  tcase_add_test(tc, starts_anew_after_ready);
  tcase_add_test(tc, takes_a_seed_until_the_first_buffer);
  return suite;
}

GST_CHECK_MAIN(brokennetwork)
