// SPDX-License-Identifier: LGPL-2.1-or-later
#include "glue/filter.hpp"

#include "glue/element.hpp"
#include "support/our_elements.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace kam;
using glue::BufferPtr;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Keeps the newest buffer back until the next one comes, and emits each several times.
class TestFilter final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamTestFilter";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass)
  {
    glue::describe(klass, {"Test", "Generic", "Filters", nullptr});
    gst_element_class_add_static_pad_template(klass, &sink_template);
    gst_element_class_add_static_pad_template(klass, &src_template);
  }
  explicit TestFilter(GstElement *element) : Filter{element} {}

  // Emits a marked buffer, from any thread.
  void poke()
  {
    run_in_stream([this] {
      BufferPtr mark{gst_buffer_new()};
      GST_BUFFER_FLAG_SET(mark.get(), GST_BUFFER_FLAG_MARKER);
      emit(std::move(mark));
    });
  }

  int copies = 1;
  bool holds = false;
  int fail_at = -1;         // the buffer with this OFFSET is an error
  int renegotiate_at = -1;  // at the buffer with this OFFSET the caps are made again
  GstClockTime latency = 0;
  int starts = 0;
  int stops = 0;
  int shared_inputs = 0;

 private:
  void start() override { ++starts; }
  void stop() override
  {
    ++stops;
    held_.reset();
  }
  void handle_buffer(BufferPtr buffer) override
  {
    if (static_cast<gint64>(GST_BUFFER_OFFSET(buffer.get())) == fail_at)
      return fail(GST_FLOW_ERROR);
    if (static_cast<gint64>(GST_BUFFER_OFFSET(buffer.get())) == renegotiate_at)
      renegotiate();
    shared_inputs += gst_buffer_is_writable(buffer.get()) ? 0 : 1;
    if (holds)
      std::swap(buffer, held_);
    if (buffer)
      emit_copies(std::move(buffer));
  }
  void drain() override
  {
    if (held_)
      emit_copies(std::move(held_));
  }
  void flush() override { held_.reset(); }
  GstClockTime added_latency() const override { return latency; }
  std::optional<glue::Ref<GstCaps>> source_caps(GstCaps *sink_caps) override
  {
    if (!sink_caps)
      return glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("test/made-up"));
    if (renegotiate_at >= 0)
      return glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("test/renegotiated"));
    if (gst_structure_has_name(gst_caps_get_structure(sink_caps, 0), "test/refused"))
      return std::nullopt;
    return glue::Ref<GstCaps>::share(sink_caps);
  }
  void emit_copies(BufferPtr buffer)
  {
    for (int i = 1; i < copies; ++i)
      emit(BufferPtr{gst_buffer_copy(buffer.get())});
    emit(std::move(buffer));
  }

  BufferPtr held_;
};

}  // namespace

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using kam::test::ElementPtr;

namespace {

// A TestFilter between two pads; what comes out is written down in the order it comes.
class Rig {
 public:
  Rig()
      : element_{GST_ELEMENT(
            gst_object_ref_sink(g_object_new(glue::type_of<TestFilter>(), nullptr)))},
        upstream_{GST_PAD(gst_object_ref_sink(gst_pad_new("up", GST_PAD_SRC)))},
        downstream_{GST_PAD(
            gst_object_ref_sink(gst_pad_new_from_static_template(&sink_template, "down")))}
  {
    gst_pad_set_element_private(downstream(), this);
    gst_pad_set_event_function(downstream(),
                               [](GstPad *pad, GstObject *, GstEvent *event) -> gboolean {
                                 of(pad).log_.emplace_back(GST_EVENT_TYPE_NAME(event));
                                 gst_event_unref(event);
                                 return TRUE;
                               });
    gst_pad_set_chain_function(downstream(), [](GstPad *pad, GstObject *, GstBuffer *buffer) {
      return of(pad).take(BufferPtr{buffer}, "b");
    });
    gst_pad_set_chain_list_function(
        downstream(), [](GstPad *pad, GstObject *, GstBufferList *list) {
          auto &rig = of(pad);
          const glue::BufferListPtr owned{list};
          rig.list_lengths.push_back(gst_buffer_list_length(list));
          auto flow = GST_FLOW_OK;
          for (guint i = 0; i < gst_buffer_list_length(list) && flow == GST_FLOW_OK; ++i)
            flow = rig.take(BufferPtr{gst_buffer_ref(gst_buffer_list_get(list, i))}, "b");
          return flow;
        });
    const auto sink = glue::Ref<GstPad>::adopt(gst_element_get_static_pad(element(), "sink"));
    const auto src = glue::Ref<GstPad>::adopt(gst_element_get_static_pad(element(), "src"));
    gst_pad_link(upstream(), sink.get());
    gst_pad_link(src.get(), downstream());
    gst_pad_set_active(upstream(), TRUE);
    gst_pad_set_active(downstream(), TRUE);
    gst_element_set_state(element(), GST_STATE_PLAYING);
  }
  ~Rig()
  {
    gst_element_set_state(element(), GST_STATE_NULL);
    gst_pad_set_active(upstream(), FALSE);
    gst_pad_set_active(downstream(), FALSE);
  }
  Rig(const Rig &) = delete;
  Rig &operator=(const Rig &) = delete;

  GstElement *element() { return element_.get(); }
  GstPad *upstream() { return upstream_.get(); }
  GstPad *downstream() { return downstream_.get(); }
  TestFilter &filter() { return glue::impl_of<TestFilter>(element()); }

  bool send(GstEvent *event) { return gst_pad_push_event(upstream(), event); }
  bool send_caps(const char *caps)
  {
    const auto parsed = glue::Ref<GstCaps>::adopt(gst_caps_from_string(caps));
    return send(gst_event_new_caps(parsed.get()));
  }
  void send_segment()
  {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    send(gst_event_new_segment(&segment));
  }
  void begin()
  {
    send(gst_event_new_stream_start("s"));
    send_caps("test/caps");
    send_segment();
    log_.clear();
  }
  static BufferPtr numbered(guint64 number)
  {
    BufferPtr buffer{gst_buffer_new_allocate(nullptr, 8, nullptr)};
    GST_BUFFER_OFFSET(buffer.get()) = number;
    return buffer;
  }
  GstFlowReturn push(guint64 number)
  {
    return gst_pad_push(upstream(), numbered(number).release());
  }
  GstFlowReturn push_list(guint64 first, guint64 count,
                          std::vector<BufferPtr> *shares = nullptr)
  {
    auto *list = gst_buffer_list_new();
    for (guint64 i = 0; i < count; ++i) {
      auto buffer = numbered(first + i);
      if (shares)
        shares->emplace_back(gst_buffer_ref(buffer.get()));
      gst_buffer_list_add(list, buffer.release());
    }
    return gst_pad_push_list(upstream(), list);
  }
  // What has come out since the last time, with blanks between.
  void expect(const std::string &expected)
  {
    std::string all;
    for (const auto &entry : std::exchange(log_, {}))
      all += (all.empty() ? "" : " ") + entry;
    ck_assert_msg(all == expected, "\"%s\" came out, not \"%s\"", all.c_str(),
                  expected.c_str());
  }
  void forget() { log_.clear(); }
  int count(const std::string &entry) const
  {
    return static_cast<int>(std::ranges::count(log_, entry));
  }
  std::size_t logged() const { return log_.size(); }

  GstFlowReturn answer = GST_FLOW_OK;
  std::vector<guint> list_lengths;

 private:
  static Rig &of(GstPad *pad) { return *static_cast<Rig *>(gst_pad_get_element_private(pad)); }
  GstFlowReturn take(BufferPtr buffer, const std::string &prefix)
  {
    log_.push_back(GST_BUFFER_FLAG_IS_SET(buffer.get(), GST_BUFFER_FLAG_MARKER)
                       ? "mark"
                       : prefix + std::to_string(GST_BUFFER_OFFSET(buffer.get())));
    return answer;
  }

  ElementPtr element_;
  glue::Owned<GstPad, gst_object_unref> upstream_;
  glue::Owned<GstPad, gst_object_unref> downstream_;
  std::vector<std::string> log_;
};

}  // namespace

GST_START_TEST(one_out_is_a_buffer_and_more_are_a_list)
{
  Rig rig;
  rig.begin();
  ck_assert_int_eq(rig.push(1), GST_FLOW_OK);
  ck_assert(rig.list_lengths.empty());
  rig.filter().copies = 3;
  ck_assert_int_eq(rig.push(2), GST_FLOW_OK);
  ck_assert(rig.list_lengths == std::vector{3U});
  rig.expect("b1 b2 b2 b2");
}
GST_END_TEST

GST_START_TEST(lists_in_are_lists_out)
{
  Rig rig;
  rig.begin();
  rig.filter().copies = 2;
  ck_assert_int_eq(rig.push_list(1, 3), GST_FLOW_OK);
  ck_assert(rig.list_lengths == std::vector{6U});
  rig.expect("b1 b1 b2 b2 b3 b3");
  ck_assert_int_eq(rig.filter().shared_inputs, 0);
  ck_assert_int_eq(rig.push_list(4, 0), GST_FLOW_OK);
  ck_assert_uint_eq(rig.logged(), 0);
}
GST_END_TEST

// Buffers in a list of which somebody else has a share, and a list of which they have one.
GST_START_TEST(shared_lists_stay_whole)
{
  Rig rig;
  rig.begin();
  std::vector<BufferPtr> shares;
  ck_assert_int_eq(rig.push_list(1, 3, &shares), GST_FLOW_OK);
  ck_assert_int_eq(rig.filter().shared_inputs, 3);
  for (const auto &share : shares)
    ASSERT_BUFFER_REFCOUNT(share.get(), "share", 1);
  auto *list = gst_buffer_list_new();
  gst_buffer_list_add(list, Rig::numbered(4).release());
  gst_buffer_list_add(list, Rig::numbered(5).release());
  ck_assert_int_eq(gst_pad_push_list(rig.upstream(), gst_buffer_list_ref(list)), GST_FLOW_OK);
  ck_assert_uint_eq(gst_buffer_list_length(list), 2);
  ck_assert_uint_eq(GST_BUFFER_OFFSET(gst_buffer_list_get(list, 1)), 5);
  gst_buffer_list_unref(list);
  rig.expect("b1 b2 b3 b4 b5");
}
GST_END_TEST

GST_START_TEST(huge_output_goes_in_short_lists)
{
  Rig rig;
  rig.begin();
  rig.filter().copies = 1000;
  ck_assert_int_eq(rig.push(1), GST_FLOW_OK);
  ck_assert_int_eq(rig.push_list(2, 2), GST_FLOW_OK);
  ck_assert_int_eq(rig.count("b1"), 1000);
  ck_assert_uint_eq(rig.logged(), 3000);
  ck_assert(std::ranges::all_of(rig.list_lengths, [](guint n) { return n <= 256; }));
}
GST_END_TEST

GST_START_TEST(drains_where_the_stream_changes)
{
  Rig rig;
  rig.begin();
  rig.filter().holds = true;
  rig.push(1);
  rig.push(2);
  rig.expect("b1");
  rig.send_caps("test/other");
  rig.expect("b2 caps");
  rig.push(3);
  rig.send_segment();
  rig.expect("b3 segment");
  rig.push(4);
  const auto query = glue::Ref<GstQuery>::adopt(gst_query_new_drain());
  gst_pad_peer_query(rig.upstream(), query.get());
  rig.expect("b4");
  rig.push(5);
  rig.send(gst_event_new_eos());
  rig.expect("b5 eos");
}
GST_END_TEST

GST_START_TEST(flush_forgets)
{
  Rig rig;
  rig.begin();
  rig.filter().holds = true;
  rig.push(1);
  rig.send(gst_event_new_flush_start());
  ck_assert_int_eq(rig.push(2), GST_FLOW_FLUSHING);
  rig.send(gst_event_new_flush_stop(TRUE));
  rig.send_segment();
  rig.push(3);
  rig.send(gst_event_new_eos());
  rig.expect("flush-start flush-stop segment b3 eos");
}
GST_END_TEST

GST_START_TEST(data_without_caps_gets_some_before_the_segment)
{
  Rig rig;
  rig.send(gst_event_new_stream_start("s"));
  rig.send_segment();
  rig.push(1);
  rig.expect("stream-start caps segment b1");
  const auto caps = glue::Ref<GstCaps>::adopt(gst_pad_get_current_caps(rig.downstream()));
  ck_assert(gst_structure_has_name(gst_caps_get_structure(caps.get(), 0), "test/made-up"));
  // A flush takes the segment away, and caps may come before the next one.
  rig.send(gst_event_new_flush_start());
  rig.send(gst_event_new_flush_stop(TRUE));
  rig.forget();
  rig.send_caps("test/late");
  rig.send_segment();
  rig.expect("caps segment");
}
GST_END_TEST

GST_START_TEST(caps_may_be_refused_and_are_not_repeated)
{
  Rig rig;
  rig.begin();
  ck_assert(rig.send_caps("test/caps"));
  ck_assert_uint_eq(rig.logged(), 0);
  rig.send_caps("test/refused");
  ck_assert_int_eq(rig.push(1), GST_FLOW_NOT_NEGOTIATED);
  ck_assert_uint_eq(rig.logged(), 0);
  ck_assert(rig.send_caps("test/again"));
  ck_assert_int_eq(rig.push(2), GST_FLOW_OK);
}
GST_END_TEST

GST_START_TEST(downstream_answers_come_back)
{
  for (const auto flow : {GST_FLOW_EOS, GST_FLOW_FLUSHING, GST_FLOW_NOT_LINKED, GST_FLOW_ERROR,
                          GST_FLOW_NOT_NEGOTIATED, GST_FLOW_CUSTOM_ERROR}) {
    Rig rig;
    rig.begin();
    rig.answer = flow;
    ck_assert_int_eq(rig.push(1), flow);
    rig.filter().copies = 1000;
    rig.forget();
    ck_assert_int_eq(rig.push_list(2, 5), flow);
    // Nothing more was sent after the answer.
    ck_assert_uint_eq(rig.logged(), 1);
    rig.filter().copies = 1;
    rig.answer = GST_FLOW_OK;
    ck_assert_int_eq(rig.push(3), GST_FLOW_OK);
  }
}
GST_END_TEST

// What was good before an error arrives, whether it came alone or in a list.
GST_START_TEST(errors_end_the_call_after_what_came_before)
{
  Rig rig;
  rig.begin();
  rig.filter().fail_at = 3;
  ck_assert_int_eq(rig.push_list(1, 5), GST_FLOW_ERROR);
  rig.expect("b1 b2");
  ck_assert_int_eq(rig.push(6), GST_FLOW_OK);
}
GST_END_TEST

GST_START_TEST(caps_made_again_go_between_the_buffers)
{
  Rig rig;
  rig.begin();
  rig.filter().renegotiate_at = 3;
  ck_assert_int_eq(rig.push_list(1, 4), GST_FLOW_OK);
  rig.expect("b1 b2 caps b3 b4");
  // And what downstream said to the buffers before them is not forgotten.
  rig.answer = GST_FLOW_NOT_LINKED;
  ck_assert_int_eq(rig.push_list(1, 4), GST_FLOW_NOT_LINKED);
  rig.expect("b1");
}
GST_END_TEST

GST_START_TEST(latency_is_added)
{
  Rig rig;
  gst_pad_set_query_function(rig.upstream(),
                             [](GstPad *, GstObject *, GstQuery *query) -> gboolean {
                               if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
                                 return FALSE;
                               gst_query_set_latency(query, TRUE, 10, 20);
                               return TRUE;
                             });
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  const auto query = glue::Ref<GstQuery>::adopt(gst_query_new_latency());
  ck_assert(gst_pad_peer_query(rig.downstream(), query.get()));
  gst_query_parse_latency(query.get(), &live, &min, &max);
  ck_assert(live && min == 10 && max == 20);
  rig.filter().latency = 5;
  ck_assert(gst_pad_peer_query(rig.downstream(), query.get()));
  gst_query_parse_latency(query.get(), &live, &min, &max);
  ck_assert(live && min == 15 && max == GST_CLOCK_TIME_NONE);
}
GST_END_TEST

GST_START_TEST(starts_and_stops_with_the_pads)
{
  Rig rig;
  ck_assert_int_eq(rig.filter().starts, 1);
  rig.begin();
  rig.filter().holds = true;
  rig.push(1);
  gst_element_set_state(rig.element(), GST_STATE_READY);
  ck_assert_int_eq(rig.filter().stops, 1);
  gst_element_set_state(rig.element(), GST_STATE_PAUSED);
  ck_assert_int_eq(rig.filter().starts, 2);
  rig.begin();
  rig.push(2);
  rig.send(gst_event_new_eos());
  rig.expect("b2 eos");
}
GST_END_TEST

GST_START_TEST(another_thread_may_emit)
{
  constexpr int count = 5000;
  Rig rig;
  rig.begin();
  rig.filter().copies = 3;
  std::thread other{[&rig] {
    for (int i = 0; i < count; ++i)
      rig.filter().poke();
  }};
  for (int i = 0; i < count; ++i)
    ck_assert_int_eq(rig.push(7), GST_FLOW_OK);
  other.join();
  ck_assert_int_eq(rig.count("mark"), count);
  ck_assert_int_eq(rig.count("b7"), 3 * count);
  // And where no data may flow, nothing does.
  gst_element_set_state(rig.element(), GST_STATE_READY);
  rig.forget();
  rig.filter().poke();
  ck_assert_uint_eq(rig.logged(), 0);
}
GST_END_TEST

namespace {

// Set by the queue of the next test, when it cannot take more.
struct Overrun {
  std::mutex mutex;
  std::condition_variable changed;
  bool full = false;
};

void stop_while_blocked()
{
  const ElementPtr pipeline{GST_ELEMENT(gst_object_ref_sink(gst_pipeline_new(nullptr)))};
  auto *filter = GST_ELEMENT(g_object_new(glue::type_of<TestFilter>(), nullptr));
  auto *queue = gst_element_factory_make("queue", nullptr);
  auto *sink = gst_element_factory_make("fakesink", nullptr);
  gst_bin_add_many(GST_BIN(pipeline.get()), filter, queue, sink, nullptr);
  ck_assert(gst_element_link_many(filter, queue, sink, nullptr));
  g_object_set(queue, "max-size-buffers", 1U, nullptr);
  Overrun overrun;
  g_signal_connect(queue, "overrun", G_CALLBACK(+[](GstElement *, gpointer data) {
                     auto &seen = *static_cast<Overrun *>(data);
                     const std::lock_guard lock{seen.mutex};
                     seen.full = true;
                     seen.changed.notify_all();
                   }),
                   &overrun);
  // PAUSED: the sink takes one buffer and keeps it.
  gst_element_set_state(pipeline.get(), GST_STATE_PAUSED);
  const auto pad = glue::Ref<GstPad>::adopt(gst_element_get_static_pad(filter, "sink"));
  GstFlowReturn flow = GST_FLOW_OK;
  std::thread streaming{[&] {
    gst_pad_send_event(pad.get(), gst_event_new_stream_start("s"));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_send_event(pad.get(), gst_event_new_segment(&segment));
    while (flow == GST_FLOW_OK)
      flow = gst_pad_chain(pad.get(), Rig::numbered(1).release());
  }};
  {
    std::unique_lock lock{overrun.mutex};
    overrun.changed.wait(lock, [&overrun] { return overrun.full; });
  }
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  streaming.join();
  ck_assert_int_eq(flow, GST_FLOW_FLUSHING);
}

}  // namespace

GST_START_TEST(stops_while_downstream_blocks)
{
  for (int i = 0; i < 50; ++i)
    stop_while_blocked();
}
GST_END_TEST

static Suite *filter_suite()
{
  Suite *suite = suite_create("filter");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, one_out_is_a_buffer_and_more_are_a_list);
  tcase_add_test(tc, lists_in_are_lists_out);
  tcase_add_test(tc, shared_lists_stay_whole);
  tcase_add_test(tc, huge_output_goes_in_short_lists);
  tcase_add_test(tc, drains_where_the_stream_changes);
  tcase_add_test(tc, flush_forgets);
  tcase_add_test(tc, data_without_caps_gets_some_before_the_segment);
  tcase_add_test(tc, caps_may_be_refused_and_are_not_repeated);
  tcase_add_test(tc, downstream_answers_come_back);
  tcase_add_test(tc, errors_end_the_call_after_what_came_before);
  tcase_add_test(tc, caps_made_again_go_between_the_buffers);
  tcase_add_test(tc, latency_is_added);
  tcase_add_test(tc, starts_and_stops_with_the_pads);
  tcase_add_test(tc, stops_while_downstream_blocks);
#ifdef __SANITIZE_THREAD__
  // The lock of a pad is one that the thread sanitiser cannot see.
  (void)another_thread_may_emit;
#else
  tcase_add_test(tc, another_thread_may_emit);
#endif
  return suite;
}

GST_CHECK_MAIN(filter)
