// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/elements.hpp"
#include "elements/torrent/player/seriesplayer.hpp"
#include "elements/torrent/player/torrentfetch.hpp"
#include "elements/torrent/player/torrentplayer.hpp"
#include "elements/torrent/player/torrentsrcqueries.hpp"
#include "elements/torrent/player/torrenturi.hpp"

#include <gst/base/gstbasesrc.h>

#include <array>
#include <atomic>
#include <mutex>
#include <string_view>

GST_DEBUG_CATEGORY(torrentsrc_debug);
#define GST_CAT_DEFAULT torrentsrc_debug

namespace {

using namespace kam;
using torrent::Failure;
using torrent::TorrentSpec;

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

constexpr guint block_size = 131072;

// Kamaelia.Protocol.Torrent.TorrentPatron as a source: a file of a torrent, while it downloads.
class TorrentSrc : public PlayedTorrent {
 public:
  using Base = GstBaseSrc;
  using Class = GstBaseSrcClass;
  using Values = TorrentSrcValues;
  static constexpr auto type_name = "KamTorrentSrc";
  static GType base_type() { return GST_TYPE_BASE_SRC; }
  static void class_init(Class *klass);
  static void add_interfaces(GType type) { add_torrent_uri_handler(type); }

  glue::Settings<Values> settings;
  static const glue::Properties<TorrentSrc, Values> &properties();
  void settings_changed();

  explicit TorrentSrc(Base *base);

 private:
  gboolean start();
  gboolean stop();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean get_size(guint64 *size);
  gboolean can_seek();
  gboolean query(GstQuery *query);
  void wait_for_duration(GstQuery *query);
  GstFlowReturn create(guint64 offset, guint length, GstBuffer **buffer);

  GstFlowReturn begin();
  void linger();
  GstFlowReturn take(const Values &values, const TorrentPlace &place, const Fetched &fetched);
  bool is_series() const { return series() != nullptr; }
  bool is_pulled() const { return GST_PAD_MODE(GST_BASE_SRC_PAD(base_)) == GST_PAD_MODE_PULL; }
  static TorrentPlayer::Callbacks callbacks(Base *base);
  GstElement *element() const { return GST_ELEMENT(base_); }

  Base *base_;
  std::mutex beginning_;
  bool is_open_ = false;  // from start() to stop()
  TorrentPlayer player_;
  SeriesPlayer series_player_;
  std::atomic<bool> is_interrupted_ = false;
};

enum Signal {
  signal_select_file,
  signal_finished,
  action_add_peer,
  action_reannounce,
  signal_count
};
std::array<guint, signal_count> signals{};

const glue::Properties<TorrentSrc, TorrentSrcValues> &TorrentSrc::properties()
{
  static const auto table = [] {
    auto properties = torrentsrc_properties<TorrentSrc>();
    add_played_torrent(properties);
    return properties;
  }();
  return table;
}

void TorrentSrc::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(torrentsrc_debug, "torrentsrc", 0, "BitTorrent source");
  properties().install(klass);
  glue::describe(klass,
                 {"BitTorrent source", "Source/Network",
                  "Plays a file of a torrent while it is downloaded, from any place",
                  "gst-launch-1.0 torrentsrc location=film.torrent file-path=\"*.mkv\" ! "
                  "matroskademux ! fakesink"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
  const auto type = G_TYPE_FROM_CLASS(klass);
  signals[signal_select_file] =
      g_signal_new("select-file", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr,
                   G_TYPE_INT, 1, GST_TYPE_STRUCTURE);
  signals[signal_finished] = g_signal_new("torrent-finished", type, G_SIGNAL_RUN_LAST, 0,
                                          nullptr, nullptr, nullptr, G_TYPE_NONE, 0);
  constexpr auto action = GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);
  signals[action_add_peer] = g_signal_new_class_handler(
      "add-peer", type, action, G_CALLBACK(+[](Base *base, const char *address) {
        return glue::impl_of<TorrentSrc>(base).add_peer(address);
      }),
      nullptr, nullptr, nullptr, G_TYPE_BOOLEAN, 1, G_TYPE_STRING);
  signals[action_reannounce] = g_signal_new_class_handler(
      "reannounce", type, action,
      G_CALLBACK(+[](Base *base) { glue::impl_of<TorrentSrc>(base).reannounce(); }), nullptr,
      nullptr, nullptr, G_TYPE_NONE, 0);
  klass->start = glue::vfunc<&TorrentSrc::start>;
  klass->stop = glue::vfunc<&TorrentSrc::stop>;
  klass->unlock = glue::vfunc<&TorrentSrc::unlock>;
  klass->unlock_stop = glue::vfunc<&TorrentSrc::unlock_stop>;
  klass->get_size = glue::vfunc<&TorrentSrc::get_size>;
  klass->is_seekable = glue::vfunc<&TorrentSrc::can_seek>;
  klass->query = glue::vfunc<&TorrentSrc::query>;
  klass->create = glue::vfunc<&TorrentSrc::create>;
}

TorrentSrc::TorrentSrc(Base *base)
    : base_{base},
      player_{base, *this, callbacks(base)},
      series_player_{base, *this, callbacks(base).reports}
{
  gst_base_src_set_blocksize(base, block_size);
  gst_pad_add_probe(
      GST_BASE_SRC_PAD(base), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad *, GstPadProbeInfo *info, gpointer self) {
        auto &source = *static_cast<TorrentSrc *>(self);
        if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_EOS)
          source.linger();
        return GST_PAD_PROBE_OK;
      },
      this, nullptr);
}

TorrentPlayer::Callbacks TorrentSrc::callbacks(Base *base)
{
  const auto impl = [](GstElement *element) -> TorrentSrc & {
    return glue::impl_of<TorrentSrc>(element);
  };
  return {[base](const GstStructure *listing) -> gint {
            gint index = -1;
            // Nobody's answer would be the first file.
            if (g_signal_has_handler_pending(base, signals[signal_select_file], 0, FALSE))
              g_signal_emit(base, signals[signal_select_file], 0, listing, &index);
            return index;
          },
          {[impl](GstElement *element) {
             return impl(element).settings.read(
                 [](const Values &values) { return values.stats_interval; });
           },
           [impl](GstElement *element) { return impl(element).stats(); },
           [](GstElement *element) { g_signal_emit(element, signals[signal_finished], 0); }}};
}

void TorrentSrc::settings_changed()
{
  set_limits(limits_of(settings.snapshot()));
}

// --- states -------------------------------------------------------------------------------

gboolean TorrentSrc::start()
{
  const auto values = settings.snapshot();
  const auto place = place_of(values);
  if (!place) {
    const auto spec = spec_of(values);
    if (const auto *failure = std::get_if<Failure>(&spec)) {
      post_failure(element(), *failure);
      return FALSE;
    }
    if (!player_.hold(*std::get_if<TorrentSpec>(&spec), values))
      return FALSE;
  } else if (!place->is_remote) {
    const auto fetched = TorrentFetcher{}.fetch(*place, TorrentSpec::largest_metainfo,
                                                is_interrupted_, deadline_in(0));
    if (take(values, *place, fetched) != GST_FLOW_OK)
      return FALSE;
  }
  const std::lock_guard lock{beginning_};
  return is_open_ = true;
}

gboolean TorrentSrc::stop()
{
  const std::lock_guard lock{beginning_};
  is_open_ = false;
  player_.release();
  series_player_.close();
  return TRUE;
}

gboolean TorrentSrc::unlock()
{
  is_interrupted_ = true;
  interrupt(true);
  return TRUE;
}

gboolean TorrentSrc::unlock_stop()
{
  is_interrupted_ = false;
  interrupt(false);
  return TRUE;
}

gboolean TorrentSrc::get_size(guint64 *size)
{
  *size = player_.size();
  return *size != GST_CLOCK_TIME_NONE;
}

// A live series is pushed as it comes.
gboolean TorrentSrc::can_seek()
{
  if (is_series())
    return FALSE;
  const auto place = place_of(settings.snapshot());
  return !place || lease() || !place->has_series();
}

gboolean TorrentSrc::query(GstQuery *query)
{
  switch (GST_QUERY_TYPE(query)) {
  case GST_QUERY_SCHEDULING:
    // The base class would start to find out, and wait for peers.
    answer_scheduling(query, can_seek());
    return TRUE;
  case GST_QUERY_DURATION: wait_for_duration(query); break;
  case GST_QUERY_URI:
    if (answer_uri(query, *this, settings.snapshot().location))
      return TRUE;
    break;
  case GST_QUERY_BUFFERING:
    if (const auto torrent = lease(); torrent && !is_series())
      return answer_buffering(query, *torrent, player_.size());
    break;
  default: break;
  }
  return GST_BASE_SRC_CLASS(glue::parent_class_of<TorrentSrc>(base_))->query(base_, query);
}

// Who pulls asks for the size first, in its streaming thread, and takes no "not yet" for an
// answer: typefind would fail.
void TorrentSrc::wait_for_duration(GstQuery *query)
{
  GstFormat format = GST_FORMAT_UNDEFINED;
  gst_query_parse_duration(query, &format, nullptr);
  if (format == GST_FORMAT_BYTES && player_.size() == GST_CLOCK_TIME_NONE && is_pulled())
    begin();
}

// --- data ---------------------------------------------------------------------------------

// What is where the location says: a torrent, or the index of a series.
GstFlowReturn TorrentSrc::take(const Values &values, const TorrentPlace &place,
                               const Fetched &fetched)
{
  if (std::holds_alternative<Interrupted>(fetched))
    return GST_FLOW_FLUSHING;
  if (const auto *failure = std::get_if<Failure>(&fetched))
    return flow_of(element(), *failure);
  const auto &bytes = *std::get_if<ByteVector>(&fetched);
  if (const auto index = torrent::parse_series_index(as_text(bytes))) {
    if (is_pulled())
      return flow_of(element(), Failure{Failure::Kind::format,
                                        "A live series cannot be read in any other order.",
                                        place.location + " was pulled from"});
    series_player_.open(place, values, *index);
    return GST_FLOW_OK;
  }
  auto named = values;
  named.torrent = glue::Ref<GBytes>::adopt(g_bytes_new(bytes.data(), bytes.size()));
  const auto spec = spec_of(named);
  if (const auto *failure = std::get_if<Failure>(&spec))
    return flow_of(element(), *failure);
  return player_.hold(*std::get_if<TorrentSpec>(&spec), values) ? GST_FLOW_OK : GST_FLOW_ERROR;
}

// Once: what is in the torrent, and which file of it.
GstFlowReturn TorrentSrc::begin()
{
  // The first who pulls may ask for the size in one thread and for data in another.
  const std::lock_guard lock{beginning_};
  if (!is_open_)
    return GST_FLOW_FLUSHING;
  if (player_.is_reading() || is_series())
    return GST_FLOW_OK;
  if (!player_.is_held()) {
    const auto values = settings.snapshot();
    const auto place = *place_of(values);
    const auto fetched =
        TorrentFetcher{}.fetch(place, TorrentSpec::largest_metainfo, is_interrupted_,
                               deadline_in(values.metadata_timeout));
    if (const auto flow = take(values, place, fetched); flow != GST_FLOW_OK)
      return flow;
    // Who interrupts had nobody to tell.
    if (is_interrupted_)
      return GST_FLOW_FLUSHING;
  }
  return is_series() ? GST_FLOW_OK : player_.begin(settings.current());
}

GstFlowReturn TorrentSrc::create(guint64 offset, guint length, GstBuffer **buffer)
{
  if (!player_.is_reading() && !is_series())
    if (const auto flow = begin(); flow != GST_FLOW_OK)
      return flow;
  return is_series() ? series_player_.create(settings.current(), offset, length, buffer)
                     : player_.create(settings.current(), offset, length, buffer);
}

// Before EOS, which the base class sends.
void TorrentSrc::linger()
{
  if (is_series())
    series_player_.linger(settings.current());
  else
    player_.linger(settings.current());
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(torrentsrc, "torrentsrc", GST_RANK_PRIMARY,
                            glue::type_of<TorrentSrc>())
