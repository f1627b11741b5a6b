// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/safe_name.hpp"
#include "elements/torrent/elements.hpp"
#include "elements/torrent/maker/byteblocks.hpp"
#include "elements/torrent/maker/makerproperties.hpp"
#include "elements/torrent/maker/piecehasher.hpp"
#include "elements/torrent/maker/upstreamfile.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <memory>
#include <string>

GST_DEBUG_CATEGORY_STATIC(torrentenc_debug);
#define GST_CAT_DEFAULT torrentenc_debug

namespace {

using namespace kam;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-bittorrent"));

guint torrent_created_signal;

// Kamaelia.Protocol.Torrent.TorrentMaker: the bytes of a file in, its .torrent out.
class TorrentEnc final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamTorrentEnc";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values : MakerValues {
    std::string file_name;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<TorrentEnc, Values> &properties();

  explicit TorrentEnc(GstElement *element) : Filter{element} {}
  glue::StructurePtr stats() const;

 private:
  void start() override;
  void stop() override;
  void handle_buffer(glue::BufferPtr buffer) override;
  void end() override;
  void flush() override;
  std::optional<glue::Ref<GstCaps>> source_caps(GstCaps *sink_caps) override;
  bool keeps_caps() const override { return false; }
  bool begin();
  void make();
  void complain(const char *text, const std::string &detail);

  std::unique_ptr<torrent::PieceHasher> hasher_;
  ByteBlocks blocks_;
  glue::Counter bytes_;
  glue::Counter pieces_;
  glue::Counter torrents_;
};

const glue::Properties<TorrentEnc, TorrentEnc::Values> &TorrentEnc::properties()
{
  static const auto table = [] {
    glue::Properties<TorrentEnc, Values> properties;
    add_maker(properties);
    properties
        .add("file-name", &Values::file_name,
             "What clients save the file as; not set: what upstream reads it from",
             glue::Mutable::in_ready)
        .report<&TorrentEnc::stats>(
            "stats", "What passed since READY: bytes, pieces, and torrents made (torrents)");
    return properties;
  }();
  return table;
}

void TorrentEnc::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(torrentenc_debug, "torrentenc", 0, "Torrent maker");
  torrent_created_signal = install_torrent_created(G_TYPE_FROM_CLASS(klass));
  properties().install(klass);
  glue::describe(klass, {"Torrent maker", "Codec/Encoder",
                         "Takes the bytes of a file, and gives its .torrent when it ends",
                         "gst-launch-1.0 filesrc location=lecture.mkv ! torrentenc ! filesink "
                         "location=lecture.mkv.torrent"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr TorrentEnc::stats() const
{
  return glue::stats_structure("application/x-torrentenc-stats",
                               {{"bytes", bytes_.value()},
                                {"pieces", pieces_.value()},
                                {"torrents", torrents_.value()}});
}

void TorrentEnc::start()
{
  for (auto *counter : {&bytes_, &pieces_, &torrents_})
    counter->reset();
}

void TorrentEnc::stop()
{
  flush();
}

void TorrentEnc::flush()
{
  blocks_.forget();
  hasher_.reset();
}

std::optional<glue::Ref<GstCaps>> TorrentEnc::source_caps(GstCaps *)
{
  return glue::Ref<GstCaps>::adopt(gst_static_pad_template_get_caps(&src_template));
}

bool TorrentEnc::begin()
{
  const auto &values = settings.current();
  if (const auto problem = problem_of(values)) {
    GST_ELEMENT_ERROR(element(), RESOURCE, SETTINGS, ("%s", problem->c_str()), (nullptr));
    return false;
  }
  const auto piece_size = values.piece_size != 0
                              ? values.piece_size
                              : torrent::choose_piece_size(upstream_size(sink_pad()));
  GST_INFO_OBJECT(element(), "pieces of %u bytes", piece_size);
  hasher_ = torrent::PieceHasher::start(values.format, piece_size);
  if (!hasher_)
    complain("No thread to hash in.", "std::thread");
  return hasher_ != nullptr;
}

void TorrentEnc::complain(const char *text, const std::string &detail)
{
  GST_ELEMENT_ERROR(element(), STREAM, ENCODE, ("%s", text), ("%s", detail.c_str()));
}

void TorrentEnc::handle_buffer(glue::BufferPtr buffer)
{
  if (!hasher_ && !begin())
    return fail(GST_FLOW_ERROR);
  const auto size = gst_buffer_get_size(buffer.get());
  const bool ok = blocks_.add(buffer.get(), [this](const ByteBlock &block) {
    hasher_->add(block.bytes, block.owner);
    return hasher_->pieces() <= torrent::max_pieces;
  });
  bytes_.add(size);
  if (ok)
    return;
  complain("The data has become too long for pieces of this size: set piece-size.",
           std::to_string(hasher_->pieces()) + " pieces");
  fail(GST_FLOW_ERROR);
}

void TorrentEnc::end()
{
  if (hasher_)
    blocks_.flush([this](const ByteBlock &block) {
      hasher_->add(block.bytes, block.owner);
      return true;
    });
  if (hasher_ && hasher_->total_bytes() > 0)
    make();
  else
    complain("There is nothing to make a torrent of: no data has come.", "EOS without data");
  hasher_.reset();
}

void TorrentEnc::make()
{
  const auto &values = settings.current();
  const auto wish =
      values.file_name.empty() ? upstream_file_name(sink_pad()) : values.file_name;
  const auto name = torrent::safe_name(wish.empty() ? values.title : wish, "file");
  pieces_.add(hasher_->pieces());
  const auto result = make_torrent(hasher_->finish(), description_of(values, name));
  if (const auto *reason = std::get_if<std::string>(&result))
    return complain("The torrent cannot be made.", *reason);
  const auto &made = std::get<torrent::MadeTorrent>(result);
  GST_INFO_OBJECT(element(), "%s", made.magnet.c_str());
  torrents_.add();
  auto *buffer = gst_buffer_new_allocate(nullptr, made.metainfo.size(), nullptr);
  gst_buffer_fill(buffer, 0, made.metainfo.data(), made.metainfo.size());
  emit(glue::BufferPtr{buffer});
  gst_element_post_message(element(), torrent_created_message(element(), made, {}));
  emit_torrent_created(element(), torrent_created_signal, made);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(torrentenc, "torrentenc", GST_RANK_NONE,
                            glue::type_of<TorrentEnc>())
