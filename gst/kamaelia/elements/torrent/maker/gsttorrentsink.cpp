// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/safe_name.hpp"
#include "elements/torrent/elements.hpp"
#include "elements/torrent/maker/byteblocks.hpp"
#include "elements/torrent/maker/makerproperties.hpp"
#include "elements/torrent/maker/torrentrecorder.hpp"
#include "elements/torrent/maker/torrentseeder.hpp"
#include "elements/torrent/maker/torrentsinkvalues.hpp"
#include "elements/torrent/maker/upstreamfile.hpp"
#include "glue/guarded.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <gst/base/gstbasesink.h>

#include <filesystem>
#include <memory>
#include <string>

GST_DEBUG_CATEGORY_STATIC(torrentsink_debug);
#define GST_CAT_DEFAULT torrentsink_debug

namespace {

using namespace kam;
using torrent::Failure;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

guint torrent_created_signal;

// Kamaelia's TorrentMaker and the seeding half of its TorrentPatron; with chunk-size, its
// P2PStreamSeed.
class TorrentSink final {
 public:
  using Base = GstBaseSink;
  using Class = GstBaseSinkClass;
  static constexpr auto type_name = "KamTorrentSink";
  static GType base_type() { return GST_TYPE_BASE_SINK; }
  static void class_init(Class *klass);

  using Values = TorrentSinkValues;
  glue::Settings<Values> settings;
  static const glue::Properties<TorrentSink, Values> &properties();
  void settings_changed();

  explicit TorrentSink(Base *base) : base_{base} { gst_base_sink_set_sync(base, FALSE); }
  glue::StructurePtr stats() const;

  gboolean start();
  gboolean stop();
  gboolean event(GstEvent *event);
  gboolean query(GstQuery *query);
  GstFlowReturn wait_event(GstEvent *event);
  GstFlowReturn render(GstBuffer *buffer);
  gboolean unlock();
  gboolean unlock_stop();

 private:
  GstElement *element() const { return GST_ELEMENT(base_); }
  std::optional<Failure> begin();
  bool refuse_rewriting(GstEvent *event);
  GstFlowReturn finish();
  GstFlowReturn linger();
  void share(const torrent::MadeTorrent &made, const TorrentPlaces &places);

  Base *base_;
  mutable glue::Guarded<std::shared_ptr<TorrentSeeder>> seeder_;
  glue::Counter bytes_;
  glue::Counter torrents_;

  // The streaming thread's, since start().
  Values values_;
  std::optional<TorrentRecorder> recorder_;
  ByteBlocks blocks_;
  bool warned_of_length_ = false;
  bool was_to_go_back_ = false;
};

const glue::Properties<TorrentSink, TorrentSink::Values> &TorrentSink::properties()
{
  static const auto table = [] {
    auto properties = torrentsink_properties<TorrentSink>();
    properties.report<&TorrentSink::stats>(
        "stats",
        "What GstBaseSink tells, and since READY: bytes, torrents made (torrents), seeded now "
        "(seeding) and long enough (seeded), uploaded bytes, upload-rate in bytes/s, peers, and "
        "the port at which peers reach us");
    return properties;
  }();
  return table;
}

void TorrentSink::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(torrentsink_debug, "torrentsink", 0, "Torrent maker and seeder");
  klass->start = glue::vfunc<&TorrentSink::start>;
  klass->stop = glue::vfunc<&TorrentSink::stop>;
  klass->event = glue::vfunc<&TorrentSink::event>;
  klass->query = glue::vfunc<&TorrentSink::query>;
  klass->wait_event = glue::vfunc<&TorrentSink::wait_event>;
  klass->render = glue::vfunc<&TorrentSink::render>;
  klass->unlock = glue::vfunc<&TorrentSink::unlock>;
  klass->unlock_stop = glue::vfunc<&TorrentSink::unlock_stop>;
  torrent_created_signal = install_torrent_created(G_TYPE_FROM_CLASS(klass));
  properties().install(klass);
  glue::describe(
      klass,
      {"Torrent maker and seeder", "Sink/File/Network",
       "Writes a file, makes its torrent, and gives both to whoever wants "
       "them",
       "gst-launch-1.0 videotestsrc num-buffers=300 ! x264enc ! matroskamux ! torrentsink "
       "location=lecture.mkv linger=true"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &sink_template);
}

glue::StructurePtr TorrentSink::stats() const
{
  const auto seeder = *seeder_.lock();
  const auto report = seeder ? seeder->report() : TorrentSeeder::Report{};
  auto stats = glue::inherited_stats<TorrentSink>(base_);
  gst_structure_set_name(stats.get(), "application/x-torrentsink-stats");
  gst_structure_set(stats.get(), "bytes", G_TYPE_UINT64, bytes_.value(), "torrents",
                    G_TYPE_UINT64, torrents_.value(), "seeding", G_TYPE_UINT64,
                    guint64{report.torrents}, "seeded", G_TYPE_UINT64, guint64{report.done},
                    "uploaded", G_TYPE_UINT64, guint64{report.uploaded}, "upload-rate",
                    G_TYPE_UINT64, guint64{report.upload_rate}, "peers", G_TYPE_UINT64,
                    guint64{report.peers}, "port", G_TYPE_UINT, guint{report.port}, nullptr);
  return stats;
}

void TorrentSink::settings_changed()
{
  if (const auto seeder = *seeder_.lock())
    seeder->set_limits(torrent_limits(settings.snapshot()));
}

// --- states -------------------------------------------------------------------------------

gboolean TorrentSink::start()
{
  values_ = settings.snapshot();
  bytes_.reset();
  torrents_.reset();
  warned_of_length_ = was_to_go_back_ = false;
  if (const auto failure = begin()) {
    post_failure(element(), *failure);
    recorder_.reset();
    return FALSE;
  }
  return TRUE;
}

gboolean TorrentSink::stop()
{
  // What came without an end is kept, but has no torrent.
  if (recorder_)
    blocks_.flush(
        [this](const ByteBlock &block) { return !recorder_->write(block.bytes, block.owner); });
  blocks_.forget();
  recorder_.reset();
  seeder_.lock()->reset();
  return TRUE;
}

std::optional<Failure> TorrentSink::begin()
{
  auto options = recorder_options(values_);
  if (auto *failure = std::get_if<Failure>(&options))
    return *failure;
  if (values_.seed)
    *seeder_.lock() = std::make_shared<TorrentSeeder>(acquire_session(element(), values_),
                                                      seeder_options(values_));
  recorder_.emplace(
      std::get<TorrentRecorder::Options>(std::move(options)),
      TorrentRecorder::Callbacks{[this](const torrent::MadeTorrent &made,
                                        const TorrentPlaces &places) { share(made, places); },
                                 [this](std::uint64_t number) {
                                   if (const auto seeder = *seeder_.lock())
                                     seeder->remove(number);
                                 }});
  return recorder_->open();
}

gboolean TorrentSink::unlock()
{
  if (const auto seeder = *seeder_.lock())
    seeder->interrupt(true);
  return TRUE;
}

gboolean TorrentSink::unlock_stop()
{
  if (const auto seeder = *seeder_.lock())
    seeder->interrupt(false);
  return TRUE;
}

// --- events and queries -------------------------------------------------------------------

gboolean TorrentSink::event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT && refuse_rewriting(event)) {
    gst_event_unref(event);
    return FALSE;
  }
  return glue::parent_class_of<TorrentSink>(base_)->event(base_, event);
}

// Some muxers go back to write their headers once more; what is hashed stays as it is.
bool TorrentSink::refuse_rewriting(GstEvent *event)
{
  const GstSegment *segment = nullptr;
  gst_event_parse_segment(event, &segment);
  if (segment->format != GST_FORMAT_BYTES || segment->start == bytes_.value())
    return false;
  GST_ELEMENT_ERROR(element(), STREAM, FORMAT,
                    ("Only what is written from the beginning to the end can become a torrent. "
                     "Muxers can do that: mp4mux fragment-duration=1000, matroskamux "
                     "streamable=true."),
                    ("a segment begins at %" G_GUINT64_FORMAT " instead of %" G_GUINT64_FORMAT,
                     segment->start, bytes_.value()));
  return was_to_go_back_ = true;
}

gboolean TorrentSink::query(GstQuery *query)
{
  GstFormat format = GST_FORMAT_UNDEFINED;
  switch (GST_QUERY_TYPE(query)) {
  case GST_QUERY_SEEKING:
    // Muxers ask whether they may go back.
    gst_query_parse_seeking(query, &format, nullptr, nullptr, nullptr);
    if (format != GST_FORMAT_BYTES && format != GST_FORMAT_DEFAULT)
      break;
    gst_query_set_seeking(query, GST_FORMAT_BYTES, FALSE, 0, -1);
    return TRUE;
  case GST_QUERY_POSITION:
    gst_query_parse_position(query, &format, nullptr);
    if (format != GST_FORMAT_BYTES && format != GST_FORMAT_DEFAULT)
      break;
    gst_query_set_position(query, GST_FORMAT_BYTES, static_cast<gint64>(bytes_.value()));
    return TRUE;
  default: break;
  }
  return glue::parent_class_of<TorrentSink>(base_)->query(base_, query);
}

// EOS comes here at its time, under the preroll lock as render() does.
GstFlowReturn TorrentSink::wait_event(GstEvent *event)
{
  const auto flow = glue::parent_class_of<TorrentSink>(base_)->wait_event(base_, event);
  if (flow != GST_FLOW_OK || GST_EVENT_TYPE(event) != GST_EVENT_EOS)
    return flow;
  const auto result = finish();
  return result == GST_FLOW_OK ? linger() : result;
}

// --- data ---------------------------------------------------------------------------------

GstFlowReturn TorrentSink::render(GstBuffer *buffer)
{
  if (was_to_go_back_)
    return GST_FLOW_ERROR;
  if (bytes_.value() == 0)
    recorder_->expect(upstream_size(GST_BASE_SINK_PAD(base_)));
  std::optional<Failure> failure;
  const bool ok = blocks_.add(buffer, [&](const ByteBlock &block) {
    failure = recorder_->write(block.bytes, block.owner);
    return !failure;
  });
  if (!ok) {
    post_failure(element(), failure.value_or(
                                Failure{Failure::Kind::read, "A buffer cannot be read.", ""}));
    return GST_FLOW_ERROR;
  }
  bytes_.add(gst_buffer_get_size(buffer));
  if (recorder_->is_too_long() && !warned_of_length_) {
    warned_of_length_ = true;
    GST_ELEMENT_WARNING(
        element(), RESOURCE, SETTINGS,
        ("The file has become too long for its torrent and goes on without one: "
         "set piece-size or chunk-size."),
        (nullptr));
  }
  return GST_FLOW_OK;
}

GstFlowReturn TorrentSink::finish()
{
  std::optional<Failure> failure;
  blocks_.flush([&](const ByteBlock &block) {
    failure = recorder_->write(block.bytes, block.owner);
    return !failure;
  });
  if (!failure)
    failure = recorder_->finish();
  if (!failure && bytes_.value() == 0)
    failure = Failure{Failure::Kind::format,
                      "There is nothing to make a torrent of: no data has come.", ""};
  if (!failure)
    return GST_FLOW_OK;
  post_failure(element(), *failure);
  return GST_FLOW_ERROR;
}

// Interrupted by a pause, it goes on when that is over.
GstFlowReturn TorrentSink::linger()
{
  const auto seeder = *seeder_.lock();
  if (!values_.linger || !seeder)
    return GST_FLOW_OK;
  GST_INFO_OBJECT(element(), "seeding before EOS");
  while (!seeder->wait())
    if (const auto flow = gst_base_sink_wait_preroll(base_); flow != GST_FLOW_OK)
      return flow;
  return GST_FLOW_OK;
}

// It can be had before the application hears of it.
void TorrentSink::share(const torrent::MadeTorrent &made, const TorrentPlaces &places)
{
  torrents_.add();
  GST_INFO_OBJECT(element(), "%s: %s", places.torrent_location.c_str(), made.magnet.c_str());
  const std::filesystem::path path{std::filesystem::absolute(places.location)};
  const auto seeder = *seeder_.lock();
  bool is_seeded = false;
  if (seeder && !torrent::is_safe_name(path.filename().string())) {
    GST_ELEMENT_WARNING(
        element(), RESOURCE, SETTINGS,
        ("\"%s\" is not seeded: some systems cannot have files of that name.", path.c_str()),
        ("the torrent has another name for it"));
  } else if (seeder) {
    const auto failure = seeder->add(made, path.parent_path().string(), places.number);
    is_seeded = !failure;
    if (failure)
      GST_ELEMENT_WARNING(element(), RESOURCE, FAILED, ("%s", failure->text.c_str()),
                          ("%s", failure->detail.c_str()));
  }
  gst_element_post_message(element(), torrent_created_message(element(), made, places));
  emit_torrent_created(element(), torrent_created_signal, made);
  // What gst-launch-1.0 shows of a message has signs in it that mask others; here it shows the
  // second text as it is, and only that.
  if (is_seeded && places.number == 0)
    GST_ELEMENT_INFO(element(), RESOURCE, OPEN_READ,
                     ("Others can get \"%s\" now.", path.c_str()), ("%s", made.magnet.c_str()));
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(torrentsink, "torrentsink", GST_RANK_NONE,
                            glue::type_of<TorrentSink>())
