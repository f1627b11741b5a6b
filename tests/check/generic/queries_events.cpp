// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a pipeline may ask or tell an element, it answers or passes on, in every state.
#include "support/our_elements.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam;
using namespace kam::test;

namespace {

GstStaticPadTemplate anything_template =
    GST_STATIC_PAD_TEMPLATE("downstream", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// An element between two pads of ours that note what passes.
class Rig {
 public:
  explicit Rig(const std::string &name, bool link_source = true)
      : element_{make_element(name)},
        upstream_{gst_object_ref_sink(gst_pad_new("upstream", GST_PAD_SRC))},
        downstream_{gst_object_ref_sink(
            gst_pad_new_from_static_template(&anything_template, "downstream"))}
  {
    for (auto &pad : {upstream(), downstream()})
      gst_pad_set_element_private(pad, this);
    gst_pad_set_event_function(upstream(),
                               [](GstPad *pad, GstObject *parent, GstEvent *event) -> gboolean {
                                 of(pad).note(of(pad).went_up_, event);
                                 return gst_pad_event_default(pad, parent, event);
                               });
    gst_pad_set_event_function(downstream(),
                               [](GstPad *pad, GstObject *, GstEvent *event) -> gboolean {
                                 of(pad).note(of(pad).came_down_, event);
                                 gst_event_unref(event);
                                 return TRUE;
                               });
    gst_pad_set_chain_function(downstream(), [](GstPad *pad, GstObject *, GstBuffer *buffer) {
      ++of(pad).buffers_;
      gst_buffer_unref(buffer);
      return GST_FLOW_OK;
    });
    const glue::Ref sink = glue::Ref<GstPad>::adopt(pad("sink"));
    const glue::Ref src = glue::Ref<GstPad>::adopt(pad("src"));
    ck_assert_int_eq(gst_pad_link(upstream(), sink.get()), GST_PAD_LINK_OK);
    if (link_source)
      ck_assert_int_eq(gst_pad_link(src.get(), downstream()), GST_PAD_LINK_OK);
    gst_pad_set_active(upstream(), TRUE);
    gst_pad_set_active(downstream(), TRUE);
  }
  ~Rig()
  {
    gst_element_set_state(element_.get(), GST_STATE_NULL);
    gst_pad_set_active(upstream(), FALSE);
    gst_pad_set_active(downstream(), FALSE);
  }
  Rig(const Rig &) = delete;
  Rig &operator=(const Rig &) = delete;

  GstElement *element() { return element_.get(); }
  GstPad *upstream() { return GST_PAD(upstream_.get()); }
  GstPad *downstream() { return GST_PAD(downstream_.get()); }
  int buffers() const { return buffers_; }
  bool went_up(GstEventType type)
  {
    const std::lock_guard lock{mutex_};
    return std::ranges::count(went_up_, type) > 0;
  }
  // Waits for `expected` of them, as an element may push in a thread of its own.
  std::ptrdiff_t came_down(GstEventType type, std::ptrdiff_t expected)
  {
    std::unique_lock lock{mutex_};
    noted_.wait_for(lock, std::chrono::seconds{10},
                    [&] { return std::ranges::count(came_down_, type) >= expected; });
    return std::ranges::count(came_down_, type);
  }

  void go_to(GstState state)
  {
    ck_assert_int_ne(gst_element_set_state(element(), state), GST_STATE_CHANGE_FAILURE);
  }

  void send(GstEvent *event) { gst_pad_push_event(upstream(), event); }

  // Caps that the element says it takes.
  GstCaps *some_caps()
  {
    const auto any =
        glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("application/octet-stream"));
    auto *possible = gst_pad_peer_query_caps(upstream(), any.get());
    if (gst_caps_is_empty(possible)) {
      gst_caps_unref(possible);
      possible = gst_pad_peer_query_caps(upstream(), nullptr);
    }
    return gst_caps_fixate(possible);
  }

  void begin()
  {
    send(gst_event_new_stream_start("stream"));
    const auto caps = glue::Ref<GstCaps>::adopt(some_caps());
    send(gst_event_new_caps(caps.get()));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    send(gst_event_new_segment(&segment));
  }

  // A buffer that is a frame, a chunk, a request and noise, so that most find something.
  GstFlowReturn push(guint64 number)
  {
    static const std::string chunk =
        std::string(24, 'X') + "1 5\nhello" + std::string(24, 'X') + std::string(300, 'z');
    static const std::string frame = "1 5\nhello";
    const auto caps = glue::Ref<GstCaps>::adopt(gst_pad_get_current_caps(upstream()));
    const bool framed = caps && gst_structure_has_name(gst_caps_get_structure(caps.get(), 0),
                                                       "application/x-kamaelia-frame");
    const auto &bytes = framed ? frame : chunk;
    auto *buffer = gst_buffer_new_memdup(bytes.data(), bytes.size());
    GST_BUFFER_OFFSET(buffer) = number;
    GST_BUFFER_PTS(buffer) = number * GST_MSECOND;
    return gst_pad_push(upstream(), buffer);
  }

 private:
  static Rig &of(GstPad *pad) { return *static_cast<Rig *>(gst_pad_get_element_private(pad)); }
  GstPad *pad(const char *name) { return gst_element_get_static_pad(element(), name); }

  ElementPtr element_;
  glue::Owned<void, gst_object_unref> upstream_;
  glue::Owned<void, gst_object_unref> downstream_;
  void note(std::vector<GstEventType> &list, const GstEvent *event)
  {
    const std::lock_guard lock{mutex_};
    list.push_back(GST_EVENT_TYPE(event));
    noted_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable noted_;
  std::vector<GstEventType> went_up_;
  std::vector<GstEventType> came_down_;
  std::atomic<int> buffers_ = 0;
};

// Those that have a sink pad and a source pad from the start.
std::vector<std::string> filters()
{
  auto names = our_elements();
  std::erase_if(names, [](const std::string &name) {
    const auto element = make_element(name);
    const auto has = [&](const char *pad) {
      return bool{glue::Ref<GstPad>::adopt(gst_element_get_static_pad(element.get(), pad))};
    };
    return !has("sink") || !has("src");
  });
  return names;
}

std::string filter_at(int index)
{
  return filters()[static_cast<std::size_t>(index)];
}

std::vector<glue::Ref<GstQuery>> all_queries()
{
  const auto caps = glue::Ref<GstCaps>::adopt(gst_caps_from_string("audio/x-raw, rate=8000"));
  GstQuery *queries[] = {
      gst_query_new_position(GST_FORMAT_TIME),
      gst_query_new_position(GST_FORMAT_BYTES),
      gst_query_new_duration(GST_FORMAT_TIME),
      gst_query_new_duration(GST_FORMAT_BYTES),
      gst_query_new_latency(),
      gst_query_new_seeking(GST_FORMAT_TIME),
      gst_query_new_seeking(GST_FORMAT_BYTES),
      gst_query_new_segment(GST_FORMAT_TIME),
      gst_query_new_convert(GST_FORMAT_BYTES, 1, GST_FORMAT_TIME),
      gst_query_new_formats(),
      gst_query_new_buffering(GST_FORMAT_PERCENT),
      gst_query_new_uri(),
      gst_query_new_allocation(caps.get(), TRUE),
      gst_query_new_allocation(nullptr, TRUE),
      gst_query_new_scheduling(),
      gst_query_new_accept_caps(caps.get()),
      gst_query_new_caps(nullptr),
      gst_query_new_caps(caps.get()),
      gst_query_new_drain(),
      gst_query_new_context("kamaelia.none"),
      gst_query_new_bitrate(),
      gst_query_new_selectable(),
      gst_query_new_custom(GST_QUERY_CUSTOM, gst_structure_new_empty("question")),
  };
  std::vector<glue::Ref<GstQuery>> owned;
  for (auto *query : queries)
    owned.push_back(glue::Ref<GstQuery>::adopt(query));
  return owned;
}

void ask_everything(Rig &rig)
{
  for (const auto &query : all_queries())
    if (gst_query_type_get_flags(GST_QUERY_TYPE(query.get())) & GST_QUERY_TYPE_DOWNSTREAM)
      gst_pad_peer_query(rig.upstream(), query.get());
  for (const auto &query : all_queries())
    if (gst_query_type_get_flags(GST_QUERY_TYPE(query.get())) & GST_QUERY_TYPE_UPSTREAM)
      gst_pad_peer_query(rig.downstream(), query.get());
}

}  // namespace

GST_START_TEST(queries_in_every_state)
{
  Rig rig{filter_at(__i__)};
  for (const auto state : {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING,
                           GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_NULL}) {
    rig.go_to(state);
    ask_everything(rig);
    if (state < GST_STATE_PAUSED)
      continue;
    rig.begin();
    ask_everything(rig);
    rig.push(1);
    ask_everything(rig);
  }
}
GST_END_TEST

GST_START_TEST(flush_and_eos_in_any_order)
{
  Rig rig{filter_at(__i__)};
  rig.go_to(GST_STATE_PLAYING);
  rig.send(gst_event_new_flush_start());
  rig.send(gst_event_new_flush_stop(TRUE));
  rig.begin();
  for (guint64 i = 1; i <= 3; ++i)
    rig.push(i);
  rig.send(gst_event_new_flush_start());
  ck_assert_int_eq(rig.push(4), GST_FLOW_FLUSHING);
  rig.send(gst_event_new_flush_stop(FALSE));
  rig.begin();
  rig.push(5);
  rig.send(gst_event_new_eos());
  ck_assert_int_eq(rig.came_down(GST_EVENT_EOS, 1), 1);
  rig.send(gst_event_new_eos());
  ck_assert_int_eq(rig.push(6), GST_FLOW_EOS);
  rig.send(gst_event_new_flush_start());
  rig.send(gst_event_new_flush_stop(TRUE));
  rig.begin();
  ck_assert_int_ne(rig.push(7), GST_FLOW_EOS);
  rig.send(gst_event_new_eos());
  ck_assert_int_eq(rig.came_down(GST_EVENT_FLUSH_START, 3), 3);
  ck_assert_int_eq(rig.came_down(GST_EVENT_FLUSH_STOP, 3), 3);
}
GST_END_TEST

// Whether one of the pads has packets of a protocol: those have another time, or none, so a gap
// is told in the protocol's way.
static bool is_between_packets(const std::string &name)
{
  return name == "srmenc" || name == "srmdec";
}

GST_START_TEST(events_downstream)
{
  Rig rig{filter_at(__i__)};
  rig.go_to(GST_STATE_PLAYING);
  rig.begin();
  rig.push(1);
  rig.send(gst_event_new_gap(0, GST_SECOND));
  rig.send(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "title", nullptr)));
  rig.send(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("x")));
  rig.send(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB, gst_structure_new_empty("x")));
  rig.push(2);
  // Other caps, whether it takes them or not, and back.
  const auto other = glue::Ref<GstCaps>::adopt(gst_caps_from_string("audio/x-raw, rate=8000"));
  rig.send(gst_event_new_caps(other.get()));
  rig.push(3);
  rig.begin();
  rig.begin();
  rig.push(4);
  rig.send(gst_event_new_eos());
  if (!is_between_packets(filter_at(__i__)))
    ck_assert_int_eq(rig.came_down(GST_EVENT_GAP, 1), 1);
  ck_assert_int_eq(rig.came_down(GST_EVENT_CUSTOM_DOWNSTREAM, 1), 1);
  ck_assert_int_eq(rig.came_down(GST_EVENT_CUSTOM_DOWNSTREAM_OOB, 1), 1);
  ck_assert_int_eq(rig.came_down(GST_EVENT_EOS, 1), 1);
}
GST_END_TEST

GST_START_TEST(events_upstream_pass)
{
  Rig rig{filter_at(__i__)};
  rig.go_to(GST_STATE_PLAYING);
  rig.begin();
  GstEvent *events[] = {
      gst_event_new_seek(1, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
                         GST_SEEK_TYPE_NONE, 0),
      gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 1, 0, 0),
      gst_event_new_latency(GST_SECOND),
      gst_event_new_reconfigure(),
      gst_event_new_navigation(gst_structure_new_empty("x")),
      gst_event_new_custom(GST_EVENT_CUSTOM_UPSTREAM, gst_structure_new_empty("x")),
  };
  for (auto *event : events)
    gst_pad_push_event(rig.downstream(), event);
  for (const auto type : {GST_EVENT_SEEK, GST_EVENT_QOS, GST_EVENT_LATENCY,
                          GST_EVENT_NAVIGATION, GST_EVENT_CUSTOM_UPSTREAM})
    ck_assert_msg(rig.went_up(type), "%s: %s did not pass", filter_at(__i__).c_str(),
                  gst_event_type_get_name(type));
}
GST_END_TEST

GST_START_TEST(nobody_downstream)
{
  constexpr guint64 count = 100;
  int emitted = 0;
  {
    Rig linked{filter_at(__i__)};
    linked.go_to(GST_STATE_PLAYING);
    linked.begin();
    for (guint64 i = 1; i <= count; ++i)
      linked.push(i);
    emitted = linked.buffers();
  }
  Rig rig{filter_at(__i__), false};
  rig.go_to(GST_STATE_PLAYING);
  rig.begin();
  bool told = false;
  for (guint64 i = 1; i <= count; ++i)
    told |= rig.push(i) == GST_FLOW_NOT_LINKED;
  // What sends in a thread of its own knows a little later.
  for (guint64 i = count + 1; i <= 20 * count && !told && emitted > 0; ++i) {
    g_usleep(1000);
    told = rig.push(i) == GST_FLOW_NOT_LINKED;
  }
  ck_assert_msg(told || emitted == 0, "%s does not say that it is not linked",
                filter_at(__i__).c_str());
  rig.send(gst_event_new_eos());
}
GST_END_TEST

static Suite *queries_events_suite()
{
  Suite *suite = suite_create("queries_events");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  const auto count = static_cast<int>(filters().size());
  g_assert_cmpint(count, >, 0);
  tcase_add_loop_test(tc, queries_in_every_state, 0, count);
  tcase_add_loop_test(tc, flush_and_eos_in_any_order, 0, count);
  tcase_add_loop_test(tc, events_downstream, 0, count);
  tcase_add_loop_test(tc, events_upstream_pass, 0, count);
  tcase_add_loop_test(tc, nobody_downstream, 0, count);
  return suite;
}

GST_CHECK_MAIN(queries_events)
