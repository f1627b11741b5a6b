// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/receiver.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/srm/srmconverter.hpp"
#include "elements/base/srm/srmdelivery.hpp"
#include "elements/base/srm/srmmedia.hpp"
#include "elements/base/srm/srmmessages.hpp"
#include "elements/base/srm/srmproperties.hpp"
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

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate feedback_template = GST_STATIC_PAD_TEMPLATE(
    "feedback_src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(srm_packet_caps));

// The receiver of reliable multicast without a network: packets in, data out, and what the
// sender has to be told out by a pad of its own. Each source pad has a task, so that data that
// nobody takes does not keep repair from being asked for.
class SrmDec final : public SrmConverter {
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
  bool src_query(GstQuery *query);
  bool activate_sink(bool active);
  bool activate_src(bool active);
  bool activate_feedback(bool active);
  void hand_on();
  void answer();

 private:
  void handle_event(GstEvent *event) override;
  bool start_tasks() override;
  void pause_tasks() override;
  void begin_again() override;
  void wake() override;
  void open();
  bool run(GstPad *pad, bool active, GstTaskFunction work);
  struct Fetched {
    std::vector<srm::ReceiverEvent> events;
    std::deque<glue::EventPtr> passing;  // after those
    bool is_end = false;                 // after that
  };
  bool fetch(Fetched &fetched);
  GstFlowReturn handle(SrmItem &item);
  void push_segment(const GstSegment *segment);
  void end();
  GstClockTime latency() const { return settings.snapshot().latency_time(); }

  std::condition_variable data_;           // for who hands on
  std::condition_variable feedback_work_;  // for who answers
  std::optional<srm::Receiver> receiver_;
  srm::ReceiverStats last_stats_;
  bool has_data_ = false;     // since the one task has looked
  bool has_packets_ = false;  // since the other has
  bool is_upstream_done_ = false;
  std::atomic<guint64> dropped_records_ = 0;

  // Of the data task.
  Values values_;
  std::optional<SrmUnpacker> unpacker_;
  SrmDelivery delivery_;
  bool has_started_ = false;
  bool has_segment_ = false;
  bool has_ended_ = false;
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
  glue::describe(
      klass,
      {"Reliable multicast decoder", "Codec/Decoder/Network",
       "Makes data of the packets of a sender of reliable multicast, NORM "
       "(RFC 5740), from any transport; feedback_src gives what is to be "
       "told to the sender",
       "gst-launch-1.0 videotestsrc is-live=true ! jpegenc ! srmenc name=sender ! srmdec "
       "name=receiver ! jpegdec ! videoconvert ! autovideosink receiver.feedback_src ! "
       "sender.feedback_sink"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
  gst_element_class_add_static_pad_template(klass, &feedback_template);
}

SrmDec::SrmDec(Base *element)
    : SrmConverter{element, sink_template, src_template, feedback_template},
      delivery_{element,
                src_,
                {[this](srm::Policy policy) {
                   const Lock lock{mutex_};
                   if (receiver_)
                     receiver_->set_policy(policy);
                 },
                 [this](const GstSegment *segment) { push_segment(segment); }}}
{
  gst_pad_set_query_function(
      src_, [](GstPad *, GstObject *parent, GstQuery *query) noexcept -> gboolean {
        return glue::impl_of<SrmDec>(parent).src_query(query);
      });
  set_activation<&SrmDec::activate_feedback>(feedback_);
  wire<SrmDec>();
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
  unpacker_.emplace(values_.max_message_size);
  delivery_.start(values_);
  has_started_ = has_segment_ = has_ended_ = feedback_started_ = false;
  has_data_ = has_packets_ = is_upstream_done_ = false;
}

bool SrmDec::activate_sink(bool active)
{
  if (active) {
    open();
    return true;
  }
  set_flushing(true);
  wait_for_input();
  const Lock lock{mutex_};
  if (receiver_)
    last_stats_ = receiver_->stats();
  receiver_.reset();
  return true;
}

bool SrmDec::activate_src(bool active)
{
  return run(src_, active, [](gpointer self) { static_cast<SrmDec *>(self)->hand_on(); });
}

bool SrmDec::activate_feedback(bool active)
{
  return run(feedback_, active, [](gpointer self) { static_cast<SrmDec *>(self)->answer(); });
}

bool SrmDec::run(GstPad *pad, bool active, GstTaskFunction work)
{
  if (!active) {
    set_flushing(true);
    return gst_pad_stop_task(pad);
  }
  open();
  set_flushing(false);
  return gst_pad_start_task(pad, work, this, nullptr);
}

bool SrmDec::start_tasks()
{
  return activate_src(true) && activate_feedback(true);
}

void SrmDec::pause_tasks()
{
  gst_pad_pause_task(src_);
  gst_pad_pause_task(feedback_);
}

void SrmDec::wake()
{
  has_data_ = has_packets_ = true;
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
  wake();
  return GST_FLOW_OK;
}

// Caps, segment and tags of packets say nothing about what is in them.
void SrmDec::handle_event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) != GST_EVENT_EOS)
    return;
  const Lock lock{mutex_};
  is_upstream_done_ = true;
  wake();
}

// After a flush data may come again.
void SrmDec::begin_again()
{
  // Not while the data task runs.
  GST_PAD_STREAM_LOCK(src_);
  {
    const Lock lock{mutex_};
    has_segment_ = has_ended_ = is_upstream_done_ = false;
    passing_.clear();
  }
  GST_PAD_STREAM_UNLOCK(src_);
}

bool SrmDec::src_query(GstQuery *query)
{
  if (!gst_pad_query_default(src_, GST_OBJECT(element_), query))
    return false;
  if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY)
    delivery_.add_latency(query, latency());
  return true;
}

// --- what goes out ------------------------------------------------------------------------

// One round of the data task.
void SrmDec::hand_on()
{
  Fetched fetched;
  if (!fetch(fetched))
    return stop_task(GST_FLOW_FLUSHING);
  if (!std::exchange(has_started_, true)) {
    start_stream(src_, "srmdec");
    if (values_.caps)
      delivery_.set_caps(values_.caps.get());
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
    return stop_task(flow);
  push(fetched.passing);
  if (fetched.is_end && !has_ended_)
    end();
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
  if (auto *buffer = std::get_if<BufferPtr>(&item)) {
    delivery_.announce(buffer->get());
    return gst_pad_push(src_, buffer->release());
  }
  std::holds_alternative<SrmEnd>(item) ? end() : delivery_.handle(item);
  return GST_FLOW_OK;
}

void SrmDec::push_segment(const GstSegment *segment)
{
  if (!segment && has_segment_)
    return;
  has_segment_ = true;
  GstSegment usual;
  gst_segment_init(&usual, delivery_.has_sender_time() ? GST_FORMAT_TIME : GST_FORMAT_BYTES);
  gst_pad_push_event(src_, gst_event_new_segment(segment ? segment : &usual));
}

void SrmDec::end()
{
  has_ended_ = true;
  push_segment(nullptr);
  gst_pad_push_event(src_, gst_event_new_eos());
}

// One round of the feedback task.
void SrmDec::answer()
{
  PacketList packets;
  {
    Lock lock{mutex_};
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
  if (!std::exchange(feedback_started_, true))
    start_packets(feedback_, "srmdec-feedback");
  // Nobody has to listen.
  if (!packets.empty() && gst_pad_is_linked(feedback_))
    packets.push(feedback_);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(srmdec, "srmdec", GST_RANK_NONE, glue::type_of<SrmDec>())
