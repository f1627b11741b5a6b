// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/sender.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/srm/srmconverter.hpp"
#include "elements/base/srm/srmmessages.hpp"
#include "elements/base/srm/srmpacker.hpp"
#include "elements/base/srm/srmproperties.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"
#include "net/wait.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(srmenc_debug);
#define GST_CAT_DEFAULT srmenc_debug

namespace {

using namespace kam;

// Packets that leave as one list.
constexpr std::size_t max_bursts = 4;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                                                            GST_STATIC_CAPS(srm_packet_caps));
GstStaticPadTemplate feedback_template =
    GST_STATIC_PAD_TEMPLATE("feedback_sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// The sender of reliable multicast without a network: data in, packets out, and the receivers'
// packets in by a pad of their own. The source pad's task keeps the time.
class SrmEnc final : public SrmConverter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamSrmEnc";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values : SrmSenderValues {};
  glue::Settings<Values> settings;
  static const glue::Properties<SrmEnc, Values> &properties();
  void settings_changed();

  explicit SrmEnc(Base *element);
  glue::StructurePtr stats() const;

  GstFlowReturn chain(GstBuffer *buffer);
  GstFlowReturn chain_feedback(GstBuffer *buffer);
  bool activate_sink(bool active);
  bool activate_src(bool active);
  void work();

 private:
  void handle_event(GstEvent *event) override;
  bool start_tasks() override;
  void begin_again() override;
  void wake() override;
  GstFlowReturn prepare(Lock &lock);
  GstFlowReturn write(Lock &lock, Bytes bytes, bool starts_message);
  void end(Lock &lock);
  bool wait_for_work(Lock &lock);
  void pass_events(Lock &lock);
  GstFlowReturn push_packets(Lock &lock);
  void tell(Lock &lock);

  std::condition_variable work_;  // for the task
  std::condition_variable room_;  // for who writes
  std::optional<srm::Sender> sender_;
  srm::SenderStats last_stats_;
  SrmPacker packer_;
  Values values_;
  bool has_begun_ = false;
  bool has_ended_ = false;
  bool has_input_ = false;   // since the task has looked
  bool needs_start_ = true;  // the source pad's first events
};

const glue::Properties<SrmEnc, SrmEnc::Values> &SrmEnc::properties()
{
  static const auto table = [] {
    glue::Properties<SrmEnc, Values> properties;
    add_srm_sender(properties);
    properties.report<&SrmEnc::stats>("stats", srm_sender_stats_blurb);
    return properties;
  }();
  return table;
}

void SrmEnc::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(srmenc_debug, "srmenc", 0, "Reliable multicast encoder");
  properties().install(klass);
  glue::describe(
      klass,
      {"Reliable multicast encoder", "Codec/Encoder/Network",
       "Makes the packets of a sender of reliable multicast, NORM (RFC "
       "5740), for any transport; feedback_sink takes what the receivers "
       "answer",
       "gst-launch-1.0 videotestsrc is-live=true ! jpegenc ! srmenc name=sender ! srmdec "
       "name=receiver ! jpegdec ! videoconvert ! autovideosink receiver.feedback_src ! "
       "sender.feedback_sink"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
  gst_element_class_add_static_pad_template(klass, &feedback_template);
}

SrmEnc::SrmEnc(Base *element)
    : SrmConverter{element, sink_template, src_template, feedback_template}
{
  gst_pad_set_chain_function(feedback_,
                             [](GstPad *, GstObject *parent, GstBuffer *buffer) noexcept {
                               return glue::impl_of<SrmEnc>(parent).chain_feedback(buffer);
                             });
  wire<SrmEnc>();
}

glue::StructurePtr SrmEnc::stats() const
{
  glue::StructurePtr stats{gst_structure_new_empty("application/x-srm-sender-stats")};
  const Lock lock{mutex_};
  add_srm_stats(stats.get(), sender_ ? sender_->stats() : last_stats_);
  add_srm_receivers(stats.get(),
                    sender_ ? sender_->receivers() : std::vector<srm::Sender::ReceiverState>{});
  return stats;
}

void SrmEnc::settings_changed()
{
  const auto values = settings.snapshot();
  const Lock lock{mutex_};
  if (!sender_)
    return;
  sender_->set_max_rate(values.max_rate, net::now_ns());
  sender_->set_min_receivers(values.min_receivers);
  wake();
}

// --- states -------------------------------------------------------------------------------

bool SrmEnc::activate_sink(bool active)
{
  if (active) {
    const auto values = settings.snapshot();
    const Lock lock{mutex_};
    values_ = values;
    packer_.forget_media();
    packer_.start(values_);
    sender_.emplace(sender_options(values_));
    has_begun_ = has_ended_ = false;
    return true;
  }
  set_flushing(true);
  wait_for_input();
  return true;
}

bool SrmEnc::activate_src(bool active)
{
  if (active) {
    set_flushing(false);
    return start_tasks();
  }
  set_flushing(true);
  const bool stopped = gst_pad_stop_task(src_);
  const Lock lock{mutex_};
  if (sender_)
    last_stats_ = sender_->stats();
  sender_.reset();
  return stopped;
}

bool SrmEnc::start_tasks()
{
  {
    const Lock lock{mutex_};
    needs_start_ = true;
  }
  return gst_pad_start_task(
      src_, [](gpointer self) { static_cast<SrmEnc *>(self)->work(); }, this, nullptr);
}

void SrmEnc::wake()
{
  has_input_ = true;
  work_.notify_all();
  room_.notify_all();
}

// --- what comes in ------------------------------------------------------------------------

void SrmEnc::handle_event(GstEvent *event)
{
  Lock lock{mutex_};
  packer_.take_event(event);
  if (GST_EVENT_TYPE(event) == GST_EVENT_EOS)
    end(lock);
  else if (GST_EVENT_TYPE(event) == GST_EVENT_GAP && !packer_.is_raw() &&
           prepare(lock) == GST_FLOW_OK)
    write(lock, SrmPacker::header_of_gap(event).bytes(), true);
}

// After a flush behind the end: for the receivers this is another run of the sender.
void SrmEnc::begin_again()
{
  const Lock lock{mutex_};
  passing_.clear();
  if (!has_ended_)
    return;
  packer_.start(values_);
  sender_.emplace(sender_options(values_));
  has_begun_ = has_ended_ = false;
}

GstFlowReturn SrmEnc::chain(GstBuffer *buffer)
{
  const glue::BufferPtr owner{buffer};
  const glue::ReadMap map{buffer};
  if (!map) {
    GST_ELEMENT_ERROR(element_, RESOURCE, READ, ("A buffer cannot be read."), (nullptr));
    return GST_FLOW_ERROR;
  }
  Lock lock{mutex_};
  auto flow = has_ended_ ? GST_FLOW_EOS : prepare(lock);
  if (flow != GST_FLOW_OK)
    return flow;
  if (!packer_.is_raw())
    flow = write(lock, packer_.header_of(buffer, map.bytes().size()).bytes(), true);
  if (flow == GST_FLOW_OK)
    flow = write(lock, map.bytes(), packer_.is_raw());
  if (flow == GST_FLOW_OK && values_.mode == srm::Policy::latency)
    sender_->flush(net::now_ns());
  has_input_ = true;
  work_.notify_all();
  return flow;
}

GstFlowReturn SrmEnc::prepare(Lock &lock)
{
  if (!sender_)
    return GST_FLOW_FLUSHING;
  const auto now = net::now_ns();
  if (!std::exchange(has_begun_, true))
    sender_->begin_stream(packer_.info(), now);
  const auto state = packer_.due_state(now);
  if (!state)
    return GST_FLOW_OK;
  sender_->set_info(packer_.info(), now);
  return write(lock, *state, true);
}

GstFlowReturn SrmEnc::write(Lock &lock, Bytes bytes, bool starts_message)
{
  while (!bytes.empty()) {
    if (is_flushing_ || !sender_)
      return GST_FLOW_FLUSHING;
    if (flow_ != GST_FLOW_OK)
      return flow_;
    const auto taken = sender_->push(bytes, starts_message, net::now_ns());
    starts_message = starts_message && taken == 0;
    bytes = bytes.subspan(taken);
    has_input_ = true;
    work_.notify_all();
    if (taken == 0)
      room_.wait(lock);
  }
  return flow_;
}

// The end leaves like data; EOS follows when those who count have everything.
void SrmEnc::end(Lock &lock)
{
  if (has_ended_ || prepare(lock) != GST_FLOW_OK)
    return;
  while (!is_flushing_ && flow_ == GST_FLOW_OK && !sender_->end_object(net::now_ns()))
    room_.wait(lock);
  if (is_flushing_ || !sender_)
    return;
  sender_->finish(net::now_ns());
  has_ended_ = has_input_ = true;
  work_.notify_all();
}

GstFlowReturn SrmEnc::chain_feedback(GstBuffer *buffer)
{
  const glue::BufferPtr owner{buffer};
  const glue::ReadMap map{buffer};
  const Lock lock{mutex_};
  if (!sender_)
    return GST_FLOW_FLUSHING;
  if (map)
    sender_->handle_packet(map.bytes(), false, net::now_ns());
  has_input_ = true;
  work_.notify_all();
  return GST_FLOW_OK;
}

// --- what goes out ------------------------------------------------------------------------

// One round of the source pad's task.
void SrmEnc::work()
{
  Lock lock{mutex_};
  if (std::exchange(needs_start_, false)) {
    lock.unlock();
    start_packets(src_, "srmenc");
    lock.lock();
  }
  if (!wait_for_work(lock)) {
    lock.unlock();
    return stop_task(GST_FLOW_FLUSHING);
  }
  pass_events(lock);
  // This pad is switched on before the one that makes a sender.
  if (!sender_)
    return;
  sender_->handle_timeout(net::now_ns());
  const auto flow = push_packets(lock);
  if (flow != GST_FLOW_OK) {
    lock.unlock();
    return stop_task(flow);
  }
  const bool finished = has_ended_ && sender_ && sender_->finished();
  tell(lock);
  if (!finished)
    return;
  gst_pad_push_event(src_, gst_event_new_eos());
  gst_pad_pause_task(src_);
}

// Those that belong between packets, in their order.
void SrmEnc::pass_events(Lock &lock)
{
  auto events = std::exchange(passing_, {});
  if (events.empty())
    return;
  lock.unlock();
  push(events);
  lock.lock();
}

bool SrmEnc::wait_for_work(Lock &lock)
{
  const auto ready = [this] { return is_flushing_ || std::exchange(has_input_, false); };
  wait_until(work_, lock, sender_ ? sender_->next_timeout() : std::nullopt, ready);
  return !is_flushing_;
}

GstFlowReturn SrmEnc::push_packets(Lock &lock)
{
  auto flow = GST_FLOW_OK;
  while (flow == GST_FLOW_OK && sender_ && !is_flushing_) {
    PacketList packets;
    const auto now = net::now_ns();
    for (std::size_t i = 0; i < max_bursts; ++i) {
      const auto burst = sender_->poll_burst(now);
      if (!burst)
        break;
      packets.add(burst->bytes, burst->packet_size);
    }
    if (packets.empty())
      break;
    room_.notify_all();
    lock.unlock();
    flow = packets.push(src_);
    lock.lock();
  }
  room_.notify_all();
  return flow;
}

void SrmEnc::tell(Lock &lock)
{
  std::vector<srm::SenderEvent> events;
  while (sender_) {
    auto event = sender_->poll_event();
    if (!event)
      break;
    events.push_back(*event);
  }
  lock.unlock();
  for (const auto &event : events)
    post_srm_event(element_, event);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(srmenc, "srmenc", GST_RANK_NONE, glue::type_of<SrmEnc>())
