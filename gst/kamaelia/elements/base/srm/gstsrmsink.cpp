// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/elements.hpp"
#include "elements/base/srm/srmmessages.hpp"
#include "elements/base/srm/srmnetwork.hpp"
#include "elements/base/srm/srmpacker.hpp"
#include "elements/base/srm/srmpads.hpp"
#include "elements/base/srm/srmproperties.hpp"
#include "elements/base/srm/srmtransmitter.hpp"
#include "elements/base/srm/srmuri.hpp"
#include "glue/guarded.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <gst/base/gstbasesink.h>

#include <memory>
#include <string>

GST_DEBUG_CATEGORY_STATIC(srmsink_debug);
#define GST_CAT_DEFAULT srmsink_debug

namespace {

using namespace kam;
using Outcome = SrmTransmitter::Outcome;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Kamaelia.Protocol.SimpleReliableMulticast's sending half, with repair; the wire is NORM's.
class SrmSink final {
 public:
  using Base = GstBaseSink;
  using Class = GstBaseSinkClass;
  static constexpr auto type_name = "KamSrmSink";
  static constexpr auto host_property = "host";
  static GType base_type() { return GST_TYPE_BASE_SINK; }
  static void class_init(Class *klass);
  static void add_interfaces(GType type) { add_srm_uri_handler<SrmSink, GST_URI_SINK>(type); }

  struct Values : SrmNetworkValues, SrmSenderValues {
    Values() { host = "localhost"; }
    std::string bind_address;
    int bind_port = 0;
    SrmObjectType object_type = SrmObjectType::stream;
    std::string object_name;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<SrmSink, Values> &properties();
  void settings_changed();

  explicit SrmSink(Base *base) : base_{base} {}
  glue::StructurePtr stats() const;
  glue::Ref<GSocket> used_socket() const;

  GstStateChangeReturn change_state(GstStateChange transition);
  gboolean event(GstEvent *event);
  GstFlowReturn wait_event(GstEvent *event);
  GstFlowReturn render(GstBuffer *buffer);
  GstFlowReturn render_list(GstBufferList *list);
  void get_times(GstBuffer *buffer, GstClockTime *start, GstClockTime *end);
  gboolean unlock();
  gboolean unlock_stop();

 private:
  GstElement *element() const { return GST_ELEMENT(base_); }
  bool open();
  void close();
  bool begin();
  bool begin_object();
  GstFlowReturn prepare();
  GstFlowReturn write_buffer(GstBuffer *buffer);
  GstFlowReturn write(Bytes head, Bytes body);
  GstFlowReturn write_gap(GstEvent *event);
  GstFlowReturn drain();
  // What to do after waiting was not successful.
  GstFlowReturn resume(Outcome outcome);

  Base *base_;
  mutable glue::Guarded<std::shared_ptr<SrmTransmitter>> transmitter_;
  mutable glue::Guarded<SrmTransmitter::Report> last_report_;

  // The streaming thread's, since open().
  Values values_;
  std::shared_ptr<SrmTransmitter> active_;
  SrmPacker packer_;
  bool has_begun_ = false;
  bool has_ended_ = false;
};

const glue::Properties<SrmSink, SrmSink::Values> &SrmSink::properties()
{
  using glue::Mutable;
  static const auto table = [] {
    glue::Properties<SrmSink, Values> properties;
    properties.add("host", static_cast<std::string Values::*>(&Values::host),
                   "Group, or host, to send to, by address or name", Mutable::in_ready);
    add_srm_network(properties);
    properties
        .add("bind-address", &Values::bind_address,
             "Address to send from; not set: the system chooses", Mutable::in_ready)
        .add("bind-port", &Values::bind_port,
             "UDP port to send from, where receivers may answer; 0: any", Mutable::in_ready,
             {0, 65535});
    add_srm_sender(properties);
    properties
        .add("object-type", &Values::object_type,
             "Whether a stream is sent, or one object of known size", Mutable::in_ready)
        .add("object-name", &Values::object_name,
             "object-type=file: its name; not set: that of the file upstream reads",
             Mutable::in_ready)
        .report<&SrmSink::used_socket>("used-socket", "The socket in use")
        .report<&SrmSink::stats>("stats", srm_sender_stats_blurb);
    return properties;
  }();
  return table;
}

void SrmSink::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(srmsink_debug, "srmsink", 0, "Reliable multicast sender");
  GST_ELEMENT_CLASS(klass)->change_state = glue::vfunc<&SrmSink::change_state>;
  klass->event = glue::vfunc<&SrmSink::event>;
  klass->wait_event = glue::vfunc<&SrmSink::wait_event>;
  klass->render = glue::vfunc<&SrmSink::render>;
  klass->render_list = glue::vfunc<&SrmSink::render_list>;
  klass->get_times = glue::vfunc<&SrmSink::get_times>;
  klass->unlock = glue::vfunc<&SrmSink::unlock>;
  klass->unlock_stop = glue::vfunc<&SrmSink::unlock_stop>;
  properties().install(klass);
  glue::describe(klass, {"Reliable multicast sender", "Sink/Network",
                         "Sends to a group of receivers, and once more what they have lost, "
                         "by NORM (RFC 5740)",
                         "gst-launch-1.0 filesrc location=image.iso blocksize=65536 ! srmsink "
                         "host=239.255.12.42 mode=bulk min-receivers=1"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &sink_template);
}

glue::StructurePtr SrmSink::stats() const
{
  const auto transmitter = *transmitter_.lock();
  const auto report = transmitter ? transmitter->report() : *last_report_.lock();
  auto stats = glue::inherited_stats<SrmSink>(base_);
  gst_structure_set_name(stats.get(), "application/x-srm-sender-stats");
  add_srm_stats(stats.get(), report.sender);
  add_srm_receivers(stats.get(), report.receivers);
  return stats;
}

glue::Ref<GSocket> SrmSink::used_socket() const
{
  const auto transmitter = *transmitter_.lock();
  return transmitter ? transmitter->sockets().main.shared() : glue::Ref<GSocket>{};
}

void SrmSink::settings_changed()
{
  const auto transmitter = *transmitter_.lock();
  if (!transmitter)
    return;
  const auto values = settings.snapshot();
  transmitter->set_max_rate(values.max_rate);
  transmitter->set_min_receivers(values.min_receivers);
}

// --- states -------------------------------------------------------------------------------

GstStateChangeReturn SrmSink::change_state(GstStateChange transition)
{
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    packer_.forget_media();
    if (!open())
      return GST_STATE_CHANGE_FAILURE;
  }
  const auto result = GST_ELEMENT_CLASS(glue::parent_class_of<SrmSink>(base_))
                          ->change_state(element(), transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    close();
  return result;
}

bool SrmSink::open()
{
  values_ = settings.snapshot();
  auto opened = open_srm_sender(values_, values_.bind_address, values_.bind_port);
  if (const auto *error = std::get_if<net::Error>(&opened)) {
    GST_ELEMENT_ERROR(element(), RESOURCE, OPEN_WRITE, ("%s.", error->what.c_str()),
                      ("%s", error->code.message().c_str()));
    return false;
  }
  active_ = std::make_shared<SrmTransmitter>(
      std::get<SrmSendingSockets>(std::move(opened)), sender_options(values_),
      SrmTransmitter::Callbacks{
          [this](const srm::SenderEvent &event) { post_srm_event(element(), event); },
          [this](const net::Error &error, bool may_recover) {
            post_srm_failure(element(), error, may_recover);
          }});
  if (!active_->start()) {
    active_.reset();
    GST_ELEMENT_ERROR(element(), RESOURCE, FAILED, ("No thread to listen to the receivers."),
                      ("std::thread or eventfd"));
    return false;
  }
  packer_.start(values_);
  if (values_.object_type != SrmObjectType::stream)
    packer_.set_raw();
  has_begun_ = has_ended_ = false;
  *transmitter_.lock() = active_;
  return true;
}

void SrmSink::close()
{
  transmitter_.lock()->reset();
  if (active_)
    *last_report_.lock() = active_->report();
  active_.reset();
}

gboolean SrmSink::unlock()
{
  if (const auto transmitter = *transmitter_.lock())
    transmitter->interrupt(true);
  return TRUE;
}

gboolean SrmSink::unlock_stop()
{
  if (const auto transmitter = *transmitter_.lock())
    transmitter->interrupt(false);
  return TRUE;
}

// --- events -------------------------------------------------------------------------------

gboolean SrmSink::event(GstEvent *event)
{
  packer_.take_event(event);
  return glue::parent_class_of<SrmSink>(base_)->event(base_, event);
}

// EOS and GAP, at their time, under the preroll lock as render() is.
GstFlowReturn SrmSink::wait_event(GstEvent *event)
{
  const auto flow = glue::parent_class_of<SrmSink>(base_)->wait_event(base_, event);
  if (flow != GST_FLOW_OK)
    return flow;
  if (GST_EVENT_TYPE(event) == GST_EVENT_EOS)
    return drain();
  if (GST_EVENT_TYPE(event) == GST_EVENT_GAP)
    return write_gap(event);
  return GST_FLOW_OK;
}

// Bulk data goes as fast as it can.
void SrmSink::get_times(GstBuffer *buffer, GstClockTime *start, GstClockTime *end)
{
  if (values_.mode == srm::Policy::bulk)
    *start = *end = GST_CLOCK_TIME_NONE;
  else
    glue::parent_class_of<SrmSink>(base_)->get_times(base_, buffer, start, end);
}

// --- data ---------------------------------------------------------------------------------

GstFlowReturn SrmSink::render(GstBuffer *buffer)
{
  auto flow = prepare();
  if (flow == GST_FLOW_OK)
    flow = write_buffer(buffer);
  if (flow == GST_FLOW_OK)
    active_->send(values_.mode == srm::Policy::latency);
  return flow;
}

GstFlowReturn SrmSink::render_list(GstBufferList *list)
{
  auto flow = prepare();
  for (guint i = 0; i < gst_buffer_list_length(list) && flow == GST_FLOW_OK; ++i)
    flow = write_buffer(gst_buffer_list_get(list, i));
  if (flow == GST_FLOW_OK)
    active_->send(values_.mode == srm::Policy::latency);
  return flow;
}

// Before data: begins what is sent, and says what receivers have to know.
GstFlowReturn SrmSink::prepare()
{
  if (has_ended_) {
    // More after EOS: for the receivers this is another run of the sender.
    close();
    if (!open())
      return GST_FLOW_ERROR;
  }
  if (!has_begun_ && !begin())
    return GST_FLOW_ERROR;
  const auto state = packer_.due_state(net::now_ns());
  if (!state)
    return GST_FLOW_OK;
  active_->set_info(packer_.info());
  return write(*state, {});
}

bool SrmSink::begin()
{
  if (values_.object_type == SrmObjectType::stream)
    active_->begin_stream(packer_.info());
  return has_begun_ = values_.object_type == SrmObjectType::stream || begin_object();
}

bool SrmSink::begin_object()
{
  gint64 size = -1;
  if (!gst_pad_peer_query_duration(GST_BASE_SINK_PAD(base_), GST_FORMAT_BYTES, &size) ||
      size < 0) {
    GST_ELEMENT_ERROR(element(), STREAM, FAILED,
                      ("The size of the object is not known: send it as a stream."),
                      ("upstream does not answer a DURATION query in bytes"));
    return false;
  }
  const bool is_file = values_.object_type == SrmObjectType::file;
  std::string name;
  if (is_file)
    name = values_.object_name.empty() ? srm_file_name(GST_BASE_SINK_PAD(base_))
                                       : values_.object_name;
  active_->begin_object(is_file ? srm::ObjectKind::file : srm::ObjectKind::data,
                        static_cast<std::uint64_t>(size), as_bytes(name));
  return true;
}

GstFlowReturn SrmSink::write_buffer(GstBuffer *buffer)
{
  const glue::ReadMap map{buffer};
  if (!map) {
    GST_ELEMENT_ERROR(element(), RESOURCE, READ, ("A buffer cannot be read."), (nullptr));
    return GST_FLOW_ERROR;
  }
  const auto data = map.bytes();
  if (packer_.is_raw())
    return write(data, {});
  const auto header = packer_.header_of(buffer, data.size());
  return write(header.bytes(), data);
}

GstFlowReturn SrmSink::write_gap(GstEvent *event)
{
  if (packer_.is_raw())
    return GST_FLOW_OK;
  const auto flow = prepare();
  return flow == GST_FLOW_OK ? write(SrmPacker::header_of_gap(event).bytes(), {}) : flow;
}

GstFlowReturn SrmSink::write(Bytes head, Bytes body)
{
  SrmTransmitter::Message message{{head, body}, false};
  for (;;) {
    const auto outcome = active_->write(message);
    if (outcome == Outcome::done)
      return GST_FLOW_OK;
    const auto flow = resume(outcome);
    if (flow != GST_FLOW_OK) {
      active_->abandon(message);
      return flow;
    }
  }
}

GstFlowReturn SrmSink::drain()
{
  const auto flow = has_ended_ ? GST_FLOW_OK : prepare();
  if (flow != GST_FLOW_OK || has_ended_)
    return flow;
  GST_INFO_OBJECT(element(), "waiting until the receivers have everything");
  for (;;) {
    const auto outcome = active_->finish();
    if (outcome == Outcome::done) {
      has_ended_ = true;
      return GST_FLOW_OK;
    }
    const auto result = resume(outcome);
    if (result != GST_FLOW_OK)
      return result;
  }
}

// Interrupted by a pause, it goes on when that is over.
GstFlowReturn SrmSink::resume(Outcome outcome)
{
  return outcome == Outcome::failed ? GST_FLOW_ERROR : gst_base_sink_wait_preroll(base_);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(srmsink, "srmsink", GST_RANK_PRIMARY, glue::type_of<SrmSink>())
