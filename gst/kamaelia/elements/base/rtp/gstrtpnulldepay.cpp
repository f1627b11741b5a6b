// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/rtp/null_payload.hpp"
#include "elements/base/elements.hpp"
#include "glue/drops.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <gst/rtp/rtp.h>

#include <array>
#include <variant>

GST_DEBUG_CATEGORY_STATIC(rtpnulldepay_debug);
#define GST_CAT_DEFAULT rtpnulldepay_debug

namespace {

using namespace kam;

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("application/x-rtp, media=(string)application, clock-rate=(int)90000, "
                    "encoding-name=(string)X-KAMAELIA-NULL"));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

enum class Drop { short_payload, bad_length, count_ };

const char *name_of(Drop reason)
{
  static constexpr std::array names{"short", "bad-length"};
  return names[static_cast<std::size_t>(reason)];
}

// The receiver that Kamaelia's null payload never had.
class RtpNullDepayElement {
 public:
  using Base = GstRTPBaseDepayload;
  using Class = GstRTPBaseDepayloadClass;
  static constexpr auto type_name = "KamRtpNullDepay";
  static GType base_type() { return GST_TYPE_RTP_BASE_DEPAYLOAD; }
  static void class_init(Class *klass);

  struct Values {
    glue::Ref<GstCaps> caps;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<RtpNullDepayElement, Values> &properties();

  explicit RtpNullDepayElement(Base *depayloader);
  glue::StructurePtr stats() const;

 private:
  GstStateChangeReturn change_state(GstStateChange transition);
  gboolean set_caps(GstCaps *caps);
  gboolean packet_lost(GstEvent *event);
  GstBuffer *process(GstRTPBuffer *packet);
  GstBuffer *drop(Drop reason);

  Base *depayloader_;
  // The base class's functions, which ours count for.
  GstPadChainFunction chain_;
  GstPadChainListFunction chain_list_;

  glue::Counter received_;
  glue::Counter processed_;
  glue::Counter packets_;
  glue::Counter bytes_;
  glue::Counter trailing_bytes_;
  glue::Counter empty_;
  glue::Counter lost_;
  glue::Drops<Drop> drops_;
};

const glue::Properties<RtpNullDepayElement, RtpNullDepayElement::Values>
    &RtpNullDepayElement::properties()
{
  static const auto table =
      glue::Properties<RtpNullDepayElement, Values>{}
          .add("caps", &Values::caps, "Caps of what comes out; unset: application/octet-stream",
               glue::Mutable::in_ready)
          .report<&RtpNullDepayElement::stats>(
              "stats",
              "What passed since READY: packets with data, bytes of data in them, "
              "trailing-bytes after the data, empty packets, packets that the jitter buffer "
              "reported as lost, and packets dropped: short, bad-length, and rejected (not "
              "RTP, or too late for their place)");
  return table;
}

void RtpNullDepayElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(rtpnulldepay_debug, "rtpnulldepay", 0,
                          "Null payload RTP depayloader");
  properties().install(klass);
  glue::describe(klass, {"Null payload RTP depayloader", "Codec/Depayloader/Network/RTP",
                         "Takes bytes of any kind out of RTP packets with Kamaelia's null "
                         "payload",
                         "gst-launch-1.0 udpsrc port=5006 "
                         "caps=\"application/x-rtp,media=application,clock-rate=90000,"
                         "encoding-name=X-KAMAELIA-NULL,payload=96\" "
                         "! rtpjitterbuffer ! rtpnulldepay ! filesink location=received.bin"});
  auto *element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  element_class->change_state = glue::vfunc<&RtpNullDepayElement::change_state>;
  klass->set_caps = glue::vfunc<&RtpNullDepayElement::set_caps>;
  klass->packet_lost = glue::vfunc<&RtpNullDepayElement::packet_lost>;
  klass->process_rtp_packet = glue::vfunc<&RtpNullDepayElement::process>;
}

RtpNullDepayElement::RtpNullDepayElement(Base *depayloader)
    : depayloader_{depayloader},
      chain_{GST_PAD_CHAINFUNC(depayloader->sinkpad)},
      chain_list_{GST_PAD_CHAINLISTFUNC(depayloader->sinkpad)}
{
  gst_pad_set_chain_function(depayloader->sinkpad,
                             [](GstPad *pad, GstObject *parent, GstBuffer *buffer) noexcept {
                               auto &self = glue::impl_of<RtpNullDepayElement>(parent);
                               self.received_.add();
                               return self.chain_(pad, parent, buffer);
                             });
  gst_pad_set_chain_list_function(
      depayloader->sinkpad, [](GstPad *pad, GstObject *parent, GstBufferList *list) noexcept {
        auto &self = glue::impl_of<RtpNullDepayElement>(parent);
        self.received_.add(gst_buffer_list_length(list));
        return self.chain_list_(pad, parent, list);
      });
}

glue::StructurePtr RtpNullDepayElement::stats() const
{
  // Read first, so that the other cannot be ahead of it.
  const auto processed = processed_.value();
  auto stats = glue::stats_structure("application/x-rtpnulldepay-stats",
                                     {{"packets", packets_.value()},
                                      {"bytes", bytes_.value()},
                                      {"trailing-bytes", trailing_bytes_.value()},
                                      {"empty", empty_.value()},
                                      {"lost", lost_.value()},
                                      {"rejected", received_.value() - processed}});
  drops_.append_to(stats.get());
  return stats;
}

GstStateChangeReturn RtpNullDepayElement::change_state(GstStateChange transition)
{
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    for (auto *counter :
         {&received_, &processed_, &packets_, &bytes_, &trailing_bytes_, &empty_, &lost_})
      counter->reset();
    drops_.reset();
  }
  return GST_ELEMENT_CLASS(glue::parent_class_of<RtpNullDepayElement>(depayloader_))
      ->change_state(GST_ELEMENT(depayloader_), transition);
}

gboolean RtpNullDepayElement::set_caps(GstCaps *)
{
  depayloader_->clock_rate = 90'000;
  auto caps = settings.current().caps;
  if (!caps)
    caps = glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("application/octet-stream"));
  return gst_pad_set_caps(depayloader_->srcpad, caps.get());
}

gboolean RtpNullDepayElement::packet_lost(GstEvent *event)
{
  lost_.add();
  return glue::parent_class_of<RtpNullDepayElement>(depayloader_)
      ->packet_lost(depayloader_, event);
}

// The data of a packet, where it lies; the base class gives it its time.
GstBuffer *RtpNullDepayElement::process(GstRTPBuffer *packet)
{
  processed_.add();
  std::array<std::byte, rtp::length_field_size> start{};
  const gsize payload_size = gst_rtp_buffer_get_payload_len(packet);
  gst_buffer_extract(packet->buffer, gst_rtp_buffer_get_header_len(packet), start.data(),
                     start.size());
  const auto result = rtp::read_null_payload(start, payload_size);
  const auto *payload = std::get_if<rtp::NullPayload>(&result);
  if (!payload)
    return drop(payload_size < rtp::length_field_size ? Drop::short_payload : Drop::bad_length);
  trailing_bytes_.add(payload->trailing_size);
  if (payload->data_size == 0) {
    GST_DEBUG_OBJECT(depayloader_, "a packet without data");
    empty_.add();
    return nullptr;
  }
  packets_.add();
  bytes_.add(payload->data_size);
  auto *data =
      gst_rtp_buffer_get_payload_subbuffer(packet, static_cast<guint>(rtp::length_field_size),
                                           static_cast<guint>(payload->data_size));
  // The sender marks where bytes are missing in what it got, as audio payloaders do.
  if (gst_rtp_buffer_get_marker(packet))
    GST_BUFFER_FLAG_SET(data, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_RESYNC);
  return data;
}

GstBuffer *RtpNullDepayElement::drop(Drop reason)
{
  // Never one too many: there is no limit.
  (void)drops_.add(GST_ELEMENT(depayloader_), reason, {});
  return nullptr;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(rtpnulldepay, "rtpnulldepay", GST_RANK_NONE,
                            glue::type_of<RtpNullDepayElement>())
