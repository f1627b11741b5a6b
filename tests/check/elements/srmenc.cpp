// SPDX-License-Identifier: LGPL-2.1-or-later
// srmenc and srmdec with each other, over pads.
#include "support/harness.hpp"
#include "support/random.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace kam;
using namespace kam::test;
using Messages = std::vector<ByteVector>;

namespace {

Messages messages(std::uint32_t seed, std::size_t count)
{
  Random random{seed};
  Messages all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back(random.bytes(random.below(5000)));
  return all;
}

GstFlowReturn pass_on(GstElement *told, GstElement *heard)
{
  GstSample *sample = nullptr;
  g_signal_emit_by_name(told, "pull-sample", &sample);
  if (!sample)
    return GST_FLOW_EOS;
  GstFlowReturn flow = GST_FLOW_OK;
  g_signal_emit_by_name(heard, "push-buffer", gst_sample_get_buffer(sample), &flow);
  gst_sample_unref(sample);
  return flow;
}

// What an encoder gives goes to a decoder, and back, through elements that may lose it.
struct Pair {
  Pair(const std::string &encoder, const std::string &decoder, const std::string &way,
       const std::string &back)
  {
    // The way back is not linked, because a pipeline may have no loop. Nobody waits for the
    // first
    // buffer before playing: it does not come before the way back plays.
    const auto launch = "appsrc name=in format=bytes ! srmenc name=e " + encoder + " ! " + way +
                        " ! srmdec name=d " + decoder +
                        " ! appsink name=out sync=false async=false d.feedback_src ! " + back +
                        " ! appsink name=told sync=false async=false emit-signals=true "
                        "appsrc name=heard ! e.feedback_sink";
    pipeline = gst_parse_launch(launch.c_str(), nullptr);
    ck_assert(pipeline != nullptr);
    in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
    out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
    auto *told = gst_bin_get_by_name(GST_BIN(pipeline), "told");
    heard = gst_bin_get_by_name(GST_BIN(pipeline), "heard");
    g_signal_connect(told, "new-sample", G_CALLBACK(pass_on), heard);
    gst_object_unref(told);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
  }
  ~Pair()
  {
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(in);
    gst_object_unref(out);
    gst_object_unref(heard);
    gst_object_unref(pipeline);
  }
  Pair(const Pair &) = delete;
  Pair &operator=(const Pair &) = delete;

  void push(const Messages &all) const
  {
    for (const auto &message : all) {
      GstFlowReturn flow = GST_FLOW_OK;
      auto *buffer = buffer_of(message);
      g_signal_emit_by_name(in, "push-buffer", buffer, &flow);
      gst_buffer_unref(buffer);
      ck_assert_int_eq(flow, GST_FLOW_OK);
    }
  }
  void end() const
  {
    GstFlowReturn flow = GST_FLOW_OK;
    g_signal_emit_by_name(in, "end-of-stream", &flow);
  }
  // Until EOS.
  Messages pull() const
  {
    Messages all;
    for (;;) {
      GstSample *sample = nullptr;
      g_signal_emit_by_name(out, "pull-sample", &sample);
      if (!sample)
        return all;
      all.push_back(bytes_of(gst_sample_get_buffer(sample)));
      gst_sample_unref(sample);
    }
  }
  guint64 stat(const char *element, const char *key) const
  {
    auto *found = gst_bin_get_by_name(GST_BIN(pipeline), element);
    GstStructure *stats = nullptr;
    g_object_get(found, "stats", &stats, nullptr);
    guint64 value = 0;
    ck_assert(gst_structure_get_uint64(stats, key, &value));
    gst_structure_free(stats);
    gst_object_unref(found);
    return value;
  }

  GstElement *pipeline;
  GstElement *in;
  GstElement *out;
  GstElement *heard;
};

}  // namespace

GST_START_TEST(buffers_arrive_as_they_are)
{
  for (const auto *mode : {"mode=bulk min-receivers=1", "mode=latency",
                           "mode=bulk min-receivers=1 congestion-control=true"}) {
    const Pair pair{mode, "", "identity", "identity"};
    const auto sent = messages(1, 200);
    pair.push(sent);
    pair.end();
    assert_equal(pair.pull(), sent, mode);
    const bool is_controlled =
        std::string_view{mode}.find("congestion") != std::string_view::npos;
    ck_assert_int_eq(pair.stat("e", "rate") > 0, is_controlled);
  }
}
GST_END_TEST

GST_START_TEST(what_the_way_breaks_is_repaired)
{
  for (const auto *seed : {"1", "2", "3"}) {
    const auto broken =
        std::string{
            "brokennetwork duplicate-probability=0.05 "
            "drop-probability=0.1 reorder-window=1 seed="} +
        seed;
    const Pair pair{"mode=bulk min-receivers=1", "", broken, broken};
    const auto sent = messages(2, 300);
    pair.push(sent);
    pair.end();
    assert_equal(pair.pull(), sent, seed);
    ck_assert_uint_gt(pair.stat("e", "repair-packets"), 0);
  }
}
GST_END_TEST

// Nobody answers, but the parity that comes unasked is enough.
GST_START_TEST(parity_repairs_without_feedback)
{
  const Pair pair{"mode=latency fec-overhead=0.5 max-rate=200000000",
                  "mode=latency latency=500 silent=true",
                  "brokennetwork duplicate-probability=0 drop-probability=0.05 "
                  "reorder-window=1 seed=4",
                  "identity"};
  Random random{5};
  Messages sent;
  for (int i = 0; i < 640; ++i)
    sent.push_back(random.bytes(1392));
  pair.push(sent);
  pair.end();
  const auto got = pair.pull();
  ck_assert_uint_ge(got.size(), 570);
  ck_assert_uint_gt(pair.stat("d", "segments-rebuilt"), 10);
  ck_assert_uint_eq(pair.stat("d", "nacks-sent"), 0);
}
GST_END_TEST

GST_START_TEST(caps_segment_and_times_travel)
{
  auto *pipeline = gst_parse_launch(
      "appsrc name=in format=time caps=video/x-test,rate=(int)7 ! srmenc ! srmdec ! "
      "appsink name=out sync=false",
      nullptr);
  auto *in = gst_bin_get_by_name(GST_BIN(pipeline), "in");
  auto *out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  auto *buffer = buffer_of(as_bytes("x"));
  GST_BUFFER_PTS(buffer) = 5 * GST_SECOND;
  GST_BUFFER_DURATION(buffer) = GST_SECOND;
  GstFlowReturn flow = GST_FLOW_OK;
  g_signal_emit_by_name(in, "push-buffer", buffer, &flow);
  gst_buffer_unref(buffer);
  GstSample *sample = nullptr;
  g_signal_emit_by_name(out, "pull-sample", &sample);
  ck_assert(sample != nullptr);
  ck_assert_uint_eq(GST_BUFFER_PTS(gst_sample_get_buffer(sample)), 5 * GST_SECOND);
  ck_assert_uint_eq(GST_BUFFER_DURATION(gst_sample_get_buffer(sample)), GST_SECOND);
  ck_assert_int_eq(gst_sample_get_segment(sample)->format, GST_FORMAT_TIME);
  gint rate = 0;
  ck_assert(gst_structure_get_int(gst_caps_get_structure(gst_sample_get_caps(sample), 0),
                                  "rate", &rate));
  ck_assert_int_eq(rate, 7);
  gst_sample_unref(sample);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(in);
  gst_object_unref(out);
  gst_object_unref(pipeline);
}
GST_END_TEST

GST_START_TEST(garbage_is_counted)
{
  auto *h = gst_harness_new("srmdec");
  gst_harness_set_src_caps_str(h, "application/x-norm");
  Random random{6};
  for (int i = 0; i < 200; ++i)
    ck_assert_int_eq(gst_harness_push(h, buffer_of(random.bytes(random.below(100)))),
                     GST_FLOW_OK);
  GstStructure *stats = nullptr;
  g_object_get(h->element, "stats", &stats, nullptr);
  guint64 bad = 0;
  ck_assert(gst_structure_get_uint64(stats, "bad-packets", &bad));
  ck_assert_uint_gt(bad, 100);
  gst_structure_free(stats);
  gst_harness_push_event(h, gst_event_new_eos());
  for (;;) {
    auto *event = gst_harness_pull_event(h);
    ck_assert(event != nullptr);
    const bool is_end = GST_EVENT_TYPE(event) == GST_EVENT_EOS;
    gst_event_unref(event);
    if (is_end)
      break;
  }
  gst_harness_teardown(h);
}
GST_END_TEST

// Nobody is there, so that writing waits for ever: a state change ends that.
GST_START_TEST(waiting_ends_with_the_state)
{
  const Pair pair{"mode=bulk min-receivers=2 repair-buffer-size=65536", "", "identity",
                  "identity"};
  pair.push(messages(7, 500));
  while (pair.stat("e", "buffered-bytes") < 50'000)
    g_thread_yield();
}
GST_END_TEST

static Suite *srmenc_suite()
{
  Suite *suite = suite_create("srmenc");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, buffers_arrive_as_they_are);
  tcase_add_test(tc, what_the_way_breaks_is_repaired);
  tcase_add_test(tc, parity_repairs_without_feedback);
  tcase_add_test(tc, caps_segment_and_times_travel);
  tcase_add_test(tc, garbage_is_counted);
  tcase_add_test(tc, waiting_ends_with_the_state);
  return suite;
}

GST_CHECK_MAIN(srmenc)
