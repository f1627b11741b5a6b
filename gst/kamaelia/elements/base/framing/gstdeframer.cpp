// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/frame.hpp"
#include "core/framing/stream_deframer.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/framing/frametag.hpp"
#include "glue/bytes.hpp"
#include "glue/drops.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <variant>

GST_DEBUG_CATEGORY_STATIC(deframer_debug);
#define GST_CAT_DEFAULT deframer_debug

namespace {

using namespace kam;
using framing::FrameFault;
using glue::BufferPtr;

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("application/x-kamaelia-frame, framed=(boolean){ true, false }"));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

enum class Drop { bad_header, bad_tag, bad_length, short_frame, count_ };

const char *name_of(Drop reason)
{
  static constexpr std::array names{"bad-header", "bad-tag", "bad-length", "short"};
  return names[static_cast<std::size_t>(reason)];
}

Drop drop_for(FrameFault fault)
{
  switch (fault) {
  case FrameFault::bad_header: return Drop::bad_header;
  case FrameFault::bad_tag: return Drop::bad_tag;
  case FrameFault::bad_length: return Drop::bad_length;
  case FrameFault::short_frame: return Drop::short_frame;
  }
  g_assert_not_reached();
}

// The first bytes of a buffer, copied out: the memory they are in may go before they are used.
class HeaderBytes {
 public:
  explicit HeaderBytes(GstBuffer *buffer)
  {
    // Our own framer puts the header in a memory by itself; mapping only that is cheap.
    if (gst_buffer_n_memory(buffer) > 0)
      copy_from(gst_buffer_peek_memory(buffer, 0));
    if (size_ < bytes_.size() && !has_line_end())
      size_ = gst_buffer_extract(buffer, 0, bytes_.data(), bytes_.size());
  }

  Bytes bytes() const { return Bytes{bytes_}.first(size_); }

 private:
  void copy_from(GstMemory *memory)
  {
    GstMapInfo map;
    if (!gst_memory_map(memory, &map, GST_MAP_READ))
      return;
    size_ = std::min(map.size, bytes_.size());
    std::memcpy(bytes_.data(), map.data, size_);
    gst_memory_unmap(memory, &map);
  }
  bool has_line_end() const { return size_ > 0 && std::memchr(bytes_.data(), '\n', size_); }

  std::array<std::byte, framing::max_header_size> bytes_{};
  gsize size_ = 0;
};

// Kamaelia.Protocol.Framing.DeFramer, which a single bad frame killed.
class DeframerElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamDeframer";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    glue::Ref<GstCaps> caps;
    guint max_frame_size = 4U << 20U;
    gint max_errors = -1;
    bool post_drop_messages = false;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<DeframerElement, Values> &properties();

  explicit DeframerElement(GstElement *element) : Filter{element} {}
  glue::StructurePtr stats() const;

 private:
  void start() override;
  void stop() override { flush(); }
  void handle_buffer(BufferPtr buffer) override;
  void drain() override;
  void flush() override;
  std::optional<glue::Ref<GstCaps>> source_caps(GstCaps *sink_caps) override;
  bool keeps_caps() const override { return false; }

  void deframe_whole(BufferPtr buffer);
  void deframe_stream(BufferPtr buffer);
  void end_stream();
  void emit_frame(BufferPtr data, gsize data_size, std::optional<guint64> sequence,
                  std::string_view tag);
  void drop(FrameFault fault);

  bool framed_ = true;
  std::optional<framing::StreamDeframer> stream_;
  GstClockTime open_pts_ = GST_CLOCK_TIME_NONE;  // of the frame that is not complete yet
  GstClockTime open_dts_ = GST_CLOCK_TIME_NONE;
  bool discont_ = false;

  glue::Counter frames_;
  glue::Counter bytes_;
  glue::Counter trailing_bytes_;
  glue::Counter bytes_skipped_;
  glue::Drops<Drop> drops_;
};

const glue::Properties<DeframerElement, DeframerElement::Values> &DeframerElement::properties()
{
  using glue::Mutable;
  static const auto table =
      glue::Properties<DeframerElement, Values>{}
          .add("caps", &Values::caps,
               "Caps of what comes out; unset: what the framer says went in, or "
               "application/octet-stream",
               Mutable::in_playing)
          .add("max-frame-size", &Values::max_frame_size,
               "Largest data of a frame that is put together from a stream (framed=false), in "
               "bytes; a frame that says it is larger is dropped",
               Mutable::in_playing, {1, G_MAXINT})
          .add("max-errors", &Values::max_errors,
               "Number of frames that may be dropped before the element gives up with an "
               "error; -1 means any number",
               Mutable::in_playing, {-1, G_MAXINT})
          .add("post-drop-messages", &Values::post_drop_messages,
               "Post an element message \"drop-msg\" (reason, num-dropped) when frames are "
               "dropped, at most five a second",
               Mutable::in_playing)
          .report<&DeframerElement::stats>(
              "stats",
              "What passed since READY: frames, bytes of data in them, trailing-bytes after "
              "the data, bytes-skipped in search of a frame, and frames dropped: bad-header, "
              "bad-tag, bad-length, short");
  return table;
}

void DeframerElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(deframer_debug, "deframer", 0, "Deframer");
  register_frame_tag_meta();
  properties().install(klass);
  glue::describe(
      klass,
      {"Deframer", "Codec/Depayloader/Network",
       "Takes frames apart: their sequence number becomes the buffer's OFFSET",
       "gst-launch-1.0 udpsrc port=5000 ! dechunker ! deframer ! filesink location=film.ts"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr DeframerElement::stats() const
{
  auto stats = glue::stats_structure("application/x-deframer-stats",
                                     {{"frames", frames_.value()},
                                      {"bytes", bytes_.value()},
                                      {"trailing-bytes", trailing_bytes_.value()},
                                      {"bytes-skipped", bytes_skipped_.value()}});
  drops_.append_to(stats.get());
  return stats;
}

void DeframerElement::start()
{
  for (auto *counter : {&frames_, &bytes_, &trailing_bytes_, &bytes_skipped_})
    counter->reset();
  drops_.reset();
  (void)settings.changed();
  framed_ = true;
  flush();
}

void DeframerElement::flush()
{
  stream_.emplace(framing::StreamDeframer::Limits{settings.current().max_frame_size});
  discont_ = false;
}

// At the end, and where the stream becomes another one.
void DeframerElement::drain()
{
  if (!framed_)
    end_stream();
}

void DeframerElement::end_stream()
{
  const auto skipped_before = stream_->bytes_skipped();
  if (const auto fault = stream_->end())
    drop(*fault);
  bytes_skipped_.add(stream_->bytes_skipped() - skipped_before);
}

std::optional<glue::Ref<GstCaps>> DeframerElement::source_caps(GstCaps *sink_caps)
{
  using Caps = glue::Ref<GstCaps>;
  const char *inner = nullptr;
  framed_ = true;
  if (sink_caps) {
    const auto *structure = gst_caps_get_structure(sink_caps, 0);
    gboolean framed = TRUE;
    if (gst_structure_get_boolean(structure, "framed", &framed))
      framed_ = framed;
    inner = gst_structure_get_string(structure, "payload-caps");
  }
  if (const auto &caps = settings.current().caps)
    return caps;
  if (auto caps = Caps::adopt(inner ? gst_caps_from_string(inner) : nullptr);
      caps && gst_caps_is_fixed(caps.get()))
    return caps;
  return Caps::adopt(gst_caps_new_empty_simple("application/octet-stream"));
}

void DeframerElement::handle_buffer(BufferPtr buffer)
{
  if (settings.changed()) {
    stream_->set_limits({settings.current().max_frame_size});
    renegotiate();
  }
  if (framed_)
    deframe_whole(std::move(buffer));
  else
    deframe_stream(std::move(buffer));
}

// One frame per buffer: its data stays where it is.
void DeframerElement::deframe_whole(BufferPtr buffer)
{
  discont_ |= GST_BUFFER_IS_DISCONT(buffer.get());
  const auto size = gst_buffer_get_size(buffer.get());
  const HeaderBytes start{buffer.get()};
  const auto parsed = framing::parse_frame_header(start.bytes());
  if (const auto *fault = std::get_if<FrameFault>(&parsed))
    return drop(*fault);
  if (std::holds_alternative<framing::NeedMore>(parsed))
    return drop(FrameFault::bad_header);
  const auto &header = std::get<framing::FrameHeader>(parsed);
  const auto there = size - header.header_size;
  if (header.data_size > there)
    return drop(FrameFault::short_frame);
  const auto data_size = static_cast<gsize>(header.data_size);
  trailing_bytes_.add(there - data_size);
  buffer.reset(gst_buffer_make_writable(buffer.release()));
  gst_buffer_resize(buffer.get(), static_cast<gssize>(header.header_size),
                    static_cast<gssize>(data_size));
  emit_frame(std::move(buffer), data_size, header.sequence, header.tag);
}

void DeframerElement::deframe_stream(BufferPtr buffer)
{
  if (GST_BUFFER_IS_DISCONT(buffer.get())) {
    // Bytes are missing before this buffer: what is open will never be whole.
    discont_ = true;
    end_stream();
  }
  const glue::ReadMap map{buffer.get()};
  if (!map) {
    GST_ELEMENT_ERROR(element(), RESOURCE, READ, ("Could not read the incoming data."),
                      ("gst_buffer_map failed"));
    return fail(GST_FLOW_ERROR);
  }
  const auto skipped_before = stream_->bytes_skipped();
  const bool was_open = stream_->is_open();
  bool first = true;
  stream_->feed(map.bytes());
  while (auto result = stream_->poll()) {
    if (const auto *fault = std::get_if<FrameFault>(&*result)) {
      drop(*fault);
    } else {
      auto &frame = std::get<framing::Frame>(*result);
      auto data = frame.in_input ? glue::region(buffer.get(), map.bytes(), frame.data)
                                 : glue::wrap(std::move(frame.collected));
      const bool began_earlier = first && was_open;
      GST_BUFFER_PTS(data.get()) = began_earlier ? open_pts_ : GST_BUFFER_PTS(buffer.get());
      GST_BUFFER_DTS(data.get()) = began_earlier ? open_dts_ : GST_BUFFER_DTS(buffer.get());
      emit_frame(std::move(data), frame.data.size(), frame.sequence, frame.tag);
    }
    first = false;
  }
  if (!was_open || !first) {
    open_pts_ = GST_BUFFER_PTS(buffer.get());
    open_dts_ = GST_BUFFER_DTS(buffer.get());
  }
  bytes_skipped_.add(stream_->bytes_skipped() - skipped_before);
}

void DeframerElement::emit_frame(BufferPtr data, gsize data_size,
                                 std::optional<guint64> sequence, std::string_view tag)
{
  frames_.add();
  bytes_.add(data_size);
  if (sequence) {
    GST_BUFFER_OFFSET(data.get()) = *sequence;
    GST_BUFFER_OFFSET_END(data.get()) = *sequence + 1;
  } else {
    GST_BUFFER_OFFSET(data.get()) = GST_BUFFER_OFFSET_NONE;
    GST_BUFFER_OFFSET_END(data.get()) = GST_BUFFER_OFFSET_NONE;
    set_frame_tag(data.get(), tag);
  }
  if (std::exchange(discont_, false))
    GST_BUFFER_FLAG_SET(data.get(), GST_BUFFER_FLAG_DISCONT);
  emit(std::move(data));
}

void DeframerElement::drop(FrameFault fault)
{
  const auto &values = settings.current();
  if (!drops_.add(element(), drop_for(fault), {values.max_errors, values.post_drop_messages}))
    fail(GST_FLOW_ERROR);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(deframer, "deframer", GST_RANK_NONE,
                            glue::type_of<DeframerElement>())
