// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/frame.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/framing/frametag.hpp"
#include "glue/bytes.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <array>
#include <atomic>

GST_DEBUG_CATEGORY_STATIC(framer_debug);
#define GST_CAT_DEFAULT framer_debug

namespace {
enum class TagMode { sequence, offset, meta };
}

template <>
struct kam::glue::GTypeOf<TagMode> {
  static GType type()
  {
    static constexpr std::array<GEnumValue, 4> values{
        {{gint(TagMode::sequence), "Number the frames, one after the other", "sequence"},
         {gint(TagMode::offset), "The OFFSET of the buffer", "offset"},
         {gint(TagMode::meta), "The KamFrameTag meta of the buffer", "meta"},
         {0, nullptr, nullptr}}};
    static const GType type = register_enum("KamFramerTagMode", values.data());
    return type;
  }
};

namespace {

using namespace kam;
using glue::BufferPtr;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS("application/x-kamaelia-frame, framed=(boolean)true"));

// Kamaelia.Protocol.Framing.Framer, and the numbering of SimpleReliableMulticast's Annotator.
class FramerElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamFramer";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    TagMode tag_mode = TagMode::sequence;
    guint64 first_sequence = 1;
    guint64 modulo = 0;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<FramerElement, Values> &properties();

  explicit FramerElement(GstElement *element) : Filter{element} {}
  guint64 sequence() const { return sequence_.load(std::memory_order_relaxed); }
  glue::StructurePtr stats() const;

 private:
  void start() override;
  void handle_buffer(BufferPtr buffer) override;
  std::optional<glue::Ref<GstCaps>> source_caps(GstCaps *sink_caps) override;
  bool keeps_caps() const override { return false; }
  void begin_counting();
  void emit_frame(BufferPtr buffer, gsize data_size, const framing::FrameHeaderText &header);
  void frame_with_sequence(BufferPtr buffer, guint64 sequence);
  void frame_with_meta(BufferPtr buffer);

  std::atomic<guint64> sequence_ = 1;
  glue::Counter frames_;
  glue::Counter bytes_;
  glue::Counter no_tag_;
  glue::Counter bad_tag_;
};

const glue::Properties<FramerElement, FramerElement::Values> &FramerElement::properties()
{
  static const auto table =
      glue::Properties<FramerElement, Values>{}
          .add("tag-mode", &Values::tag_mode, "Where a frame's tag comes from",
               glue::Mutable::in_playing)
          .add("first-sequence", &Values::first_sequence,
               "Number of the first frame after READY; a change after that frame does nothing "
               "(tag-mode=sequence)",
               glue::Mutable::in_playing)
          .add(
              "modulo", &Values::modulo,
              "Sequence numbers wrap to 0 before they reach this; 0 means that they never wrap, "
              "as in Kamaelia (tag-mode=sequence)",
              glue::Mutable::in_playing)
          .report<&FramerElement::sequence>(
              "sequence", "Number that the next frame will carry (tag-mode=sequence)")
          .report<&FramerElement::stats>(
              "stats",
              "What passed since READY: frames, bytes of data in them, and buffers dropped for "
              "want of a tag (no-tag) or for one that no frame can carry (bad-tag)");
  return table;
}

void FramerElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(framer_debug, "framer", 0, "Framer");
  register_frame_tag_meta();
  properties().install(klass);
  glue::describe(klass, {"Framer", "Codec/Payloader/Network",
                         "Puts a tag (a sequence number) and the length before each buffer",
                         "gst-launch-1.0 filesrc location=film.ts ! framer ! chunker ! udpsink "
                         "host=127.0.0.1 port=5000"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr FramerElement::stats() const
{
  return glue::stats_structure("application/x-framer-stats", {{"frames", frames_.value()},
                                                              {"bytes", bytes_.value()},
                                                              {"no-tag", no_tag_.value()},
                                                              {"bad-tag", bad_tag_.value()}});
}

void FramerElement::start()
{
  for (auto *counter : {&frames_, &bytes_, &no_tag_, &bad_tag_})
    counter->reset();
  (void)settings.changed();
  begin_counting();
}

void FramerElement::begin_counting()
{
  const auto &values = settings.current();
  sequence_ = values.modulo > 0 ? values.first_sequence % values.modulo : values.first_sequence;
}

std::optional<glue::Ref<GstCaps>> FramerElement::source_caps(GstCaps *sink_caps)
{
  auto *caps = gst_caps_new_simple("application/x-kamaelia-frame", "framed", G_TYPE_BOOLEAN,
                                   TRUE, nullptr);
  if (sink_caps) {
    const glue::StringPtr inner{gst_caps_to_string(sink_caps)};
    gst_caps_set_simple(caps, "payload-caps", G_TYPE_STRING, inner.get(), nullptr);
  }
  return glue::Ref<GstCaps>::adopt(caps);
}

void FramerElement::handle_buffer(BufferPtr buffer)
{
  if (settings.changed() && frames_.value() == 0)
    begin_counting();
  const auto &values = settings.current();
  switch (values.tag_mode) {
  case TagMode::sequence: {
    const auto sequence = sequence_.load(std::memory_order_relaxed);
    const auto next = sequence + 1;
    sequence_.store(values.modulo > 0 && next >= values.modulo ? 0 : next,
                    std::memory_order_relaxed);
    frame_with_sequence(std::move(buffer), sequence);
    return;
  }
  case TagMode::offset: {
    const auto offset = GST_BUFFER_OFFSET(buffer.get());
    if (offset == GST_BUFFER_OFFSET_NONE) {
      GST_DEBUG_OBJECT(element(), "dropping a buffer without OFFSET");
      no_tag_.add();
      return;
    }
    frame_with_sequence(std::move(buffer), offset);
    return;
  }
  case TagMode::meta: frame_with_meta(std::move(buffer)); return;
  }
}

void FramerElement::frame_with_sequence(BufferPtr buffer, guint64 sequence)
{
  const auto data_size = gst_buffer_get_size(buffer.get());
  const framing::FrameHeaderText header{sequence, data_size};
  buffer.reset(gst_buffer_make_writable(buffer.release()));
  GST_BUFFER_OFFSET(buffer.get()) = sequence;
  GST_BUFFER_OFFSET_END(buffer.get()) = sequence + 1;
  emit_frame(std::move(buffer), data_size, header);
}

void FramerElement::frame_with_meta(BufferPtr buffer)
{
  const char *tag = frame_tag_of(buffer.get());
  if (!tag) {
    GST_DEBUG_OBJECT(element(), "dropping a buffer without a tag");
    no_tag_.add();
    return;
  }
  if (!framing::is_valid_tag(tag)) {
    GST_DEBUG_OBJECT(element(), "dropping a buffer: no frame can carry the tag '%s'", tag);
    bad_tag_.add();
    return;
  }
  const auto data_size = gst_buffer_get_size(buffer.get());
  const framing::FrameHeaderText header{std::string_view{tag}, data_size};
  buffer.reset(gst_buffer_make_writable(buffer.release()));
  emit_frame(std::move(buffer), data_size, header);
}

// The data is not touched: the header becomes one more memory before it.
void FramerElement::emit_frame(BufferPtr buffer, gsize data_size,
                               const framing::FrameHeaderText &header)
{
  frames_.add();
  bytes_.add(data_size);
  gst_buffer_prepend_memory(buffer.get(), glue::small_memory(header.bytes()));
  emit(std::move(buffer));
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(framer, "framer", GST_RANK_NONE, glue::type_of<FramerElement>())
