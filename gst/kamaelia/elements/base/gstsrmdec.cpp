// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/receiver.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/srmmedia.hpp"
#include "elements/base/srmmessages.hpp"
#include "elements/base/srmpads.hpp"
#include "elements/base/srmproperties.hpp"
#include "elements/base/srmtimeline.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"
#include "net/wait.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

GST_DEBUG_CATEGORY_STATIC(srmdec_debug);
#define GST_CAT_DEFAULT srmdec_debug

namespace {

using namespace kam;
using glue::BufferPtr;

// While it is not known yet what a stream is.
constexpr std::size_t max_held_bytes = std::size_t{4} << 20U;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate feedback_template = GST_STATIC_PAD_TEMPLATE(
    "feedback_src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(srm_packet_caps));

// The receiver of reliable multicast without a network: packets in, data out, and what the
// sender has to be told out by a pad of its own. Each source pad has a task, so that data that
// nobody takes does not keep repair from being asked for.
class SrmDec final {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamSrmDec";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values : SrmReceiverValues {};
  glue::Settings<Values> settings;
  static const glue::Properties<SrmDec, Values> &properties();
  void settings_changed();

  explicit SrmDec(Base *element);
  glue::StructurePtr stats() const;

  GstFlowReturn chain(GstBuffer *buffer);
  bool sink_event(GstEvent *event);
  bool src_query(GstQuery *query);
  bool activate_sink(bool active);
  bool activate_src(bool active);
  bool activate_feedback(bool active);
  void hand_on();
  void answer();

 private:
  using Lock = std::unique_lock<std::mutex>;

  void open();
  bool start_task(GstPad *pad);
  void forget_end();
  void set_flushing(bool flushing);
  struct Fetched {
    std::vector<srm::ReceiverEvent> events;
    std::deque<glue::EventPtr> passing;  // after those
    bool is_end = false;                 // after that
  };
  bool fetch(Fetched &fetched);
  void stop_handing_on(GstFlowReturn flow);
  GstFlowReturn handle(SrmItem &item);
  GstFlowReturn push(BufferPtr buffer);
  void handle_media(const SrmMedia &media);
  void set_caps(GstCaps *caps);
  void push_segment(GstBuffer *first);
  void end();
  GstClockTime latency() const;
  GstClockTime running_time() const;

  GstElement *element_;
  GstPad *sink_;
  GstPad *src_;
  GstPad *feedback_;

  mutable std::mutex mutex_;
  std::condition_variable data_;           // for who hands on
  std::condition_variable feedback_work_;  // for who answers
  std::optional<srm::Receiver> receiver_;
  srm::ReceiverStats last_stats_;
  bool is_flushing_ = true;
  bool has_data_ = false;               // since the one task has looked
  bool has_packets_ = false;            // since the other has
  std::deque<glue::EventPtr> passing_;  // events on their way through
  bool is_upstream_done_ = false;
  GstFlowReturn flow_ = GST_FLOW_OK;
  std::atomic<bool> is_latency_bounded_ = false;
  std::atomic<guint64> dropped_records_ = 0;

  // Of the data task.
  Values values_;
  std::optional<SrmUnpacker> unpacker_;
  SrmTimeline timeline_;
  glue::Ref<GstCaps> caps_;
  bool has_started_ = false;
  bool has_segment_ = false;
  bool has_ended_ = false;
  bool has_lost_ = false;
  // Of the feedback task.
  bool feedback_started_ = false;
};

const glue::Properties<SrmDec, SrmDec::Values> &SrmDec::properties()
{
  static const auto table = [] {
    glue::Properties<SrmDec, Values> properties;
    add_srm_receiver(properties);
    properties.report<&SrmDec::stats>("stats", srm_receiver_stats_blurb);
    return properties;
  }();
  return table;
}

void SrmDec::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(srmdec_debug, "srmdec", 0, "Reliable multicast decoder");
  properties().install(klass);
  glue::describe(klass, {"Reliable multicast decoder", "Codec/Decoder/Network",
                         "Makes data of the packets of a sender of reliable multicast, NORM "
                         "(RFC 5740), from any transport; feedback_src gives what is to be "
                         "told to the sender"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
  gst_element_class_add_static_pad_template(klass, &feedback_template);
}

SrmDec::SrmDec(Base *element)
    : element_{element},
      sink_{gst_pad_new_from_static_template(&sink_template, "sink")},
      src_{gst_pad_new_from_static_template(&src_template, "src")},
      feedback_{gst_pad_new_from_static_template(&feedback_template, "feedback_src")}
{
  gst_pad_set_chain_function(sink_,
                             [](GstPad *, GstObject *parent, GstBuffer *buffer) noexcept {
                               return glue::impl_of<SrmDec>(parent).chain(buffer);
                             });
  gst_pad_set_event_function(
      sink_, [](GstPad *, GstObject *parent, GstEvent *event) noexcept -> gboolean {
        return glue::impl_of<SrmDec>(parent).sink_event(event);
      });
  gst_pad_set_query_function(
      src_, [](GstPad *, GstObject *parent, GstQuery *query) noexcept -> gboolean {
        return glue::impl_of<SrmDec>(parent).src_query(query);
      });
  set_activation<&SrmDec::activate_sink>(sink_);
  set_activation<&SrmDec::activate_src>(src_);
  set_activation<&SrmDec::activate_feedback>(feedback_);
  make_feedback_pad(feedback_);
  link_inside(sink_, src_);
  gst_element_add_pad(element_, sink_);
  gst_element_add_pad(element_, src_);
  gst_element_add_pad(element_, feedback_);
}

glue::StructurePtr SrmDec::stats() const
{
  glue::StructurePtr stats{gst_structure_new_empty("application/x-srm-receiver-stats")};
  const Lock lock{mutex_};
  add_srm_stats(stats.get(), receiver_ ? receiver_->stats() : last_stats_);
  gst_structure_set(stats.get(), "dropped-records", G_TYPE_UINT64, dropped_records_.load(),
                    nullptr);
  return stats;
}

void SrmDec::settings_changed()
{
  {
    const Lock lock{mutex_};
    if (!receiver_)
      return;
    receiver_->set_latency(latency());
  }
  gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT(element_)));
}

GstClockTime SrmDec::latency() const
{
  return settings.read([](const Values &values) { return GstClockTime{values.latency}; }) *
         GST_MSECOND;
}

// --- states -------------------------------------------------------------------------------

void SrmDec::open()
{
  const auto values = settings.snapshot();
  const Lock lock{mutex_};
  if (receiver_)
    return;
  values_ = values;
  auto options = receiver_options(values_);
  receiver_.emplace(options, guint64{g_random_int()} << 32U | g_random_int());
  unpacker_.emplace(values_.max_message_size, max_held_bytes);
  is_latency_bounded_ = values_.mode == SrmReceiveMode::latency;
  timeline_ = SrmTimeline{};
  caps_ = {};
  has_started_ = has_segment_ = has_ended_ = has_lost_ = feedback_started_ = false;
  has_data_ = has_packets_ = is_upstream_done_ = false;
}

bool SrmDec::activate_sink(bool active)
{
  if (active) {
    open();
    return true;
  }
  set_flushing(true);
  GST_PAD_STREAM_LOCK(sink_);
  GST_PAD_STREAM_UNLOCK(sink_);
  const Lock lock{mutex_};
  if (receiver_)
    last_stats_ = receiver_->stats();
  receiver_.reset();
  return true;
}

bool SrmDec::start_task(GstPad *pad)
{
  open();
  set_flushing(false);
  if (pad == src_)
    return gst_pad_start_task(
        pad, [](gpointer self) { static_cast<SrmDec *>(self)->hand_on(); }, this, nullptr);
  return gst_pad_start_task(
      pad, [](gpointer self) { static_cast<SrmDec *>(self)->answer(); }, this, nullptr);
}

bool SrmDec::activate_src(bool active)
{
  if (active)
    return start_task(src_);
  set_flushing(true);
  return gst_pad_stop_task(src_);
}

bool SrmDec::activate_feedback(bool active)
{
  if (active)
    return start_task(feedback_);
  set_flushing(true);
  return gst_pad_stop_task(feedback_);
}

void SrmDec::set_flushing(bool flushing)
{
  const Lock lock{mutex_};
  is_flushing_ = flushing;
  if (!flushing)
    flow_ = GST_FLOW_OK;
  data_.notify_all();
  feedback_work_.notify_all();
}

// --- what comes in ------------------------------------------------------------------------

GstFlowReturn SrmDec::chain(GstBuffer *buffer)
{
  const BufferPtr owner{buffer};
  const glue::ReadMap map{buffer};
  const Lock lock{mutex_};
  if (is_flushing_ || !receiver_)
    return GST_FLOW_FLUSHING;
  if (flow_ != GST_FLOW_OK)
    return flow_;
  if (map)
    receiver_->handle_packet(map.bytes(), 0, net::now_ns());
  has_data_ = has_packets_ = true;
  data_.notify_all();
  feedback_work_.notify_all();
  return GST_FLOW_OK;
}

// Caps, segment and tags of packets say nothing about what is in them.
bool SrmDec::sink_event(GstEvent *event)
{
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_EOS: {
    const Lock lock{mutex_};
    is_upstream_done_ = has_data_ = true;
    data_.notify_all();
    break;
  }
  case GST_EVENT_FLUSH_START:
    set_flushing(true);
    gst_pad_push_event(src_, gst_event_ref(event));
    gst_pad_pause_task(src_);
    gst_pad_pause_task(feedback_);
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_pad_push_event(src_, gst_event_ref(event));
    forget_end();
    start_task(src_);
    start_task(feedback_);
    break;
  case GST_EVENT_CUSTOM_DOWNSTREAM:
  case GST_EVENT_CUSTOM_BOTH: {
    const Lock lock{mutex_};
    passing_.emplace_back(gst_event_ref(event));
    has_data_ = true;
    data_.notify_all();
    break;
  }
  case GST_EVENT_CUSTOM_DOWNSTREAM_OOB:
  case GST_EVENT_CUSTOM_BOTH_OOB: gst_pad_push_event(src_, gst_event_ref(event)); break;
  default: break;
  }
  gst_event_unref(event);
  return true;
}

// After a flush data may come again.
void SrmDec::forget_end()
{
  // Not while the data task runs.
  GST_PAD_STREAM_LOCK(src_);
  {
    const Lock lock{mutex_};
    has_segment_ = has_ended_ = false;
    passing_.clear();
    is_upstream_done_ = false;
  }
  GST_PAD_STREAM_UNLOCK(src_);
}

bool SrmDec::src_query(GstQuery *query)
{
  if (!gst_pad_query_default(src_, GST_OBJECT(element_), query))
    return false;
  if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY && is_latency_bounded_) {
    gboolean live = FALSE;
    GstClockTime min = 0;
    GstClockTime max = GST_CLOCK_TIME_NONE;
    gst_query_parse_latency(query, &live, &min, &max);
    if (GST_CLOCK_TIME_IS_VALID(max))
      max += latency();
    gst_query_set_latency(query, live, min + latency(), max);
  }
  return true;
}

// --- what goes out ------------------------------------------------------------------------

// One round of the data task.
void SrmDec::hand_on()
{
  Fetched fetched;
  if (!fetch(fetched)) {
    gst_pad_pause_task(src_);
    return;
  }
  if (!std::exchange(has_started_, true)) {
    start_stream(src_, "srmdec");
    if (values_.caps)
      set_caps(values_.caps.get());
  }
  for (auto &event : fetched.events)
    unpacker_->handle(std::move(event));
  dropped_records_ = unpacker_->dropped_records();
  auto flow = GST_FLOW_OK;
  while (flow == GST_FLOW_OK && !has_ended_) {
    auto item = unpacker_->poll();
    if (!item)
      break;
    flow = handle(*item);
  }
  if (flow != GST_FLOW_OK)
    return stop_handing_on(flow);
  for (auto &event : fetched.passing)
    gst_pad_push_event(src_, event.release());
  if (fetched.is_end && !has_ended_)
    end();
}

void SrmDec::stop_handing_on(GstFlowReturn flow)
{
  {
    const Lock lock{mutex_};
    flow_ = flow;
  }
  if (flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS) {
    GST_ELEMENT_FLOW_ERROR(element_, flow);
    gst_pad_push_event(src_, gst_event_new_eos());
  }
  gst_pad_pause_task(src_);
}

// Waits until there is something. False when flushing.
bool SrmDec::fetch(Fetched &fetched)
{
  Lock lock{mutex_};
  while (!is_flushing_ && receiver_) {
    has_data_ = false;
    // As much as one block has at most, so that what is held stays bounded by the core.
    while (fetched.events.size() < srm::max_symbols) {
      auto event = receiver_->poll_event();
      if (!event)
        break;
      fetched.events.push_back(std::move(*event));
    }
    if (!fetched.events.empty()) {
      feedback_work_.notify_all();
      return true;
    }
    fetched.passing = std::exchange(passing_, {});
    fetched.is_end = std::exchange(is_upstream_done_, false);
    if (!fetched.passing.empty() || fetched.is_end)
      return true;
    data_.wait(lock, [this] { return is_flushing_ || has_data_; });
  }
  return false;
}

GstFlowReturn SrmDec::handle(SrmItem &item)
{
  if (auto *buffer = std::get_if<BufferPtr>(&item))
    return push(std::move(*buffer));
  if (const auto *media = std::get_if<SrmMedia>(&item)) {
    handle_media(*media);
  } else if (const auto *gap = std::get_if<SrmGap>(&item)) {
    gst_pad_push_event(src_, gst_event_new_gap(gap->timestamp, gap->duration));
  } else if (const auto *lost = std::get_if<srm::DataLost>(&item)) {
    has_lost_ = true;
    post_srm_data_lost(element_, *lost);
  } else if (const auto *seen = std::get_if<srm::SenderSeen>(&item)) {
    post_srm_sender_seen(element_, *seen);
  } else if (const auto *away = std::get_if<SrmSenderAway>(&item)) {
    post_srm_sender_lost(element_, *away);
    timeline_ = SrmTimeline{};
  } else {
    end();
  }
  return GST_FLOW_OK;
}

GstFlowReturn SrmDec::push(BufferPtr buffer)
{
  push_segment(buffer.get());
  if (std::exchange(has_lost_, false)) {
    if (const auto hole = timeline_.hole_before(buffer.get()))
      gst_pad_push_event(src_, gst_event_new_gap(hole->first, hole->second));
  }
  timeline_.note(buffer.get());
  return gst_pad_push(src_, buffer.release());
}

void SrmDec::push_segment(GstBuffer *first)
{
  auto segment = timeline_.take_segment(first, running_time());
  if (!segment && has_segment_)
    return;
  if (!segment) {
    segment.emplace();
    gst_segment_init(&*segment, timeline_.has_segment() ? GST_FORMAT_TIME : GST_FORMAT_BYTES);
  }
  has_segment_ = true;
  gst_pad_push_event(src_, gst_event_new_segment(&*segment));
}

void SrmDec::handle_media(const SrmMedia &media)
{
  if (values_.mode == SrmReceiveMode::automatic) {
    const bool is_bounded = media.mode == srm::Policy::latency;
    {
      const Lock lock{mutex_};
      if (receiver_)
        receiver_->set_policy(media.mode);
    }
    if (is_latency_bounded_.exchange(is_bounded) != is_bounded)
      gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT(element_)));
  }
  if (media.caps)
    set_caps(media.caps.get());
  timeline_.set_segment(media.segment);
  if (media.tags)
    gst_pad_push_event(src_, gst_event_new_tag(gst_tag_list_copy(media.tags.get())));
}

void SrmDec::set_caps(GstCaps *caps)
{
  if (caps_ && gst_caps_is_equal(caps_.get(), caps))
    return;
  caps_ = glue::Ref<GstCaps>::share(caps);
  gst_pad_push_event(src_, gst_event_new_caps(caps));
}

void SrmDec::end()
{
  has_ended_ = true;
  if (!std::exchange(has_segment_, true)) {
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_TIME);
    gst_pad_push_event(src_, gst_event_new_segment(&segment));
  }
  gst_pad_push_event(src_, gst_event_new_eos());
}

GstClockTime SrmDec::running_time() const
{
  const auto clock = glue::Ref<GstClock>::adopt(gst_element_get_clock(element_));
  if (!clock)
    return 0;
  const auto now = gst_clock_get_time(clock.get());
  const auto base = gst_element_get_base_time(element_);
  return now > base ? now - base : 0;
}

// One round of the feedback task.
void SrmDec::answer()
{
  PacketList packets;
  bool starts = false;
  {
    Lock lock{mutex_};
    starts = !std::exchange(feedback_started_, true);
    const auto ready = [this] { return is_flushing_ || std::exchange(has_packets_, false); };
    wait_until(feedback_work_, lock, receiver_ ? receiver_->next_timeout() : std::nullopt,
               ready);
    if (is_flushing_ || !receiver_) {
      lock.unlock();
      gst_pad_pause_task(feedback_);
      return;
    }
    receiver_->handle_timeout(net::now_ns());
    while (const auto feedback = receiver_->poll_feedback())
      packets.add(feedback->bytes, feedback->bytes.size());
    // What was given up lets go what is behind it.
    has_data_ = true;
    data_.notify_all();
  }
  if (starts)
    start_packets(feedback_, "srmdec-feedback");
  // Nobody has to listen.
  if (!packets.empty() && gst_pad_is_linked(feedback_))
    packets.push(feedback_);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(srmdec, "srmdec", GST_RANK_NONE, glue::type_of<SrmDec>())
