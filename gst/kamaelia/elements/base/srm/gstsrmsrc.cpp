// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/elements.hpp"
#include "elements/base/srm/srmdelivery.hpp"
#include "elements/base/srm/srmlistener.hpp"
#include "elements/base/srm/srmmedia.hpp"
#include "elements/base/srm/srmmessages.hpp"
#include "elements/base/srm/srmnetwork.hpp"
#include "elements/base/srm/srmproperties.hpp"
#include "elements/base/srm/srmuri.hpp"
#include "glue/guarded.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <gst/base/gstpushsrc.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

GST_DEBUG_CATEGORY_STATIC(srmsrc_debug);
#define GST_CAT_DEFAULT srmsrc_debug

namespace {

using namespace kam;
using glue::BufferPtr;
using Outcome = SrmListener::Outcome;

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Kamaelia.Protocol.SimpleReliableMulticast's receiving half, with repair; the wire is NORM's.
class SrmSrc final {
 public:
  using Base = GstPushSrc;
  using Class = GstPushSrcClass;
  static constexpr auto type_name = "KamSrmSrc";
  static constexpr auto host_property = "address";
  static GType base_type() { return GST_TYPE_PUSH_SRC; }
  static void class_init(Class *klass);
  static void add_interfaces(GType type) { add_srm_uri_handler<SrmSrc, GST_URI_SRC>(type); }

  struct Values : SrmNetworkValues, SrmReceiverValues {
    Values() { host = "0.0.0.0"; }
  };
  glue::Settings<Values> settings;
  static const glue::Properties<SrmSrc, Values> &properties();
  void settings_changed();

  explicit SrmSrc(Base *base);
  glue::StructurePtr stats() const;
  glue::Ref<GSocket> used_socket() const;

  gboolean start();
  gboolean stop();
  gboolean negotiate();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean query(GstQuery *query);
  GstFlowReturn create(GstBuffer **buffer);

 private:
  GstElement *element() const { return GST_ELEMENT(base_); }
  GstBaseSrc *source() const { return GST_BASE_SRC(base_); }
  GstFlowReturn receive();
  GstFlowReturn give(glue::BufferListPtr list, GstBuffer **buffer);
  // One item; false if what was gathered has to leave first.
  bool handle(SrmItem &item, GstBufferList *list, GstFlowReturn &flow);
  void handle_buffer(BufferPtr buffer, GstBufferList *list);
  void push_segment(const GstSegment *segment);
  GstClockTime latency() const { return settings.snapshot().latency_time(); }

  Base *base_;
  mutable glue::Guarded<std::shared_ptr<SrmListener>> listener_;
  mutable glue::Guarded<SrmListener::Report> last_report_;
  std::atomic<guint64> dropped_records_ = 0;

  // The streaming thread's, since start().
  Values values_;
  std::shared_ptr<SrmListener> active_;
  std::optional<SrmUnpacker> unpacker_;
  std::optional<SrmItem> next_;  // that could not be handled yet
  std::vector<srm::ReceiverEvent> events_;
  SrmDelivery delivery_;
  bool begins_segment_ = true;  // with the buffer that comes next, which leaves alone
};

const glue::Properties<SrmSrc, SrmSrc::Values> &SrmSrc::properties()
{
  using glue::Mutable;
  static const auto table = [] {
    glue::Properties<SrmSrc, Values> properties;
    properties.add("address", static_cast<std::string Values::*>(&Values::host),
                   "Group to join, or address of this host to receive at, by address or name",
                   Mutable::in_ready);
    add_srm_network(properties);
    add_srm_receiver(properties);
    properties.report<&SrmSrc::used_socket>("used-socket", "The socket in use")
        .report<&SrmSrc::stats>("stats", srm_receiver_stats_blurb);
    return properties;
  }();
  return table;
}

void SrmSrc::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(srmsrc_debug, "srmsrc", 0, "Reliable multicast receiver");
  auto *base_class = GST_BASE_SRC_CLASS(klass);
  base_class->start = glue::vfunc<&SrmSrc::start>;
  base_class->stop = glue::vfunc<&SrmSrc::stop>;
  base_class->negotiate = glue::vfunc<&SrmSrc::negotiate>;
  base_class->unlock = glue::vfunc<&SrmSrc::unlock>;
  base_class->unlock_stop = glue::vfunc<&SrmSrc::unlock_stop>;
  base_class->query = glue::vfunc<&SrmSrc::query>;
  klass->create = glue::vfunc<&SrmSrc::create>;
  properties().install(klass);
  glue::describe(klass,
                 {"Reliable multicast receiver", "Source/Network",
                  "Receives what a sender multicasts, asks for what was lost on the "
                  "way and puts it in order, by NORM (RFC 5740)",
                  "gst-launch-1.0 srmsrc address=239.255.12.42 ! filesink location=image.iso"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
}

SrmSrc::SrmSrc(Base *base)
    : base_{base},
      delivery_{GST_ELEMENT(base),
                GST_BASE_SRC_PAD(base),
                {[this](srm::Policy policy) { active_->set_policy(policy); },
                 [this](const GstSegment *segment) { push_segment(segment); }}}
{
  gst_base_src_set_live(source(), TRUE);
  gst_base_src_set_format(source(), GST_FORMAT_TIME);
}

glue::StructurePtr SrmSrc::stats() const
{
  const auto listener = *listener_.lock();
  const auto report = listener ? listener->report() : *last_report_.lock();
  glue::StructurePtr stats{gst_structure_new_empty("application/x-srm-receiver-stats")};
  add_srm_stats(stats.get(), report.receiver);
  gst_structure_set(stats.get(), "dropped-records", G_TYPE_UINT64, dropped_records_.load(),
                    "dropped-packets", G_TYPE_UINT64, guint64{report.dropped_packets},
                    "refused-packets", G_TYPE_UINT64, guint64{report.refused_packets}, nullptr);
  return stats;
}

glue::Ref<GSocket> SrmSrc::used_socket() const
{
  const auto listener = *listener_.lock();
  return listener ? listener->socket().main.shared() : glue::Ref<GSocket>{};
}

void SrmSrc::settings_changed()
{
  const auto listener = *listener_.lock();
  if (!listener)
    return;
  listener->set_latency(latency());
  gst_element_post_message(element(), gst_message_new_latency(GST_OBJECT(element())));
}

// --- states -------------------------------------------------------------------------------

gboolean SrmSrc::start()
{
  values_ = settings.snapshot();
  auto opened = open_srm_receiver(values_);
  if (const auto *error = std::get_if<net::Error>(&opened)) {
    GST_ELEMENT_ERROR(element(), RESOURCE, OPEN_READ, ("%s.", error->what.c_str()),
                      ("%s", error->code.message().c_str()));
    return FALSE;
  }
  auto *const socket = std::get_if<SrmReceivingSocket>(&opened);
  auto options = receiver_options(values_);
  options.unicast_nacks = !socket->group;
  options.socket_buffer = socket->buffer_bytes;
  active_ = std::make_shared<SrmListener>(std::move(*socket), options,
                                          guint64{g_random_int()} << 32U | g_random_int());
  if (!active_->start()) {
    active_.reset();
    GST_ELEMENT_ERROR(element(), RESOURCE, FAILED, ("No thread to receive with."),
                      ("std::thread or eventfd"));
    return FALSE;
  }
  unpacker_.emplace(values_.max_message_size);
  delivery_.start(values_);
  next_.reset();
  events_.clear();
  begins_segment_ = true;
  *listener_.lock() = active_;
  return TRUE;
}

gboolean SrmSrc::stop()
{
  listener_.lock()->reset();
  *last_report_.lock() = active_->report();
  next_.reset();
  events_.clear();
  unpacker_.reset();
  active_.reset();
  return TRUE;
}

gboolean SrmSrc::negotiate()
{
  if (values_.caps && !delivery_.has_caps())
    delivery_.set_caps(values_.caps.get());
  return TRUE;
}

gboolean SrmSrc::unlock()
{
  if (const auto listener = *listener_.lock())
    listener->interrupt(true);
  return TRUE;
}

gboolean SrmSrc::unlock_stop()
{
  if (const auto listener = *listener_.lock())
    listener->interrupt(false);
  return TRUE;
}

gboolean SrmSrc::query(GstQuery *query)
{
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
    return GST_BASE_SRC_CLASS(glue::parent_class_of<SrmSrc>(base_))->query(source(), query);
  gst_query_set_latency(query, TRUE, delivery_.is_latency_bounded() ? latency() : 0,
                        GST_CLOCK_TIME_NONE);
  return TRUE;
}

// --- data ---------------------------------------------------------------------------------

GstFlowReturn SrmSrc::create(GstBuffer **buffer)
{
  glue::BufferListPtr list{gst_buffer_list_new()};
  auto flow = GST_FLOW_OK;
  while (flow == GST_FLOW_OK) {
    if (!next_)
      next_ = unpacker_->poll();
    if (!next_) {
      if (gst_buffer_list_length(list.get()) > 0)
        break;
      flow = receive();
      continue;
    }
    if (!handle(*next_, list.get(), flow))
      break;
    next_.reset();
    if (gst_buffer_list_length(list.get()) > 0 && std::exchange(begins_segment_, false))
      break;
  }
  return flow == GST_FLOW_OK ? give(std::move(list), buffer) : flow;
}

// The base class sends the segment before the buffer it gets, and gets the last of several: a
// list that it had been given it would take for a buffer if it was stopped just then (1.22).
GstFlowReturn SrmSrc::give(glue::BufferListPtr list, GstBuffer **buffer)
{
  const auto last = gst_buffer_list_length(list.get()) - 1;
  *buffer = gst_buffer_ref(gst_buffer_list_get(list.get(), last));
  gst_buffer_list_remove(list.get(), last, 1);
  if (last == 0)
    return GST_FLOW_OK;
  const auto flow = gst_pad_push_list(source()->srcpad, list.release());
  if (flow != GST_FLOW_OK)
    gst_clear_buffer(buffer);
  return flow;
}

GstFlowReturn SrmSrc::receive()
{
  switch (active_->receive(events_)) {
  case Outcome::interrupted: return GST_FLOW_FLUSHING;
  case Outcome::failed: {
    const auto failure = active_->failure();
    GST_ELEMENT_ERROR(element(), RESOURCE, READ,
                      ("%s.", failure ? failure->what.c_str() : "Cannot receive"), (nullptr));
    return GST_FLOW_ERROR;
  }
  case Outcome::done: break;
  }
  for (auto &event : events_)
    unpacker_->handle(std::move(event));
  events_.clear();
  dropped_records_ = unpacker_->dropped_records();
  return GST_FLOW_OK;
}

bool SrmSrc::handle(SrmItem &item, GstBufferList *list, GstFlowReturn &flow)
{
  if (auto *buffer = std::get_if<BufferPtr>(&item)) {
    // What goes with a list goes before it.
    if (gst_buffer_list_length(list) > 0 && delivery_.has_lost())
      return false;
    handle_buffer(std::move(*buffer), list);
    return true;
  }
  if (gst_buffer_list_length(list) > 0)
    return false;
  if (std::holds_alternative<SrmEnd>(item))
    flow = active_->linger() == Outcome::interrupted ? GST_FLOW_FLUSHING : GST_FLOW_EOS;
  else
    delivery_.handle(item);
  return true;
}

void SrmSrc::handle_buffer(BufferPtr buffer, GstBufferList *list)
{
  const bool is_live = delivery_.is_latency_bounded() && !delivery_.has_sender_time();
  if (is_live && !GST_BUFFER_PTS_IS_VALID(buffer.get()))
    GST_BUFFER_PTS(buffer.get()) = GST_BUFFER_DTS(buffer.get()) = delivery_.running_time();
  delivery_.announce(buffer.get());
  gst_buffer_list_add(list, buffer.release());
}

void SrmSrc::push_segment(const GstSegment *segment)
{
  if (!segment)
    return;  // the base class has one
  gst_base_src_new_segment(source(), segment);
  begins_segment_ = true;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(srmsrc, "srmsrc", GST_RANK_PRIMARY, glue::type_of<SrmSrc>())
