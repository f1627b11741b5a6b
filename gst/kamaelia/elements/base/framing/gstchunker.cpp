// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/escape.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/framing/chunksync.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <algorithm>

GST_DEBUG_CATEGORY_STATIC(chunker_debug);
#define GST_CAT_DEFAULT chunker_debug

namespace {

using namespace kam;
using glue::BufferPtr;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-kamaelia-chunk"));

// Kamaelia.Protocol.Framing.DataChunker.
class ChunkerElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamChunker";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    std::string sync = default_sync_text;
    glue::Ref<GBytes> sync_bytes;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<ChunkerElement, Values> &properties();

  explicit ChunkerElement(GstElement *element) : Filter{element} {}
  glue::StructurePtr stats() const;

 private:
  void start() override;
  void handle_buffer(BufferPtr buffer) override;
  std::optional<glue::Ref<GstCaps>> source_caps(GstCaps *sink_caps) override;
  bool keeps_caps() const override { return false; }
  BufferPtr escaped_chunk(GstBuffer *buffer, std::size_t escaped_size);
  template <class Work>
  bool for_each_memory(GstBuffer *buffer, Work work);

  framing::Sync sync_ = framing::Sync::standard();
  glue::Counter chunks_;
  glue::Counter bytes_;
  glue::Counter escaped_;
};

const glue::Properties<ChunkerElement, ChunkerElement::Values> &ChunkerElement::properties()
{
  static const auto table = [] {
    glue::Properties<ChunkerElement, Values> made;
    add_sync_properties(made, &Values::sync, &Values::sync_bytes);
    made.report<&ChunkerElement::stats>(
        "stats", "What passed since READY: chunks, bytes in them, and bytes escaped");
    return made;
  }();
  return table;
}

void ChunkerElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(chunker_debug, "chunker", 0, "Chunker");
  properties().install(klass);
  glue::describe(
      klass,
      {"Chunker", "Codec/Payloader/Network",
       "Begins each buffer with a sync sequence that a receiver can find",
       "gst-launch-1.0 filesrc location=film.ts ! chunker ! udpsink host=127.0.0.1 port=5000"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr ChunkerElement::stats() const
{
  return glue::stats_structure(
      "application/x-chunker-stats",
      {{"chunks", chunks_.value()}, {"bytes", bytes_.value()}, {"escaped", escaped_.value()}});
}

void ChunkerElement::start()
{
  for (auto *counter : {&chunks_, &bytes_, &escaped_})
    counter->reset();
  (void)settings.changed();
  sync_ = sync_of(settings.current());
}

std::optional<glue::Ref<GstCaps>> ChunkerElement::source_caps(GstCaps *sink_caps)
{
  auto *caps = gst_caps_new_empty_simple("application/x-kamaelia-chunk");
  const auto sync = sync_buffer(sync_);
  gst_caps_set_simple(caps, "sync", GST_TYPE_BUFFER, sync.get(), nullptr);
  if (sink_caps) {
    const glue::StringPtr inner{gst_caps_to_string(sink_caps)};
    gst_caps_set_simple(caps, "payload-caps", G_TYPE_STRING, inner.get(), nullptr);
  }
  return glue::Ref<GstCaps>::adopt(caps);
}

void ChunkerElement::handle_buffer(BufferPtr buffer)
{
  if (settings.changed()) {
    sync_ = sync_of(settings.current());
    renegotiate();
  }
  std::size_t size = 0;
  std::size_t special = 0;
  const bool read = for_each_memory(buffer.get(), [&](Bytes data) {
    size += data.size();
    special += framing::count_special(sync_, data);
  });
  if (!read)
    return;
  chunks_.add();
  bytes_.add(size);
  escaped_.add(special);
  if (special > 0)
    return emit(escaped_chunk(buffer.get(), size + 2 * special));
  // Nothing to escape: the data goes on as it is. Each chunk gets a sync of its own, because a
  // memory can be in 65,535 buffers at most.
  buffer.reset(gst_buffer_make_writable(buffer.release()));
  gst_buffer_prepend_memory(buffer.get(), glue::small_memory(sync_.bytes()));
  emit(std::move(buffer));
}

BufferPtr ChunkerElement::escaped_chunk(GstBuffer *buffer, std::size_t escaped_size)
{
  const auto sync = sync_.bytes();
  auto chunk = glue::allocate(sync.size() + escaped_size, framing::escape_slack);
  {
    const glue::WriteMap map{chunk.get()};
    std::copy(sync.begin(), sync.end(), map.bytes().begin());
    auto rest =
        MutableBytes{map.bytes().data(), map.bytes().size() + framing::escape_slack}.subspan(
            sync.size());
    for_each_memory(
        buffer, [&](Bytes data) { rest = rest.subspan(framing::escape(sync_, data, rest)); });
  }
  gst_buffer_copy_into(chunk.get(), buffer, GST_BUFFER_COPY_METADATA, 0, -1);
  return chunk;
}

// Shows `work` the data, memory by memory: mapping them as one would copy them together. False
// if one cannot be read; an error has been posted then.
template <class Work>
bool ChunkerElement::for_each_memory(GstBuffer *buffer, Work work)
{
  for (guint i = 0; i < gst_buffer_n_memory(buffer); ++i) {
    auto *memory = gst_buffer_peek_memory(buffer, i);
    GstMapInfo map;
    if (!gst_memory_map(memory, &map, GST_MAP_READ)) {
      GST_ELEMENT_ERROR(element(), RESOURCE, READ, ("Could not read the incoming data."),
                        ("gst_memory_map failed"));
      fail(GST_FLOW_ERROR);
      return false;
    }
    work(std::as_bytes(std::span{map.data, map.size}));
    gst_memory_unmap(memory, &map);
  }
  return true;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(chunker, "chunker", GST_RANK_NONE, glue::type_of<ChunkerElement>())
