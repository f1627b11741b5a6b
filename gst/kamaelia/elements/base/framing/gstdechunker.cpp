// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/dechunker.hpp"
#include "elements/base/elements.hpp"
#include "elements/base/framing/chunksync.hpp"
#include "glue/bytes.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <atomic>

GST_DEBUG_CATEGORY_STATIC(dechunker_debug);
#define GST_CAT_DEFAULT dechunker_debug

namespace {

using namespace kam;
using glue::BufferPtr;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Kamaelia.Protocol.Framing.DataDeChunker, which gave out one chunk per message it took.
class DechunkerElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamDechunker";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    std::string sync = default_sync_text;
    glue::Ref<GBytes> sync_bytes;
    guint max_chunk_size = 1U << 20U;
    bool packetized = false;
    glue::Ref<GstCaps> caps;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<DechunkerElement, Values> &properties();

  explicit DechunkerElement(GstElement *element) : Filter{element} {}
  glue::StructurePtr stats() const;
  void flush_pending();

 private:
  struct Times {
    GstClockTime pts = GST_CLOCK_TIME_NONE;
    GstClockTime dts = GST_CLOCK_TIME_NONE;
  };

  void start() override;
  void stop() override;
  void handle_buffer(BufferPtr buffer) override;
  void drain() override;
  void flush() override;
  std::optional<glue::Ref<GstCaps>> source_caps(GstCaps *sink_caps) override;
  bool keeps_caps() const override { return false; }

  void start_dechunker(const framing::Sync &sync);
  bool apply_settings();
  void take_chunks(GstBuffer *input, Bytes mapped, const Times &now);
  BufferPtr buffer_of(framing::Chunk &chunk, GstBuffer *input, Bytes mapped) const;
  void publish_stats();

  std::optional<framing::Dechunker> dechunker_;
  framing::Dechunker::Stats earlier_;  // of dechunkers with another sync
  bool was_collecting_ = false;
  Times open_;  // of the buffer in which the open chunk began
  bool discont_ = false;
  bool sync_from_caps_ = false;
  bool taking_ = false;       // chunks are being pushed
  bool drain_after_ = false;  // somebody downstream has asked for it meanwhile

  struct {
    std::atomic<guint64> chunks, bytes, bytes_skipped, oversize, damaged;
  } published_{};
};

const glue::Properties<DechunkerElement, DechunkerElement::Values>
    &DechunkerElement::properties()
{
  using glue::Mutable;
  static const auto table = [] {
    glue::Properties<DechunkerElement, Values> made;
    add_sync_properties(made, &Values::sync, &Values::sync_bytes);
    made.add("max-chunk-size", &Values::max_chunk_size,
             "Largest chunk to put together, in bytes; a larger one is dropped",
             Mutable::in_playing, {1, G_MAXINT})
        .add("packetized", &Values::packetized,
             "Each buffer ends with the end of a chunk, as datagrams of one chunk do: do not "
             "wait for the next sync to see where it ends",
             Mutable::in_playing)
        .add("caps", &Values::caps,
             "Caps of what comes out; unset: what the chunker says went in, or frames if the "
             "next element takes only them, or application/octet-stream",
             Mutable::in_playing)
        .report<&DechunkerElement::stats>(
            "stats",
            "What passed since READY: chunks, bytes in them, chunks damaged (passed on with "
            "the flag CORRUPTED), chunks dropped as oversize, and bytes-skipped in search of "
            "a sync");
    return made;
  }();
  return table;
}

void DechunkerElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(dechunker_debug, "dechunker", 0, "Dechunker");
  properties().install(klass);
  glue::describe(klass,
                 {"Dechunker", "Codec/Depayloader/Network",
                  "Finds the chunks in a stream, from wherever it is joined",
                  "gst-launch-1.0 udpsrc port=5000 ! dechunker ! filesink location=film.ts"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
  // Lets out the chunk that waits for the next sync to see where it ends.
  g_signal_new_class_handler("flush-pending", G_TYPE_FROM_CLASS(klass),
                             GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
                             G_CALLBACK(+[](GstElement *self) noexcept {
                               glue::impl_of<DechunkerElement>(self).flush_pending();
                             }),
                             nullptr, nullptr, nullptr, G_TYPE_NONE, 0);
}

glue::StructurePtr DechunkerElement::stats() const
{
  return glue::stats_structure("application/x-dechunker-stats",
                               {{"chunks", published_.chunks},
                                {"bytes", published_.bytes},
                                {"damaged", published_.damaged},
                                {"oversize", published_.oversize},
                                {"bytes-skipped", published_.bytes_skipped}});
}

void DechunkerElement::flush_pending()
{
  run_in_stream([this] { drain(); });
}

void DechunkerElement::start()
{
  earlier_ = {};
  published_.bytes = 0;
  open_ = {};
  discont_ = false;
  dechunker_.reset();
  was_collecting_ = false;
  sync_from_caps_ = false;
  (void)settings.changed();
  start_dechunker(sync_of(settings.current()));
  publish_stats();
}

void DechunkerElement::stop()
{
  if (dechunker_)
    dechunker_->reset();
}

void DechunkerElement::start_dechunker(const framing::Sync &sync)
{
  if (dechunker_) {
    const auto &stats = dechunker_->stats();
    earlier_.chunks += stats.chunks;
    earlier_.damaged += stats.damaged;
    earlier_.oversize += stats.oversize;
    earlier_.bytes_skipped += stats.bytes_skipped;
  }
  dechunker_.emplace(sync, framing::Dechunker::Limits{settings.current().max_chunk_size});
}

std::optional<glue::Ref<GstCaps>> DechunkerElement::source_caps(GstCaps *sink_caps)
{
  using Caps = glue::Ref<GstCaps>;
  const char *inner = nullptr;
  sync_from_caps_ = false;
  if (sink_caps) {
    const auto sync = sync_in_caps(sink_caps);
    sync_from_caps_ = sync.has_value();
    if (sync && !(*sync == dechunker_->sync())) {
      GST_INFO_OBJECT(element(), "the caps name the sync sequence");
      start_dechunker(*sync);
    }
    inner = gst_structure_get_string(gst_caps_get_structure(sink_caps, 0), "payload-caps");
  }
  if (const auto &caps = settings.current().caps)
    return caps;
  if (auto caps = Caps::adopt(inner ? gst_caps_from_string(inner) : nullptr);
      caps && gst_caps_is_fixed(caps.get()))
    return caps;
  const auto usual = Caps::adopt(gst_caps_from_string(
      "application/octet-stream; application/x-kamaelia-frame, framed=(boolean)true"));
  auto *possible = gst_pad_peer_query_caps(source_pad(), usual.get());
  if (gst_caps_is_empty(possible)) {
    gst_caps_unref(possible);
    return std::nullopt;
  }
  return Caps::adopt(gst_caps_fixate(possible));
}

// Another sync ends what is open; the rest of the settings hold from here on.
bool DechunkerElement::apply_settings()
{
  const auto &values = settings.current();
  if (!sync_from_caps_ && !(sync_of(values) == dechunker_->sync())) {
    drain();
    start_dechunker(sync_of(values));
  }
  dechunker_->set_limits({values.max_chunk_size});
  return renegotiate();
}

void DechunkerElement::handle_buffer(BufferPtr buffer)
{
  const bool changed = settings.changed();
  const bool relinked =
      GST_PAD_NEEDS_RECONFIGURE(source_pad()) && gst_pad_check_reconfigure(source_pad());
  if ((changed || relinked) && !apply_settings())
    return fail(GST_FLOW_NOT_NEGOTIATED);
  const glue::ReadMap map{buffer.get()};
  if (!map) {
    GST_ELEMENT_ERROR(element(), RESOURCE, READ, ("Could not read the incoming data."),
                      ("gst_buffer_map failed"));
    return fail(GST_FLOW_ERROR);
  }
  // What was lost before this buffer shows at the next sync; nothing is thrown away for it.
  discont_ |= GST_BUFFER_IS_DISCONT(buffer.get());
  dechunker_->feed(map.bytes(), settings.current().packetized);
  take_chunks(buffer.get(), map.bytes(),
              {GST_BUFFER_PTS(buffer.get()), GST_BUFFER_DTS(buffer.get())});
  if (std::exchange(drain_after_, false))
    drain();
}

// Emits the chunks that end in what was fed. The one that was open before began in an
// earlier buffer and has that one's time.
void DechunkerElement::take_chunks(GstBuffer *input, Bytes mapped, const Times &now)
{
  bool opened_here = !was_collecting_;
  taking_ = true;
  while (auto chunk = dechunker_->poll_chunk()) {
    auto out = buffer_of(*chunk, input, mapped);
    const auto &times = opened_here ? now : open_;
    GST_BUFFER_PTS(out.get()) = times.pts;
    GST_BUFFER_DTS(out.get()) = times.dts;
    if (chunk->damaged)
      GST_BUFFER_FLAG_SET(out.get(), GST_BUFFER_FLAG_CORRUPTED);
    if (std::exchange(discont_, false))
      GST_BUFFER_FLAG_SET(out.get(), GST_BUFFER_FLAG_DISCONT);
    published_.bytes.store(published_.bytes + gst_buffer_get_size(out.get()));
    emit(std::move(out));
    opened_here = true;
  }
  taking_ = false;
  if (opened_here)
    open_ = now;
  was_collecting_ = dechunker_->is_collecting();
  publish_stats();
}

BufferPtr DechunkerElement::buffer_of(framing::Chunk &chunk, GstBuffer *input,
                                      Bytes mapped) const
{
  if (!chunk.in_input)
    return glue::wrap(std::move(chunk.collected));
  if (!chunk.escaped)
    return glue::region(input, mapped, chunk.body);
  framing::Unescaper unescaper{dechunker_->sync()};
  auto out = glue::allocate(chunk.body.size() + 2);
  std::size_t size = 0;
  {
    const glue::WriteMap map{out.get()};
    size = unescaper.decode(chunk.body, map.bytes());
    const auto rest = unescaper.finish();
    std::copy(rest.begin(), rest.end(),
              map.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    size += rest.size();
  }
  gst_buffer_set_size(out.get(), static_cast<gssize>(size));
  return out;
}

void DechunkerElement::drain()
{
  if (!dechunker_)
    return;
  if (taking_) {
    drain_after_ = true;
    return;
  }
  dechunker_->feed({}, true);
  take_chunks(nullptr, {}, open_);
}

void DechunkerElement::flush()
{
  stop();
  was_collecting_ = false;
  discont_ = false;
}

void DechunkerElement::publish_stats()
{
  const auto &now = dechunker_->stats();
  const auto publish = [](std::atomic<guint64> &to, guint64 value) {
    to.store(value, std::memory_order_relaxed);
  };
  publish(published_.chunks, earlier_.chunks + now.chunks);
  publish(published_.damaged, earlier_.damaged + now.damaged);
  publish(published_.oversize, earlier_.oversize + now.oversize);
  publish(published_.bytes_skipped, earlier_.bytes_skipped + now.bytes_skipped);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(dechunker, "dechunker", GST_RANK_NONE,
                            glue::type_of<DechunkerElement>())
