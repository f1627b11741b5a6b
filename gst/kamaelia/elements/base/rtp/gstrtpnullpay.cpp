// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/rtp/null_payload.hpp"
#include "elements/base/elements.hpp"
#include "glue/listgatherer.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <gst/rtp/rtp.h>

#include <cstring>
#include <optional>
#include <string>

GST_DEBUG_CATEGORY_STATIC(rtpnullpay_debug);
#define GST_CAT_DEFAULT rtpnullpay_debug

namespace {

using namespace kam;

constexpr guint clock_rate = 90'000;
constexpr guint headers_size = 12 + guint{rtp::length_field_size};
constexpr guint largest_chunk = 65507 - headers_size;  // in a UDP datagram
constexpr guint default_mtu = 1400;
constexpr guint ethernet_mtu = 1472;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("application/x-rtp, media=(string)application, payload=(int)[ 96, 127 ], "
                    "clock-rate=(int)90000, encoding-name=(string)X-KAMAELIA-NULL"));

// Kamaelia.Protocol.RTP.NullPayloadRTP.NullPayloadPreFramer, and the RTP that it was meant for.
class RtpNullPayElement {
 public:
  using Base = GstRTPBasePayload;
  using Class = GstRTPBasePayloadClass;
  static constexpr auto type_name = "KamRtpNullPay";
  static GType base_type() { return GST_TYPE_RTP_BASE_PAYLOAD; }
  static void class_init(Class *klass);

  struct Values {
    guint chunk_size = 1400;
    guint bitrate = 65536;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<RtpNullPayElement, Values> &properties();

  explicit RtpNullPayElement(Base *payloader);
  glue::StructurePtr stats() const;

 private:
  // Where on the time line of the input the chunker's byte 0 is.
  struct Anchor {
    GstClockTime pts = 0;
    guint64 ticks = 0;  // of the running time of `pts`, in units of the RTP clock
  };

  // A chunk whose second part is in a buffer that need not be mapped.
  struct Chunk {
    std::uint64_t bytes_before;
    Bytes carried;
    gsize shared_size;

    gsize size() const { return carried.size() + shared_size; }
  };

  GstStateChangeReturn change_state(GstStateChange transition);
  gboolean set_caps(GstCaps *caps);
  gboolean sink_event(GstEvent *event);
  GstFlowReturn handle_buffer(GstBuffer *buffer);
  GstFlowReturn chain_list(GstBufferList *list);
  gboolean src_query(GstQuery *query);

  void start();
  void adopt_settings();
  void restart();
  gboolean start_segment(GstEvent *event);
  void anchor(GstClockTime pts);
  GstFlowReturn drain();
  GstFlowReturn cut(GstBuffer *buffer);
  GstFlowReturn send(const Chunk &chunk, GstBuffer *input, gsize offset);
  void stamp(GstBuffer *packet, const Chunk &chunk);
  void check_mtu() const;

  Base *payloader_;
  guint chunk_size_ = 1;
  rtp::NullChunker chunker_{1};
  rtp::ConstantBitrate bitrate_{1};
  std::optional<Anchor> anchor_;
  bool input_has_times_ = false;
  bool discont_ = false;
  // The base class has lists too, but gives all packets in one the same timestamp.
  glue::ListGatherer list_;

  glue::Counter buffers_in_;
  glue::Counter packets_;
  glue::Counter bytes_;
};

const glue::Properties<RtpNullPayElement, RtpNullPayElement::Values>
    &RtpNullPayElement::properties()
{
  static const auto table =
      glue::Properties<RtpNullPayElement, Values>{}
          .add("chunk-size", &Values::chunk_size,
               "Data in each packet, in bytes; only the last before the end, a flush, other "
               "caps or a discontinuity has less. This, and not mtu, sets the packets' size",
               glue::Mutable::in_ready, {1, largest_chunk})
          .add("bitrate", &Values::bitrate,
               "How fast the data is, in bit/s: the packets' timestamps are made from it",
               glue::Mutable::in_ready, {1, G_MAXUINT})
          .report<&RtpNullPayElement::stats>(
              "stats",
              "What every RTP payloader reports, and what passed since READY: buffers-in, "
              "packets, bytes of data in them");
  return table;
}

void RtpNullPayElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(rtpnullpay_debug, "rtpnullpay", 0, "Null payload RTP payloader");
  properties().install(klass);
  glue::describe(
      klass, {"Null payload RTP payloader", "Codec/Payloader/Network/RTP",
              "Puts bytes of any kind into RTP packets at a constant bitrate, as "
              "Kamaelia's null payload",
              "gst-launch-1.0 filesrc location=film.ts ! rtpnullpay bitrate=1000000 ! udpsink "
              "host=127.0.0.1 port=5006"});
  auto *element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  element_class->change_state = glue::vfunc<&RtpNullPayElement::change_state>;
  klass->set_caps = glue::vfunc<&RtpNullPayElement::set_caps>;
  klass->sink_event = glue::vfunc<&RtpNullPayElement::sink_event>;
  klass->handle_buffer = glue::vfunc<&RtpNullPayElement::handle_buffer>;
}

RtpNullPayElement::RtpNullPayElement(Base *payloader)
    : payloader_{payloader}, list_{payloader->srcpad}
{
  gst_pad_set_chain_list_function(
      payloader->sinkpad, [](GstPad *, GstObject *self, GstBufferList *list) noexcept {
        return glue::impl_of<RtpNullPayElement>(self).chain_list(list);
      });
  gst_pad_set_query_function(payloader->srcpad,
                             [](GstPad *, GstObject *self, GstQuery *query) noexcept {
                               return glue::impl_of<RtpNullPayElement>(self).src_query(query);
                             });
}

// gst-rtsp-server reads the base class's fields for RTP-Info; ours stand beside them.
glue::StructurePtr RtpNullPayElement::stats() const
{
  auto stats = glue::inherited_stats<RtpNullPayElement>(payloader_);
  for (const auto &[name, counter] :
       {std::pair{"buffers-in", &buffers_in_}, {"packets", &packets_}, {"bytes", &bytes_}})
    gst_structure_set(stats.get(), name, G_TYPE_UINT64, counter->value(), nullptr);
  return stats;
}

GstStateChangeReturn RtpNullPayElement::change_state(GstStateChange transition)
{
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED)
    start();
  const auto result = GST_ELEMENT_CLASS(glue::parent_class_of<RtpNullPayElement>(payloader_))
                          ->change_state(GST_ELEMENT(payloader_), transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    restart();
  return result;
}

void RtpNullPayElement::start()
{
  for (auto *counter : {&buffers_in_, &packets_, &bytes_})
    counter->reset();
  (void)settings.changed();
  adopt_settings();
  restart();
}

// Up to the first data; what is under way keeps its rhythm.
void RtpNullPayElement::adopt_settings()
{
  chunk_size_ = settings.current().chunk_size;
  chunker_ = rtp::NullChunker{chunk_size_};
  bitrate_ = rtp::ConstantBitrate{settings.current().bitrate};
  check_mtu();
}

void RtpNullPayElement::restart()
{
  chunker_.reset();
  anchor_.reset();
  discont_ = false;
}

// The bitrate is a string, because only those become format parameters in an SDP description
// and come back from one.
gboolean RtpNullPayElement::set_caps(GstCaps *)
{
  gst_rtp_base_payload_set_options(payloader_, "application", TRUE, "X-KAMAELIA-NULL",
                                   clock_rate);
  const auto bitrate = std::to_string(settings.current().bitrate);
  return gst_rtp_base_payload_set_outcaps(payloader_, "bitrate", G_TYPE_STRING, bitrate.c_str(),
                                          nullptr);
}

gboolean RtpNullPayElement::sink_event(GstEvent *event)
{
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_SEGMENT: return start_segment(event);
  case GST_EVENT_CAPS:
  case GST_EVENT_EOS: drain(); break;
  case GST_EVENT_FLUSH_STOP: restart(); break;
  default: break;
  }
  return glue::parent_class_of<RtpNullPayElement>(payloader_)->sink_event(payloader_, event);
}

// The base class wants caps, which files and sockets have not, and times, even where the
// input counts bytes.
gboolean RtpNullPayElement::start_segment(GstEvent *event)
{
  glue::EventPtr owned{event};
  drain();
  anchor_.reset();
  auto *parent = glue::parent_class_of<RtpNullPayElement>(payloader_);
  if (!gst_pad_has_current_caps(payloader_->sinkpad) &&
      !gst_pad_has_current_caps(payloader_->srcpad)) {
    const auto caps =
        glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple("application/octet-stream"));
    parent->sink_event(payloader_, gst_event_new_caps(caps.get()));
  }
  const GstSegment *segment = nullptr;
  gst_event_parse_segment(event, &segment);
  input_has_times_ = segment->format == GST_FORMAT_TIME;
  if (!input_has_times_) {
    GstSegment time;
    gst_segment_init(&time, GST_FORMAT_TIME);
    owned.reset(gst_event_new_segment(&time));
    gst_event_set_seqnum(owned.get(), gst_event_get_seqnum(event));
  }
  return parent->sink_event(payloader_, owned.release());
}

// From here on time is counted from `pts`, or where there is none from the segment's start.
void RtpNullPayElement::anchor(GstClockTime pts)
{
  const auto &segment = payloader_->segment;
  Anchor next{GST_CLOCK_TIME_IS_VALID(pts) ? pts : segment.start};
  if (segment.format == GST_FORMAT_TIME) {
    const auto running_time = gst_segment_to_running_time(&segment, GST_FORMAT_TIME, next.pts);
    if (GST_CLOCK_TIME_IS_VALID(running_time))
      next.ticks = gst_util_uint64_scale_int(running_time, clock_rate, GST_SECOND);
  }
  anchor_ = next;
  chunker_.reset();
}

GstFlowReturn RtpNullPayElement::handle_buffer(GstBuffer *buffer)
{
  const glue::BufferPtr owned{buffer};
  const auto pts = input_has_times_ ? GST_BUFFER_PTS(buffer) : GST_CLOCK_TIME_NONE;
  if (settings.changed() && buffers_in_.value() == 0) {
    adopt_settings();
    set_caps(nullptr);
  }
  buffers_in_.add();
  if (GST_BUFFER_IS_DISCONT(buffer)) {
    // Bytes are missing here: what is held does not belong to what comes.
    if (const auto flow = drain(); flow != GST_FLOW_OK)
      return flow;
    discont_ = true;
    if (GST_CLOCK_TIME_IS_VALID(pts))
      anchor_.reset();
  }
  if (!anchor_)
    anchor(pts);
  if (const auto bytes_before = chunker_.pass(gst_buffer_get_size(buffer)))
    return send({*bytes_before, {}, chunk_size_}, buffer, 0);
  return cut(buffer);
}

GstFlowReturn RtpNullPayElement::cut(GstBuffer *buffer)
{
  const glue::ReadMap map{buffer};
  if (!map) {
    GST_ELEMENT_ERROR(payloader_, RESOURCE, READ, ("Could not read the incoming data."),
                      ("gst_buffer_map failed"));
    return GST_FLOW_ERROR;
  }
  const bool makes_list = !list_.active() && map.bytes().size() >= 2 * gsize{chunk_size_};
  if (makes_list)
    list_.begin();
  auto flow = GST_FLOW_OK;
  chunker_.feed(map.bytes());
  // Goes on to the end even if a push fails: then the chunker looks at no buffer any more.
  while (const auto chunk = chunker_.poll())
    if (flow == GST_FLOW_OK)
      flow = send({chunk->bytes_before, chunk->carried, chunk->in_input.size()}, buffer,
                  static_cast<gsize>(chunk->in_input.data() - map.bytes().data()));
  return makes_list ? list_.end(flow) : flow;
}

// Lists in, lists out.
GstFlowReturn RtpNullPayElement::chain_list(GstBufferList *list)
{
  const glue::BufferListPtr owned{list};
  const auto chain = GST_PAD_CHAINFUNC(payloader_->sinkpad);
  list_.begin();
  auto flow = GST_FLOW_OK;
  const auto length = gst_buffer_list_length(list);
  for (guint i = 0; i < length && flow == GST_FLOW_OK; ++i)
    flow = chain(payloader_->sinkpad, GST_OBJECT(payloader_),
                 gst_buffer_ref(gst_buffer_list_get(list, i)));
  return list_.end(flow);
}

// Sends what is held although it is less than a chunk.
GstFlowReturn RtpNullPayElement::drain()
{
  const auto chunk = chunker_.finish();
  return chunk ? send({chunk->bytes_before, chunk->carried, 0}, nullptr, 0) : GST_FLOW_OK;
}

// One packet: the length and what was carried over are written into a memory of its own; what
// is in the input from `offset` on stays there and is shared.
GstFlowReturn RtpNullPayElement::send(const Chunk &chunk, GstBuffer *input, gsize offset)
{
  const auto copied_size = static_cast<guint>(rtp::length_field_size + chunk.carried.size());
  glue::BufferPtr packet{
      gst_rtp_base_payload_allocate_output_buffer(payloader_, copied_size, 0, 0)};
  // The RTP headers have a memory to themselves. Mapping the buffer would join the two.
  const auto last = gst_buffer_n_memory(packet.get()) - 1;
  auto *memory = gst_buffer_peek_memory(packet.get(), last);
  GstMapInfo map = GST_MAP_INFO_INIT;
  gst_memory_map(memory, &map, GST_MAP_WRITE);
  const auto length = rtp::pack_length(static_cast<std::uint32_t>(chunk.size()));
  std::memcpy(map.data, length.data(), length.size());
  if (!chunk.carried.empty())
    std::memcpy(map.data + length.size(), chunk.carried.data(), chunk.carried.size());
  gst_memory_unmap(memory, &map);
  if (chunk.shared_size > 0)
    gst_buffer_copy_into(packet.get(), input, GST_BUFFER_COPY_MEMORY, offset,
                         chunk.shared_size);
  stamp(packet.get(), chunk);
  packets_.add();
  bytes_.add(chunk.size());
  const auto flow = gst_rtp_base_payload_push(payloader_, packet.release());
  return flow == GST_FLOW_OK ? list_.push_if_long() : flow;
}

// OFFSET is in units of the RTP clock: from it the base class makes timestamps without
// rounding each of them to nanoseconds. That ignores the rate, so at others it gets none.
void RtpNullPayElement::stamp(GstBuffer *packet, const Chunk &chunk)
{
  const auto &segment = payloader_->segment;
  if (segment.format == GST_FORMAT_TIME) {
    const auto begin = bitrate_.nanoseconds(chunk.bytes_before);
    const auto end = bitrate_.nanoseconds(chunk.bytes_before + chunk.size());
    GST_BUFFER_PTS(packet) = anchor_->pts + begin;
    GST_BUFFER_DURATION(packet) = end - begin;
    if (segment.rate == 1.0)
      GST_BUFFER_OFFSET(packet) =
          anchor_->ticks + bitrate_.ticks(chunk.bytes_before, clock_rate);
  }
  if (discont_) {
    GST_BUFFER_FLAG_SET(packet, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_MARKER);
    GstRTPBuffer header = GST_RTP_BUFFER_INIT;
    gst_rtp_buffer_map(packet, GST_MAP_READWRITE, &header);
    gst_rtp_buffer_set_marker(&header, TRUE);
    gst_rtp_buffer_unmap(&header);
    discont_ = false;
  }
}

// A byte waits at most until its chunk is full.
gboolean RtpNullPayElement::src_query(GstQuery *query)
{
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
    return gst_pad_query_default(payloader_->srcpad, GST_OBJECT(payloader_), query);
  if (!gst_pad_peer_query(payloader_->sinkpad, query))
    return FALSE;
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  const auto [chunk_size, bitrate] = settings.snapshot();
  const auto added = rtp::ConstantBitrate{bitrate}.nanoseconds(chunk_size);
  gst_query_set_latency(query, live, min + added,
                        GST_CLOCK_TIME_IS_VALID(max) ? max + added : GST_CLOCK_TIME_NONE);
  return TRUE;
}

// The chunk is what the user asked for, and what the network cannot take is cut by IP, so this
// is no more than a warning. The mtu's default is a careful guess: as long as it was not
// changed, what fits an Ethernet frame passes, and with it Kamaelia's chunk size.
void RtpNullPayElement::check_mtu() const
{
  const auto mtu = GST_RTP_BASE_PAYLOAD_MTU(payloader_);
  const auto packet_size = chunk_size_ + headers_size;
  if (packet_size > (mtu == default_mtu ? ethernet_mtu : mtu))
    GST_WARNING_OBJECT(payloader_,
                       "packets of %u bytes (chunk-size=%u) are larger than the mtu (%u): the "
                       "network may have to fragment them",
                       packet_size, chunk_size_, mtu);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(rtpnullpay, "rtpnullpay", GST_RANK_NONE,
                            glue::type_of<RtpNullPayElement>())
