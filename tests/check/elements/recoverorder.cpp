// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/memory.hpp"
#include "support/vectors.hpp"

#include <gst/check/gsttestclock.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace kam;
using Numbers = std::vector<guint64>;

namespace {

struct Harness {
  explicit Harness(const std::string &launch) : h{gst_harness_new_parse(launch.c_str())}
  {
    gst_harness_set_src_caps_str(h, "application/octet-stream");
    element = gst_harness_find_element(h, "recoverorder");
  }
  ~Harness()
  {
    gst_object_unref(element);
    gst_harness_teardown(h);
  }
  Harness(const Harness &) = delete;
  Harness &operator=(const Harness &) = delete;

  void push(guint64 number, gsize size = 10)
  {
    auto *buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
    GST_BUFFER_OFFSET(buffer) = number;
    ck_assert_int_eq(gst_harness_push(h, buffer), GST_FLOW_OK);
  }
  void push(const Numbers &numbers)
  {
    for (const auto number : numbers)
      push(number);
  }
  void eos() { ck_assert(gst_harness_push_event(h, gst_event_new_eos())); }

  // The numbers of what has left, and those of them with DISCONT.
  Numbers pull(Numbers *discont = nullptr)
  {
    Numbers numbers;
    while (auto *buffer = gst_harness_try_pull(h)) {
      numbers.push_back(GST_BUFFER_OFFSET(buffer));
      if (discont && GST_BUFFER_IS_DISCONT(buffer))
        discont->push_back(GST_BUFFER_OFFSET(buffer));
      gst_buffer_unref(buffer);
    }
    return numbers;
  }

  GstHarness *h;
  GstElement *element;  // the recoverorder in it
};

guint64 stat_of(GstElement *element, const char *key)
{
  GstStructure *stats = nullptr;
  g_object_get(element, "stats", &stats, nullptr);
  guint64 value = 0;
  ck_assert_msg(gst_structure_get_uint64(stats, key, &value), "%s", key);
  gst_structure_free(stats);
  return value;
}

std::string text(const Numbers &numbers)
{
  std::string result;
  for (const auto number : numbers)
    result += std::to_string(number) + " ";
  return result;
}

void assert_numbers(const Numbers &got, const Numbers &want, const std::string &what)
{
  ck_assert_msg(got == want, "%s\n got  %s\n want %s", what.c_str(), text(got).c_str(),
                text(want).c_str());
}

Numbers numbers_of(const test::Json &list)
{
  Numbers numbers;
  for (const auto &item : list.items())
    numbers.push_back(item.unsigned_integer());
  return numbers;
}

}  // namespace

GST_START_TEST(does_what_the_vectors_want)
{
  for (const auto &vector : test::load_vectors("recoverorder")) {
    const auto &params = vector["params"];
    const auto modulo = params.has("modulo") ? params["modulo"].unsigned_integer() : 0;
    for (const std::string late : {"drop", "forward"}) {
      Harness harness{
          "recoverorder window=" + std::to_string(params["bufsize"].unsigned_integer()) +
          " modulo=" + std::to_string(modulo) + " late=" + late};
      harness.push(numbers_of(vector["in"]));
      harness.eos();
      const auto *want = late == "drop" ? "want" : "want_late_forward";
      assert_numbers(harness.pull(), numbers_of(vector[want]), vector["id"].text());
    }
  }
}
GST_END_TEST

GST_START_TEST(reads_what_kamaelia_sent)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("srm")) {
    if (!vector.has("want_tags"))
      continue;
    ++cases;
    std::map<guint64, ByteVector> known;
    for (const auto &item : vector["out"].items())
      known[std::stoull(item["tag"].text())] = item["data"].bytes();
    Harness harness{"dechunker ! deframer ! recoverorder"};
    for (const auto &packet : vector["in"].items())
      ck_assert_int_eq(gst_harness_push(harness.h, test::buffer_of(packet.bytes())),
                       GST_FLOW_OK);
    harness.eos();
    Numbers got;
    while (auto *buffer = gst_harness_try_pull(harness.h)) {
      const auto number = GST_BUFFER_OFFSET(buffer);
      got.push_back(number);
      if (known.contains(number))
        ck_assert(test::bytes_of(buffer) == known[number]);
      gst_buffer_unref(buffer);
    }
    Numbers want;
    for (const auto &tag : vector["want_tags"].items())
      want.push_back(std::stoull(tag.text()));
    assert_numbers(got, want, vector["id"].text());
  }
  ck_assert_int_gt(cases, 0);
}
GST_END_TEST

GST_START_TEST(marks_what_does_not_follow)
{
  Harness harness{"recoverorder window=3"};
  Numbers discont;
  harness.push({1, 2, 4, 3, 7, 8, 9, 10});
  assert_numbers(harness.pull(&discont), {1, 2, 3, 4, 7, 8, 9, 10}, "order");
  assert_numbers(discont, {1, 7}, "the first, and the first after a gap");

  // The flag of the input says something of the order of arrival.
  harness.push(12);
  auto *buffer = gst_buffer_new_allocate(nullptr, 0, nullptr);
  GST_BUFFER_OFFSET(buffer) = 13;
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  ck_assert_int_eq(gst_harness_push(harness.h, buffer), GST_FLOW_OK);
  harness.push(11);
  discont.clear();
  assert_numbers(harness.pull(&discont), {11, 12, 13}, "order");
  assert_numbers(discont, {11}, "the next that leaves");
}
GST_END_TEST

GST_START_TEST(passes_what_has_no_number)
{
  Harness harness{"recoverorder"};
  harness.push({1, 3});
  harness.push(GST_BUFFER_OFFSET_NONE);
  assert_numbers(harness.pull(), {1, GST_BUFFER_OFFSET_NONE}, "at once");
  ck_assert_uint_eq(stat_of(harness.element, "unsequenced"), 1);
  ck_assert_uint_eq(stat_of(harness.element, "window-fill"), 1);
}
GST_END_TEST

GST_START_TEST(takes_and_gives_lists)
{
  Harness harness{"recoverorder"};
  auto *list = gst_buffer_list_new();
  for (const guint64 number : {2, 1, 4, 3, 3}) {
    auto *buffer = gst_buffer_new();
    GST_BUFFER_OFFSET(buffer) = number;
    gst_buffer_list_add(list, buffer);
  }
  auto *pad = gst_element_get_static_pad(harness.element, "sink");
  ck_assert_int_eq(gst_pad_chain_list(pad, list), GST_FLOW_OK);
  gst_object_unref(pad);
  assert_numbers(harness.pull(), {1, 2, 3, 4}, "order");
}
GST_END_TEST

GST_START_TEST(counts_and_tells_drops)
{
  Harness harness{"recoverorder window=2 post-drop-messages=true"};
  auto *bus = gst_bus_new();
  gst_element_set_bus(harness.element, bus);
  harness.push({1, 3, 4, 5, 2, 5, 4, 7, 6});
  auto *element = harness.element;
  assert_numbers(harness.pull(), {1, 3, 4, 5, 6, 7}, "order");
  ck_assert_uint_eq(stat_of(element, "in"), 9);
  ck_assert_uint_eq(stat_of(element, "out"), 6);
  ck_assert_uint_eq(stat_of(element, "lost"), 1);
  ck_assert_uint_eq(stat_of(element, "late"), 1);
  ck_assert_uint_eq(stat_of(element, "duplicate"), 2);
  ck_assert_uint_eq(stat_of(element, "reordered"), 1);
  ck_assert_uint_eq(stat_of(element, "restarts"), 0);
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT);
  ck_assert(message != nullptr);
  const auto *drop = gst_message_get_structure(message);
  ck_assert(gst_structure_has_name(drop, "drop-msg"));
  ck_assert_str_eq(gst_structure_get_string(drop, "reason"), "late");
  gst_message_unref(message);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
}
GST_END_TEST

GST_START_TEST(drains_before_what_ends_a_stretch)
{
  const auto drains = [](auto &&push_it) {
    Harness harness{"recoverorder"};
    harness.push({1, 3, 5, 4});
    assert_numbers(harness.pull(), {1}, "held");
    push_it(harness);
    assert_numbers(harness.pull(), {3, 4, 5}, "drained");
  };
  drains([](Harness &harness) { harness.eos(); });
  drains([](Harness &harness) { gst_harness_set_src_caps_str(harness.h, "text/plain"); });
  drains([](Harness &harness) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_BYTES);
    gst_harness_push_event(harness.h, gst_event_new_segment(&segment));
  });
  drains([](Harness &harness) {
    auto *query = gst_query_new_drain();
    gst_pad_peer_query(harness.h->srcpad, query);
    gst_query_unref(query);
  });
}
GST_END_TEST

GST_START_TEST(a_flush_forgets)
{
  Harness harness{"recoverorder"};
  harness.push({1, 3, 5});
  (void)harness.pull();
  gst_harness_push_event(harness.h, gst_event_new_flush_start());
  gst_harness_push_event(harness.h, gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(harness.h, gst_event_new_segment(&segment));
  Numbers discont;
  harness.push({1, 2});
  assert_numbers(harness.pull(&discont), {1, 2}, "as new");
  assert_numbers(discont, {1}, "discont");
  ck_assert_uint_eq(stat_of(harness.element, "flushed"), 2);
}
GST_END_TEST

static void push_timed(GstHarness *h, guint64 number, GstClockTime pts, GstClockTime duration)
{
  auto *buffer = gst_buffer_new_allocate(nullptr, 4, nullptr);
  GST_BUFFER_OFFSET(buffer) = number;
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DURATION(buffer) = duration;
  ck_assert_int_eq(gst_harness_push(h, buffer), GST_FLOW_OK);
}

static void assert_lost(GstHarness *h, guint64 first, guint64 count, GstClockTime time,
                        GstClockTime duration)
{
  auto *event = gst_harness_try_pull_event(h);
  ck_assert(event != nullptr);
  ck_assert_int_eq(GST_EVENT_TYPE(event), GST_EVENT_CUSTOM_DOWNSTREAM);
  const auto *lost = gst_event_get_structure(event);
  ck_assert(gst_structure_has_name(lost, "KamPacketsLost"));
  guint64 value = 0;
  ck_assert(gst_structure_get_uint64(lost, "first-sequence", &value));
  ck_assert_uint_eq(value, first);
  ck_assert(gst_structure_get_uint64(lost, "count", &value));
  ck_assert_uint_eq(value, count);
  ck_assert(gst_structure_get_uint64(lost, "timestamp", &value));
  ck_assert_uint_eq(value, time);
  ck_assert(gst_structure_get_uint64(lost, "duration", &value));
  ck_assert_uint_eq(value, duration);
  gst_event_unref(event);
  if (duration == GST_CLOCK_TIME_NONE)
    return;
  event = gst_harness_try_pull_event(h);
  ck_assert(event != nullptr);
  ck_assert_int_eq(GST_EVENT_TYPE(event), GST_EVENT_GAP);
  GstClockTime gap_time = 0;
  GstClockTime gap_duration = 0;
  gst_event_parse_gap(event, &gap_time, &gap_duration);
  ck_assert_uint_eq(gap_time, time);
  ck_assert_uint_eq(gap_duration, duration);
  gst_event_unref(event);
}

GST_START_TEST(tells_what_is_lost)
{
  Harness harness{"recoverorder window=1 do-lost=true"};
  auto *h = harness.h;
  push_timed(h, 1, 0, 10);
  while (auto *event = gst_harness_try_pull_event(h))
    gst_event_unref(event);
  push_timed(h, 4, 30, 10);
  assert_lost(h, 2, 2, 10, 20);
  push_timed(h, 5, 40, GST_CLOCK_TIME_NONE);
  push_timed(h, 8, 70, GST_CLOCK_TIME_NONE);
  assert_lost(h, 6, 2, 50, 20);
  push_timed(h, 10, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
  assert_lost(h, 9, 1, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE);
  ck_assert(gst_harness_try_pull_event(h) == nullptr);
  ck_assert_uint_eq(stat_of(harness.element, "lost"), 5);
}
GST_END_TEST

GST_START_TEST(tells_it_between_the_buffers)
{
  Harness harness{"recoverorder window=1 do-lost=true"};
  std::string log;
  auto *out = gst_element_get_static_pad(harness.element, "src");
  gst_pad_add_probe(
      out, GstPadProbeType(GST_PAD_PROBE_TYPE_DATA_DOWNSTREAM),
      [](GstPad *, GstPadProbeInfo *info, gpointer text) {
        auto &passed = *static_cast<std::string *>(text);
        if ((GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER_LIST) != 0)
          passed.append(gst_buffer_list_length(GST_PAD_PROBE_INFO_BUFFER_LIST(info)), 'b');
        else
          passed +=
              (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) != 0 ? 'b' : 'e';
        return GST_PAD_PROBE_OK;
      },
      &log, nullptr);
  auto *list = gst_buffer_list_new();
  for (const guint64 number : {1, 2, 4, 5}) {
    auto *buffer = gst_buffer_new();
    GST_BUFFER_OFFSET(buffer) = number;
    gst_buffer_list_add(list, buffer);
  }
  auto *pad = gst_element_get_static_pad(harness.element, "sink");
  ck_assert_int_eq(gst_pad_chain_list(pad, list), GST_FLOW_OK);
  gst_object_unref(pad);
  gst_object_unref(out);
  ck_assert_str_eq(log.c_str(), "bbebb");
}
GST_END_TEST

GST_START_TEST(waits_no_longer_than_latency)
{
  Harness harness{"recoverorder latency=50"};
  auto *h = harness.h;
  gst_harness_set_time(h, GST_SECOND);
  harness.push({1, 3});
  assert_numbers(harness.pull(), {1}, "3 waits");
  ck_assert(gst_harness_wait_for_clock_id_waits(h, 1, 60));
  gst_harness_set_time(h, GST_SECOND + 20 * GST_MSECOND);
  harness.push(6);
  ck_assert(gst_harness_crank_single_clock_wait(h));
  auto *buffer = gst_harness_pull(h);
  ck_assert_uint_eq(GST_BUFFER_OFFSET(buffer), 3);
  ck_assert(GST_BUFFER_IS_DISCONT(buffer));
  gst_buffer_unref(buffer);
  // The other waits 20 ms more, for it came 20 ms later.
  ck_assert(gst_harness_wait_for_clock_id_waits(h, 1, 60));
  GstClockTime next = 0;
  ck_assert(gst_test_clock_peek_next_pending_id(GST_TEST_CLOCK(h->element->clock), nullptr));
  next = gst_test_clock_get_next_entry_time(GST_TEST_CLOCK(h->element->clock));
  ck_assert_uint_eq(next, GST_SECOND + 70 * GST_MSECOND);
  harness.push({2, 4, 5});
  assert_numbers(harness.pull(), {4, 5, 6}, "filled in time");
  // Nothing is due when the thread wakes.
  ck_assert(gst_harness_crank_single_clock_wait(h));
  ck_assert_uint_eq(stat_of(harness.element, "late"), 1);
  ck_assert_uint_eq(stat_of(harness.element, "lost"), 1);
}
GST_END_TEST

GST_START_TEST(without_latency_no_time_counts)
{
  Harness harness{"recoverorder"};
  harness.push({1, 3, 5});
  ck_assert_uint_eq(gst_test_clock_peek_id_count(GST_TEST_CLOCK(harness.h->element->clock)), 0);
}
GST_END_TEST

GST_START_TEST(adds_to_the_latency)
{
  Harness harness{"recoverorder"};
  auto *element = harness.element;
  gst_harness_set_upstream_latency(harness.h, 10 * GST_MSECOND);
  ck_assert_uint_eq(gst_harness_query_latency(harness.h), 10 * GST_MSECOND);
  auto *bus = gst_bus_new();
  gst_element_set_bus(element, bus);
  g_object_set(element, "latency", 50, nullptr);
  ck_assert_uint_eq(gst_harness_query_latency(harness.h), 60 * GST_MSECOND);
  g_object_set(element, "latency", 50, "window", 20, nullptr);
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_LATENCY);
  ck_assert(message != nullptr);
  gst_message_unref(message);
  ck_assert(gst_bus_pop_filtered(bus, GST_MESSAGE_LATENCY) == nullptr);
  gst_element_set_bus(element, nullptr);
  gst_object_unref(bus);
}
GST_END_TEST

GST_START_TEST(starts_anew_after_ready)
{
  Harness harness{"recoverorder latency=50"};
  auto *element = harness.element;
  auto *clock = gst_element_get_clock(harness.h->element);
  for (int i = 0; i < 100; ++i) {
    harness.push({1, 3, 5});
    assert_numbers(harness.pull(), {1}, "run " + std::to_string(i));
    if (i % 2 == 0)
      ck_assert(gst_harness_wait_for_clock_id_waits(harness.h, 1, 60));
    gst_element_set_state(harness.h->element, i % 3 == 0 ? GST_STATE_NULL : GST_STATE_READY);
    ck_assert_uint_eq(stat_of(element, "flushed"), 2);
    gst_element_set_clock(harness.h->element, clock);
    gst_element_set_state(harness.h->element, GST_STATE_PLAYING);
    ck_assert_uint_eq(stat_of(element, "in"), 0);
    ck_assert_uint_eq(stat_of(element, "window-fill"), 0);
    gst_pad_push_event(harness.h->srcpad, gst_event_new_stream_start("again"));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(harness.h->srcpad, gst_event_new_segment(&segment));
  }
  gst_object_unref(clock);
}
GST_END_TEST

GST_START_TEST(refuses_a_modulo_of_one)
{
  Harness harness{"recoverorder modulo=65536"};
  g_test_expect_message(nullptr, G_LOG_LEVEL_WARNING, "*\"modulo\" cannot be used*");
  g_object_set(harness.element, "modulo", guint64{1}, nullptr);
  g_test_assert_expected_messages();
  guint64 modulo = 0;
  g_object_get(harness.element, "modulo", &modulo, nullptr);
  ck_assert_uint_eq(modulo, 65536);
}
GST_END_TEST

GST_START_TEST(hostile_numbers_take_no_memory)
{
  constexpr gsize size = 1400;
  constexpr gsize in_all = gsize{test::memory_is_measurable ? 200 : 10} << 20U;
  Harness harness{"recoverorder"};
  gst_harness_set_drop_buffers(harness.h, TRUE);
  std::mt19937_64 random{3};
  const auto push = [&] {
    auto *buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
    gst_buffer_memset(buffer, 0, 1, size);
    GST_BUFFER_OFFSET(buffer) = random() >> random() % 64;
    if (gst_harness_push(harness.h, buffer) != GST_FLOW_OK)
      ck_abort();
  };
  for (int i = 0; i < 1000; ++i)
    push();
  const auto before = test::resident_memory();
  for (gsize bytes = 0; bytes < in_all; bytes += size)
    push();
  const auto grown = std::max(test::resident_memory(), before) - before;
  if (test::memory_is_measurable)
    ck_assert_uint_lt(grown, (gsize{2} << 20U) + 30 * size);
  // What is good goes on.
  harness.push({1'000'000, 1'000'001, 1'000'002});
  harness.eos();
  auto *element = harness.element;
  ck_assert_uint_eq(stat_of(element, "in"), stat_of(element, "out") + stat_of(element, "late") +
                                                stat_of(element, "duplicate"));
}
GST_END_TEST

// What a broken network leaves comes out in order, once, byte for byte.
namespace {

ByteVector random_payload(std::mt19937 &random)
{
  static constexpr std::string_view letters = "X%258\n 5";
  ByteVector bytes(random() % 10 == 0 ? 0 : random() % 300);
  for (auto &byte : bytes)
    byte = random() % 2 == 0 ? std::byte(random()) : std::byte(letters[random() % 8]);
  return bytes;
}

GstElement *part(GstHarness *h, const char *name)
{
  auto *element = gst_harness_find_element(h, name);
  ck_assert(element != nullptr);
  gst_object_unref(element);  // the harness keeps it
  return element;
}

// Into a std::set of those that pass.
GstPadProbeReturn note_numbers(GstPad *, GstPadProbeInfo *info, gpointer numbers)
{
  const auto note = [](GstBuffer **buffer, guint, gpointer set) -> gboolean {
    static_cast<std::set<guint64> *>(set)->insert(GST_BUFFER_OFFSET(*buffer));
    return TRUE;
  };
  if (auto *list = GST_PAD_PROBE_INFO_BUFFER_LIST(info);
      (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER_LIST) != 0)
    gst_buffer_list_foreach(list, note, numbers);
  else
    note(reinterpret_cast<GstBuffer **>(&info->data), 0, numbers);
  return GST_PAD_PROBE_OK;
}

void survive(unsigned seed, unsigned window)
{
  std::mt19937 random{seed};
  Harness harness{
      "framer ! chunker ! packetiser max-size=65507 ! brokennetwork "
      "seed=" +
      std::to_string(seed) + " ! dechunker packetized=true ! deframer ! recoverorder window=" +
      std::to_string(window)};
  auto *order = harness.element;
  auto *network = part(harness.h, "brokennetwork");
  std::set<guint64> survivors;
  auto *pad = gst_element_get_static_pad(order, "sink");
  gst_pad_add_probe(pad,
                    GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
                    note_numbers, &survivors, nullptr);
  gst_object_unref(pad);
  std::vector<ByteVector> sent;
  constexpr int count = 100;
  for (int i = 0; i < count; ++i) {
    sent.push_back(random_payload(random));
    if (gst_harness_push(harness.h, test::buffer_of(sent.back())) != GST_FLOW_OK)
      ck_abort();
  }
  harness.eos();
  Numbers got;
  while (auto *buffer = gst_harness_try_pull(harness.h)) {
    got.push_back(GST_BUFFER_OFFSET(buffer));
    ck_assert_msg(test::bytes_of(buffer) == sent.at(got.back() - 1), "seed %u", seed);
    gst_buffer_unref(buffer);
  }
  const auto what = "seed " + std::to_string(seed);
  if (stat_of(order, "late") == 0)
    assert_numbers(got, {survivors.begin(), survivors.end()}, what);
  ck_assert_msg(std::adjacent_find(got.begin(), got.end(), std::greater_equal<>{}) == got.end(),
                "seed %u", seed);
  ck_assert_uint_eq(stat_of(network, "in"), count);
  ck_assert_uint_eq(stat_of(network, "in") + stat_of(network, "duplicated"),
                    stat_of(network, "out") + stat_of(network, "dropped"));
  ck_assert_uint_eq(stat_of(order, "in"), stat_of(network, "out"));
  ck_assert_uint_eq(stat_of(order, "in"), stat_of(order, "out") + stat_of(order, "late") +
                                              stat_of(order, "duplicate"));
  ck_assert_uint_eq(stat_of(order, "out"), got.size());
  ck_assert_uint_eq(stat_of(order, "restarts"), 0);
  // Every number up to the last is there or counted as lost, but for what was lost before
  // the first.
  ck_assert_uint_eq(got.back() - got.front() + 1, got.size() + stat_of(order, "lost"));
  if (window > count)
    ck_assert_uint_eq(stat_of(order, "late"), 0);
}

}  // namespace

GST_START_TEST(a_broken_network_is_put_right)
{
  for (unsigned seed = 1; seed <= 200; ++seed)
    survive(seed, seed % 2 == 0 ? 30 : 200);
}
GST_END_TEST

GST_START_TEST(takes_the_modulo_until_the_first_buffer)
{
  Harness harness{"recoverorder window=4"};
  g_object_set(harness.element, "modulo", guint64{16}, nullptr);
  harness.push({14, 15, 0, 2, 1, 3});
  g_object_set(harness.element, "modulo", guint64{0}, nullptr);
  harness.push(4);
  harness.eos();
  assert_numbers(harness.pull(), {14, 15, 0, 1, 2, 3, 4}, "modulo");
}
GST_END_TEST

static Suite *recoverorder_suite()
{
  Suite *suite = suite_create("recoverorder");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, does_what_the_vectors_want);
  tcase_add_test(tc, reads_what_kamaelia_sent);
  tcase_add_test(tc, marks_what_does_not_follow);
  tcase_add_test(tc, passes_what_has_no_number);
  tcase_add_test(tc, takes_and_gives_lists);
  tcase_add_test(tc, counts_and_tells_drops);
  tcase_add_test(tc, drains_before_what_ends_a_stretch);
  tcase_add_test(tc, a_flush_forgets);
  tcase_add_test(tc, tells_what_is_lost);
  tcase_add_test(tc, tells_it_between_the_buffers);
  tcase_add_test(tc, waits_no_longer_than_latency);
  tcase_add_test(tc, without_latency_no_time_counts);
  tcase_add_test(tc, adds_to_the_latency);
  tcase_add_test(tc, starts_anew_after_ready);
  tcase_add_test(tc, refuses_a_modulo_of_one);
  tcase_add_test(tc, hostile_numbers_take_no_memory);
  tcase_add_test(tc, a_broken_network_is_put_right);
  tcase_add_test(tc, takes_the_modulo_until_the_first_buffer);
  return suite;
}

GST_CHECK_MAIN(recoverorder)
