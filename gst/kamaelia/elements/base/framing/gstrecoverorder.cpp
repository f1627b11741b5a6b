// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/reorder.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/framing/streamtimer.hpp"
#include "glue/drops.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <array>
#include <atomic>

GST_DEBUG_CATEGORY_STATIC(recoverorder_debug);
#define GST_CAT_DEFAULT recoverorder_debug

using kam::framing::LatePolicy;

template <>
struct kam::glue::GTypeOf<LatePolicy> {
  static GType type()
  {
    static const std::array values{
        GEnumValue{gint(LatePolicy::drop), "Drop what comes too late; what leaves is in order",
                   "drop"},
        GEnumValue{gint(LatePolicy::forward), "Pass it on out of order, as Kamaelia does",
                   "forward"},
        GEnumValue{0, nullptr, nullptr}};
    static const GType type = register_enum("KamRecoverOrderLate", values.data());
    return type;
  }
};

namespace {

using namespace kam;
using glue::BufferPtr;
using Order = framing::Reorder<BufferPtr>;

constexpr guint max_window = 65536;
constexpr guint64 max_modulo = G_GUINT64_CONSTANT(1) << 63U;
constexpr guint max_latency = 24U * 3600U * 1000U;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

enum class Drop { late, duplicate, count_ };

const char *name_of(Drop reason)
{
  static constexpr std::array names{"late", "duplicate"};
  return names[static_cast<std::size_t>(reason)];
}

// Kamaelia.Protocol.SimpleReliableMulticast.RecoverOrder, for whatever carries its number in
// OFFSET.
class RecoverOrderElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamRecoverOrder";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    guint window = 30;
    guint64 modulo = 0;
    LatePolicy late = LatePolicy::drop;
    guint latency = 0;
    guint64 first_sequence = 1;
    bool do_lost = false;
    bool post_drop_messages = false;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<RecoverOrderElement, Values> &properties();
  void settings_changed();

  explicit RecoverOrderElement(GstElement *element)
      : Filter{element}, timer_{[this] { handle_timeout(); }}
  {
  }
  glue::StructurePtr stats() const;
  GstStateChangeReturn change_state(GstStateChange transition);
  gboolean set_clock(GstClock *clock);

 private:
  void start() override;
  void stop() override;
  void handle_buffer(BufferPtr buffer) override;
  void drain() override;
  void flush() override;
  GstClockTime added_latency() const override;

  void configure();
  void forget();
  void handle_timeout();
  GstClockTime now();
  void move_on();
  void emit_in_order(Order::Released released);
  void emit_marked(BufferPtr buffer, bool discont);
  void tell_lost(const Order::Released &released);
  void publish_stats();

  std::optional<Order> order_;
  bool discont_ = true;  // for the next buffer to leave
  GstClockTime last_pts_ = GST_CLOCK_TIME_NONE;
  GstClockTime last_end_ = GST_CLOCK_TIME_NONE;  // unset if it had no duration

  std::atomic<guint> announced_latency_ = 0;
  glue::Counter in_;
  glue::Counter out_;
  glue::Counter unsequenced_;
  glue::Counter flushed_;
  glue::Drops<Drop> drops_;
  struct {
    std::atomic<guint64> lost, late, restarts, reordered, fill;
  } published_{};
  StreamTimer timer_;  // the last: its thread uses the others
};

const glue::Properties<RecoverOrderElement, RecoverOrderElement::Values>
    &RecoverOrderElement::properties()
{
  using glue::Mutable;
  static const auto table =
      glue::Properties<RecoverOrderElement, Values>{}
          .add("window", &Values::window,
               "Number of buffers to hold while one before them is missing; when there are "
               "so many, it is given up",
               Mutable::in_playing, {1, max_window})
          .add_checked(
              "modulo", &Values::modulo,
              "Sequence numbers wrap to 0 before they reach this (65536 for RTP, at most "
              "2^63); 0 means that they never wrap; a change after the first buffer does "
              "nothing until READY",
              Mutable::in_playing, [](guint64 modulo) { return modulo != 1; }, {0, max_modulo})
          .add("late", &Values::late,
               "What to do with a buffer that comes after those that follow it have left",
               Mutable::in_playing)
          .add("latency", &Values::latency,
               "How long a buffer waits at most for those before it, in milliseconds; 0 "
               "means that only their number counts",
               Mutable::in_playing, {0, max_latency})
          .add("first-sequence", &Values::first_sequence,
               "Number with which senders start: nothing is waited for before it (modulo=0); "
               "a change after the first buffer does nothing until READY",
               Mutable::in_playing)
          .add("do-lost", &Values::do_lost,
               "Send an event KamPacketsLost (first-sequence, count, timestamp, duration) "
               "for numbers that are given up, and a GAP event if timestamps show the hole",
               Mutable::in_playing)
          .add("post-drop-messages", &Values::post_drop_messages,
               "Post an element message \"drop-msg\" (reason, num-dropped) when buffers are "
               "dropped, at most five a second",
               Mutable::in_playing)
          .report<&RecoverOrderElement::stats>(
              "stats",
              "What passed since READY: buffers in and out; lost, numbers given up; late, "
              "buffers that came after that (dropped, unless late=forward); duplicate, "
              "buffers dropped because their number had come before; unsequenced, buffers "
              "without OFFSET, passed at once; restarts of the numbering; reordered, buffers "
              "put back in their place; flushed, buffers thrown away by a flush; "
              "window-fill, buffers held now");
  return table;
}

void RecoverOrderElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(recoverorder_debug, "recoverorder", 0, "RecoverOrder");
  klass->change_state = glue::vfunc<&RecoverOrderElement::change_state>;
  klass->set_clock = glue::vfunc<&RecoverOrderElement::set_clock>;
  properties().install(klass);
  glue::describe(
      klass,
      {"Order recovery", "Filter/Network",
       "Puts buffers in the order of their sequence numbers (OFFSET) and "
       "drops those that come twice",
       "gst-launch-1.0 udpsrc port=5000 ! dechunker ! deframer ! recoverorder ! filesink "
       "location=film.ts"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr RecoverOrderElement::stats() const
{
  auto stats = glue::stats_structure("application/x-recoverorder-stats",
                                     {{"in", in_.value()},
                                      {"out", out_.value()},
                                      {"lost", published_.lost},
                                      {"late", published_.late},
                                      {"duplicate", drops_.count(Drop::duplicate)},
                                      {"unsequenced", unsequenced_.value()},
                                      {"restarts", published_.restarts},
                                      {"reordered", published_.reordered},
                                      {"flushed", flushed_.value()},
                                      {"window-fill", published_.fill}});
  return stats;
}

void RecoverOrderElement::settings_changed()
{
  const auto latency = settings.read([](const Values &values) { return values.latency; });
  if (announced_latency_.exchange(latency) != latency)
    gst_element_post_message(element(), gst_message_new_latency(GST_OBJECT(element())));
}

GstClockTime RecoverOrderElement::added_latency() const
{
  return settings.read([](const Values &v) { return GstClockTime{v.latency}; }) * GST_MSECOND;
}

// The timer's thread may be waiting for the stream lock, which stop() runs under: it can only
// be joined here.
GstStateChangeReturn RecoverOrderElement::change_state(GstStateChange transition)
{
  const auto result = glue::parent_class_of<RecoverOrderElement>(element())->change_state(
      element(), transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    timer_.join();
  return result;
}

gboolean RecoverOrderElement::set_clock(GstClock *clock)
{
  timer_.set_clock(clock);
  return glue::parent_class_of<RecoverOrderElement>(element())->set_clock(element(), clock);
}

void RecoverOrderElement::start()
{
  for (auto *counter : {&in_, &out_, &unsequenced_, &flushed_})
    counter->reset();
  drops_.reset();
  order_.reset();
  (void)settings.changed();
  configure();
  discont_ = true;
  last_pts_ = last_end_ = GST_CLOCK_TIME_NONE;
  publish_stats();
}

void RecoverOrderElement::stop()
{
  timer_.stop();
  if (order_)
    forget();
}

void RecoverOrderElement::configure()
{
  const auto &values = settings.current();
  const framing::ReorderOptions options{values.window, values.modulo, values.late,
                                        values.first_sequence, added_latency()};
  // How numbers are counted is settled by the first of them.
  if (order_ && in_.value() > 0)
    order_->configure(options);
  else
    order_.emplace(options);
}

void RecoverOrderElement::forget()
{
  flushed_.add(order_->reset());
  publish_stats();
}

void RecoverOrderElement::handle_buffer(BufferPtr buffer)
{
  if (settings.changed())
    configure();
  in_.add();
  discont_ |= GST_BUFFER_IS_DISCONT(buffer.get());
  if (!GST_BUFFER_OFFSET_IS_VALID(buffer.get())) {
    GST_LOG_OBJECT(element(), "a buffer without OFFSET passes");
    unsequenced_.add();
    return emit_marked(std::move(buffer), false);
  }
  const auto number = GST_BUFFER_OFFSET(buffer.get());
  order_->handle_item(number, std::move(buffer), now());
  move_on();
}

// What happens in a state without a clock counts as long ago.
GstClockTime RecoverOrderElement::now()
{
  if (settings.current().latency == 0)
    return 0;
  const auto clock = glue::Ref<GstClock>::adopt(gst_element_get_clock(element()));
  return clock ? gst_clock_get_time(clock.get()) : 0;
}

// Passes on what the last input has made ready.
void RecoverOrderElement::move_on()
{
  while (auto released = order_->poll())
    emit_in_order(std::move(*released));
  while (const auto dropped = order_->poll_dropped()) {
    const bool is_late = dropped->reason == Order::DropReason::late;
    (void)drops_.add(element(), is_late ? Drop::late : Drop::duplicate,
                     {-1, settings.current().post_drop_messages});
  }
  publish_stats();
  if (const auto deadline = order_->next_timeout(); deadline && !timer_.wake_at(*deadline))
    GST_ELEMENT_WARNING(element(), RESOURCE, FAILED,
                        ("No thread to watch the time: late buffers may wait too long."),
                        ("std::thread"));
}

void RecoverOrderElement::emit_in_order(Order::Released released)
{
  if (released.missing > 0) {
    GST_DEBUG_OBJECT(element(), "%" G_GUINT64_FORMAT " lost from %" G_GUINT64_FORMAT,
                     released.missing, released.first_missing);
    if (settings.current().do_lost)
      tell_lost(released);
  }
  auto *buffer = released.item.get();
  last_pts_ = GST_BUFFER_PTS(buffer);
  last_end_ = GST_BUFFER_PTS_IS_VALID(buffer) && GST_BUFFER_DURATION_IS_VALID(buffer)
                  ? GST_BUFFER_PTS(buffer) + GST_BUFFER_DURATION(buffer)
                  : GST_CLOCK_TIME_NONE;
  emit_marked(std::move(released.item), released.discont);
}

// DISCONT means that a buffer does not follow the one that left before it; what the flag said
// of the order of arrival goes to the next that leaves.
void RecoverOrderElement::emit_marked(BufferPtr buffer, bool discont)
{
  discont = std::exchange(discont_, false) || discont;
  if (discont != bool(GST_BUFFER_IS_DISCONT(buffer.get()))) {
    buffer.reset(gst_buffer_make_writable(buffer.release()));
    if (discont)
      GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
    else
      GST_BUFFER_FLAG_UNSET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
  }
  out_.add();
  emit(std::move(buffer));
}

void RecoverOrderElement::tell_lost(const Order::Released &released)
{
  if (const auto flow = push_emitted(); flow != GST_FLOW_OK)
    return fail(flow);
  const auto next = GST_BUFFER_PTS(released.item.get());
  auto begin = last_end_;
  // Without a duration each of the missing is taken to be as long as the one before.
  if (!GST_CLOCK_TIME_IS_VALID(begin) && GST_CLOCK_TIME_IS_VALID(last_pts_) &&
      GST_CLOCK_TIME_IS_VALID(next) && next > last_pts_)
    begin = last_pts_ + (next - last_pts_) / (released.missing + 1);
  const bool is_hole =
      GST_CLOCK_TIME_IS_VALID(begin) && GST_CLOCK_TIME_IS_VALID(next) && next > begin;
  const auto duration = is_hole ? next - begin : GST_CLOCK_TIME_NONE;
  auto *lost = gst_structure_new("KamPacketsLost", "first-sequence", G_TYPE_UINT64,
                                 released.first_missing, "count", G_TYPE_UINT64,
                                 released.missing, "timestamp", G_TYPE_UINT64, begin,
                                 "duration", G_TYPE_UINT64, duration, nullptr);
  gst_pad_push_event(source_pad(), gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, lost));
  if (is_hole)
    gst_pad_push_event(source_pad(), gst_event_new_gap(begin, duration));
}

// In the timer's thread.
void RecoverOrderElement::handle_timeout()
{
  run_in_stream([this] {
    if (!timer_.expired())
      return;
    if (settings.changed())
      configure();
    order_->handle_timeout(now());
    move_on();
  });
}

void RecoverOrderElement::drain()
{
  if (!order_)
    return;
  order_->drain();
  move_on();
}

void RecoverOrderElement::flush()
{
  forget();
  discont_ = true;
  last_pts_ = last_end_ = GST_CLOCK_TIME_NONE;
}

void RecoverOrderElement::publish_stats()
{
  const auto publish = [](std::atomic<guint64> &to, guint64 value) {
    to.store(value, std::memory_order_relaxed);
  };
  const auto &stats = order_->stats();
  publish(published_.lost, stats.lost);
  publish(published_.late, stats.late);
  publish(published_.restarts, stats.restarts);
  publish(published_.reordered, stats.reordered);
  publish(published_.fill, order_->size());
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(recoverorder, "recoverorder", GST_RANK_NONE,
                            glue::type_of<RecoverOrderElement>())
