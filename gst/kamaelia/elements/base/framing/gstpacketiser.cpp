// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/elements.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <algorithm>

GST_DEBUG_CATEGORY_STATIC(packetiser_debug);
#define GST_CAT_DEFAULT packetiser_debug

namespace {

using namespace kam;
using glue::BufferPtr;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

constexpr gsize most_sharing = 16'384;

// Kamaelia.Protocol.Packetise.MaxSizePacketiser: cuts, and never joins.
class PacketiserElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamPacketiser";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    guint max_size = 1000;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<PacketiserElement, Values> &properties();

  explicit PacketiserElement(GstElement *element) : Filter{element} {}
  glue::StructurePtr stats() const;

 private:
  void start() override;
  void handle_buffer(BufferPtr buffer) override;
  void cut(GstBuffer *buffer, gsize size, gsize max_size);

  glue::Counter buffers_in_;
  glue::Counter packets_out_;
  glue::Counter bytes_;
  glue::Counter empty_;
};

const glue::Properties<PacketiserElement, PacketiserElement::Values>
    &PacketiserElement::properties()
{
  static const auto table =
      glue::Properties<PacketiserElement, Values>{}
          .add("max-size", &Values::max_size, "Size of the largest packet to send, in bytes",
               glue::Mutable::in_playing, {1, 65507})
          .report<&PacketiserElement::stats>(
              "stats",
              "What passed since READY: buffers-in, packets-out, bytes, and empty buffers "
              "dropped (empty)");
  return table;
}

void PacketiserElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(packetiser_debug, "packetiser", 0, "Packetiser");
  properties().install(klass);
  glue::describe(
      klass, {"Packetiser", "Filter/Network",
              "Cuts each buffer into packets of at most max-size bytes",
              "gst-launch-1.0 filesrc location=film.ts ! packetiser max-size=1316 ! udpsink "
              "host=127.0.0.1 port=5000"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr PacketiserElement::stats() const
{
  return glue::stats_structure("application/x-packetiser-stats",
                               {{"buffers-in", buffers_in_.value()},
                                {"packets-out", packets_out_.value()},
                                {"bytes", bytes_.value()},
                                {"empty", empty_.value()}});
}

void PacketiserElement::start()
{
  for (auto *counter : {&buffers_in_, &packets_out_, &bytes_, &empty_})
    counter->reset();
}

void PacketiserElement::handle_buffer(BufferPtr buffer)
{
  const gsize size = gst_buffer_get_size(buffer.get());
  const gsize max_size = settings.current().max_size;
  buffers_in_.add();
  bytes_.add(size);
  if (size == 0) {
    GST_DEBUG_OBJECT(element(), "dropping an empty buffer: a datagram of nothing is no use");
    empty_.add();
    return;
  }
  packets_out_.add((size + max_size - 1) / max_size);
  if (size <= max_size)
    emit(std::move(buffer));
  else
    cut(buffer.get(), size, max_size);
}

// Every piece carries the time of its buffer; DISCONT stays with the first, and the last has
// MARKER, as payloaders do it. A buffer that fits passes as it came.
void PacketiserElement::cut(GstBuffer *buffer, gsize size, gsize max_size)
{
  constexpr guint of_ends = GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_MARKER;
  const auto flags = GST_BUFFER_FLAGS(buffer) & ~(of_ends | GST_BUFFER_FLAG_TAG_MEMORY) &
                     ~guint(GST_MINI_OBJECT_FLAG_LAST - 1);
  // A memory can have 65,535 others that share it at most: crumbs are copied.
  const auto copied = GstBufferCopyFlags(
      GST_BUFFER_COPY_MEMORY | (size / max_size >= most_sharing ? GST_BUFFER_COPY_DEEP : 0));
  gpointer no_meta = nullptr;
  const bool has_metas = gst_buffer_iterate_meta(buffer, &no_meta) != nullptr;
  for (gsize at = 0; at < size; at += max_size) {
    const auto piece_size = std::min(max_size, size - at);
    BufferPtr piece{gst_buffer_copy_region(buffer, copied, at, piece_size)};
    if (has_metas)
      gst_buffer_copy_into(piece.get(), buffer, GST_BUFFER_COPY_META, at, piece_size);
    GST_BUFFER_PTS(piece.get()) = GST_BUFFER_PTS(buffer);
    GST_BUFFER_DTS(piece.get()) = GST_BUFFER_DTS(buffer);
    GST_BUFFER_FLAG_SET(piece.get(), flags);
    if (at == 0 && GST_BUFFER_IS_DISCONT(buffer))
      GST_BUFFER_FLAG_SET(piece.get(), GST_BUFFER_FLAG_DISCONT);
    if (at + piece_size == size)
      GST_BUFFER_FLAG_SET(piece.get(), GST_BUFFER_FLAG_MARKER);
    emit(std::move(piece));
  }
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(packetiser, "packetiser", GST_RANK_NONE,
                            glue::type_of<PacketiserElement>())
