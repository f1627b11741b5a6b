// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/elements.hpp"
#include "elements/torrent/torrentfetch.hpp"
#include "elements/torrent/torrentfile.hpp"
#include "elements/torrent/torrentmessages.hpp"
#include "elements/torrent/torrentreporter.hpp"
#include "elements/torrent/torrentsrcqueries.hpp"
#include "elements/torrent/torrentsrcvalues.hpp"
#include "glue/bytes.hpp"
#include "glue/guarded.hpp"
#include "glue/stats.hpp"

#include <gst/base/gstbasesrc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(torrentsrc_debug);
#define GST_CAT_DEFAULT torrentsrc_debug

namespace {

using namespace kam;
using torrent::Failure;
using torrent::TorrentLease;
using torrent::TorrentSpec;
using torrent::Wait;
using Clock = TorrentLease::Clock;

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

constexpr guint block_size = 131072;

// Kamaelia.Protocol.Torrent.TorrentPatron as a source: a file of a torrent, while it downloads.
class TorrentSrc {
 public:
  using Base = GstBaseSrc;
  using Class = GstBaseSrcClass;
  using Values = TorrentSrcValues;
  static constexpr auto type_name = "KamTorrentSrc";
  static GType base_type() { return GST_TYPE_BASE_SRC; }
  static void class_init(Class *klass);
  static void add_interfaces(GType type);

  glue::Settings<Values> settings;
  static const glue::Properties<TorrentSrc, Values> &properties();
  void settings_changed();

  explicit TorrentSrc(Base *base);
  glue::StructurePtr stats() const;
  glue::StructurePtr files() const;
  std::string info_hash() const;
  double fraction_done() const;
  glue::Ref<GBytes> metainfo() const;
  std::string current_file() const;

  gboolean add_peer(const char *address);
  void reannounce();

 private:
  using Lease = std::shared_ptr<TorrentLease>;

  gboolean start();
  gboolean stop();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean get_size(guint64 *size);
  gboolean query(GstQuery *query);
  void wait_for_duration(GstQuery *query);
  GstFlowReturn create(guint64 offset, guint length, GstBuffer **buffer);

  bool choose(const torrent::Contents &contents);
  bool hold(const TorrentSpec &spec);
  void listen();
  GstFlowReturn begin();
  GstFlowReturn fetch();
  GstFlowReturn wait_for(guint64 offset, guint length);
  GstFlowReturn read(guint64 offset, MutableBytes bytes);
  GstFlowReturn give_up(const Failure &failure);
  GstFlowReturn end_of(Wait wait, const char *text);
  void tell_title();
  void linger();

  Lease lease() const { return *lease_.lock(); }
  GstElement *element() const { return GST_ELEMENT(base_); }

  Base *base_;
  mutable glue::Guarded<Lease> lease_;
  // The rest is the streaming thread's, or nobody streams.
  Lease held_;
  std::vector<std::int32_t> selected_;  // by the magnet
  std::optional<std::size_t> choice_;   // of the torrent's files
  torrent::File file_;
  std::shared_ptr<const torrent::Contents> contents_;
  std::mutex beginning_;
  bool is_open_ = false;                  // from start() to stop()
  std::atomic<bool> is_reading_ = false;  // and what is above has come to stay
  std::optional<torrent::TorrentFile> data_;
  std::atomic<guint64> size_ = GST_CLOCK_TIME_NONE;
  mutable glue::Guarded<std::string> current_file_;
  bool is_title_told_ = false;
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
  static const auto table =
      torrentsrc_properties<TorrentSrc>()
          .report<&TorrentSrc::info_hash>(
              "info-hash", "The torrent's name in the network, in hexadecimal digits")
          .report<&TorrentSrc::metainfo>("metainfo",
                                         "Contents of a .torrent file, once they are known")
          .report<&TorrentSrc::current_file>("current-file",
                                             "Path of the file that is played, in the torrent")
          .report<&TorrentSrc::fraction_done>(
              "fraction-done", "How much of what is wanted is there: a number from 0 to 1")
          .report<&TorrentSrc::files>(
              "files",
              "What is in the torrent, once it is known: name, comment, created-by, private, "
              "size in bytes, piece-length, pieces, v1, v2, and files with index, path, size")
          .report<&TorrentSrc::stats>(
              "stats",
              "What happens now: state, fraction-done, wanted and wanted-done bytes; "
              "downloaded, uploaded, redundant and failed bytes since the start; rates in bytes "
              "a second; peers, seeds among them, known-peers, tracker-error; stalled, the "
              "milliseconds for which there has been no data");
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
  klass->is_seekable = [](GstBaseSrc *) noexcept -> gboolean { return TRUE; };
  klass->query = glue::vfunc<&TorrentSrc::query>;
  klass->create = glue::vfunc<&TorrentSrc::create>;
}

void TorrentSrc::add_interfaces(GType type)
{
  static constexpr GInterfaceInfo uri_handler{
      [](gpointer interface, gpointer) {
        auto *handler = static_cast<GstURIHandlerInterface *>(interface);
        handler->get_type = [](GType) { return GST_URI_SRC; };
        handler->get_protocols = [](GType) -> const gchar *const * {
          static constexpr std::array<const gchar *, 5> schemes{
              "magnet", "torrent", "torrent+http", "torrent+https", nullptr};
          return schemes.data();
        };
        handler->get_uri = [](GstURIHandler *self) {
          const auto values = glue::impl_of<TorrentSrc>(self).settings.snapshot();
          return uri_of(values);
        };
        handler->set_uri = [](GstURIHandler *self, const gchar *uri,
                              GError **error) -> gboolean {
          if (!check_uri(uri, error))
            return FALSE;
          g_object_set(self, "location", uri, nullptr);
          return TRUE;
        };
      },
      nullptr, nullptr};
  g_type_add_interface_static(type, GST_TYPE_URI_HANDLER, &uri_handler);
}

TorrentSrc::TorrentSrc(Base *base) : base_{base}
{
  gst_base_src_set_blocksize(base, block_size);
  gst_pad_add_probe(
      GST_BASE_SRC_PAD(base), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      [](GstPad *, GstPadProbeInfo *info, gpointer self) {
        if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_EOS)
          static_cast<TorrentSrc *>(self)->linger();
        return GST_PAD_PROBE_OK;
      },
      this, nullptr);
}

// --- what anybody may ask, at any time ----------------------------------------------------

void TorrentSrc::settings_changed()
{
  if (const auto torrent = lease())
    torrent->set_limits(limits_of(settings.snapshot()));
}

glue::StructurePtr TorrentSrc::stats() const
{
  const auto torrent = lease();
  auto stats = status_structure("application/x-torrent-stats",
                                torrent ? torrent->status() : torrent::TorrentStatus{});
  gst_structure_set(stats.get(), "stalled", G_TYPE_UINT64,
                    guint64(torrent ? torrent->stalled().count() : 0), nullptr);
  return stats;
}

glue::StructurePtr TorrentSrc::files() const
{
  const auto torrent = lease();
  const auto contents = torrent ? torrent->contents() : nullptr;
  return contents_structure("application/x-torrent-files", contents.get());
}

std::string TorrentSrc::info_hash() const
{
  const auto torrent = lease();
  return torrent ? torrent->info_hash() : "";
}

double TorrentSrc::fraction_done() const
{
  const auto torrent = lease();
  return torrent ? torrent->status().fraction_done : 0;
}

glue::Ref<GBytes> TorrentSrc::metainfo() const
{
  const auto torrent = lease();
  const auto bytes = torrent ? torrent->metainfo() : ByteVector{};
  return glue::Ref<GBytes>::adopt(bytes.empty() ? nullptr
                                                : g_bytes_new(bytes.data(), bytes.size()));
}

std::string TorrentSrc::current_file() const
{
  return *current_file_.lock();
}

gboolean TorrentSrc::add_peer(const char *address)
{
  const auto torrent = lease();
  return torrent && address && torrent->add_peer(address);
}

void TorrentSrc::reannounce()
{
  if (const auto torrent = lease())
    torrent->reannounce();
}

// --- states -------------------------------------------------------------------------------

gboolean TorrentSrc::start()
{
  is_reading_ = false;
  contents_.reset();
  is_title_told_ = false;
  choice_.reset();
  data_.reset();
  size_ = GST_CLOCK_TIME_NONE;
  current_file_.lock()->clear();
  const auto values = settings.snapshot();
  const auto open = [this] {
    const std::lock_guard lock{beginning_};
    return is_open_ = true;
  };
  if (is_remote(values))
    return open();
  auto spec = spec_of(values);
  if (const auto *failure = std::get_if<Failure>(&spec)) {
    post_failure(element(), *failure);
    return FALSE;
  }
  return hold(*std::get_if<TorrentSpec>(&spec)) && open();
}

bool TorrentSrc::hold(const TorrentSpec &spec)
{
  const auto values = settings.snapshot();
  auto options = torrent_options(values);
  selected_ = spec.selected();
  if (const auto contents = spec.contents()) {
    if (!choose(*contents))
      return false;
    options.file = choice_;
  }
  GST_INFO_OBJECT(base_, "torrent %s", spec.info_hash().c_str());
  held_ = acquire_session(element(), values)->hold(spec, options);
  held_->set_limits(limits_of(values));
  *lease_.lock() = held_;
  listen();
  post_element_message(element(),
                       glue::StructurePtr{gst_structure_new(
                           held_->was_held() ? "torrent-already-active" : "torrent-started",
                           "info-hash", G_TYPE_STRING, spec.info_hash().c_str(), "name",
                           G_TYPE_STRING, spec.name().c_str(), nullptr)});
  if (!spec.contents())
    post_progress(element(), GST_PROGRESS_TYPE_START, "metadata",
                  "Asking peers what is in the torrent");
  return true;
}

gboolean TorrentSrc::stop()
{
  const std::lock_guard lock{beginning_};
  is_open_ = false;
  lease_.lock()->reset();
  if (held_)
    held_->listen({});
  held_.reset();
  data_.reset();
  return TRUE;
}

gboolean TorrentSrc::unlock()
{
  is_interrupted_ = true;
  if (const auto torrent = lease())
    torrent->interrupt(true);
  return TRUE;
}

gboolean TorrentSrc::unlock_stop()
{
  is_interrupted_ = false;
  if (const auto torrent = lease())
    torrent->interrupt(false);
  return TRUE;
}

gboolean TorrentSrc::get_size(guint64 *size)
{
  *size = size_;
  return size_ != GST_CLOCK_TIME_NONE;
}

gboolean TorrentSrc::query(GstQuery *query)
{
  switch (GST_QUERY_TYPE(query)) {
  case GST_QUERY_SCHEDULING:
    // The base class would start to find out, and wait for peers.
    answer_scheduling(query);
    return TRUE;
  case GST_QUERY_DURATION: wait_for_duration(query); break;
  case GST_QUERY_BUFFERING:
    if (const auto torrent = lease())
      return answer_buffering(query, *torrent, size_);
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
  if (format == GST_FORMAT_BYTES && size_ == GST_CLOCK_TIME_NONE &&
      GST_PAD_MODE(GST_BASE_SRC_PAD(base_)) == GST_PAD_MODE_PULL)
    begin();
}

// --- which file ---------------------------------------------------------------------------

bool TorrentSrc::choose(const torrent::Contents &contents)
{
  const auto values = settings.snapshot();
  gint asked = -1;
  // Nobody's answer would be the first file.
  if (g_signal_has_handler_pending(base_, signals[signal_select_file], 0, FALSE)) {
    const auto listing = contents_structure("application/x-torrent-files", &contents);
    g_signal_emit(base_, signals[signal_select_file], 0, listing.get(), &asked);
  }
  auto wish = values;
  if (asked >= 0)
    wish.file_index = asked;
  choice_ = wished_file(wish, contents, selected_);
  if (!choice_) {
    post_failure(element(),
                 {Failure::Kind::not_found, "There is no such file in the torrent.",
                  contents.name + ": " + std::to_string(contents.files.size()) + " files"});
    return false;
  }
  file_ = contents.files[*choice_];
  *current_file_.lock() = file_.path;
  size_ = file_.size;
  GST_INFO_OBJECT(base_, "file %zu: %s, %" G_GUINT64_FORMAT " bytes", *choice_,
                  file_.path.c_str(), guint64{file_.size});
  return true;
}

// --- data ---------------------------------------------------------------------------------

GstFlowReturn TorrentSrc::give_up(const Failure &failure)
{
  post_failure(element(), failure);
  return GST_FLOW_ERROR;
}

// What a wait that did not end well means; `text` if it took too long.
GstFlowReturn TorrentSrc::end_of(Wait wait, const char *text)
{
  if (wait == Wait::interrupted)
    return GST_FLOW_FLUSHING;
  if (wait == Wait::failed)
    return give_up(held_->failure().value_or(
        Failure{Failure::Kind::read, "The torrent has been closed.", ""}));
  const auto status = held_->status();
  return give_up({Failure::Kind::not_found, text,
                  std::to_string(status.peers) + " of " + std::to_string(status.known_peers) +
                      " peers connected; " + status.tracker_error});
}

// Gets the .torrent file from where it is.
GstFlowReturn TorrentSrc::fetch()
{
  auto values = settings.snapshot();
  const auto address = values.location.substr(std::string_view{"torrent+"}.size());
  auto fetched = fetch_metainfo(address, is_interrupted_, deadline_in(values.metadata_timeout));
  if (std::holds_alternative<Interrupted>(fetched))
    return GST_FLOW_FLUSHING;
  if (const auto *failure = std::get_if<Failure>(&fetched))
    return give_up(*failure);
  const auto &bytes = *std::get_if<ByteVector>(&fetched);
  values.torrent = glue::Ref<GBytes>::adopt(g_bytes_new(bytes.data(), bytes.size()));
  const auto spec = spec_of(values);
  if (const auto *failure = std::get_if<Failure>(&spec))
    return give_up(*failure);
  return hold(*std::get_if<TorrentSpec>(&spec)) ? GST_FLOW_OK : GST_FLOW_ERROR;
}

// Once: what is in the torrent, and which file of it.
GstFlowReturn TorrentSrc::begin()
{
  // The first who pulls may ask for the size in one thread and for data in another.
  const std::lock_guard lock{beginning_};
  if (!is_open_)
    return GST_FLOW_FLUSHING;
  if (is_reading_)
    return GST_FLOW_OK;
  if (!held_) {
    if (const auto flow = fetch(); flow != GST_FLOW_OK)
      return flow;
  }
  const bool was_unknown = size_ == GST_CLOCK_TIME_NONE;
  const auto timeout = settings.current().metadata_timeout;
  if (const auto wait = held_->wait_for_contents(deadline_in(timeout)); wait != Wait::ready)
    return end_of(wait, "No peer has told what is in the torrent.");
  contents_ = held_->contents();
  if (!choice_ && !choose(*contents_))
    return GST_FLOW_ERROR;
  if (!held_->read_file(reading_of(settings.current(), *choice_)))
    return give_up({Failure::Kind::not_found, "The file in the torrent is empty.", file_.path});
  is_reading_ = true;
  if (was_unknown) {
    post_progress(element(), GST_PROGRESS_TYPE_COMPLETE, "metadata",
                  "Peers have told what is in it");
    GST_OBJECT_LOCK(base_);
    base_->segment.duration = size_;
    GST_OBJECT_UNLOCK(base_);
    gst_element_post_message(element(), gst_message_new_duration_changed(GST_OBJECT(base_)));
  }
  auto message = contents_structure("torrent-metadata", contents_.get());
  gst_structure_set(message.get(), "info-hash", G_TYPE_STRING, held_->info_hash().c_str(),
                    "file-index", G_TYPE_INT, gint(*choice_), "file-path", G_TYPE_STRING,
                    file_.path.c_str(), nullptr);
  post_element_message(element(), std::move(message));
  return GST_FLOW_OK;
}

GstFlowReturn TorrentSrc::wait_for(guint64 offset, guint length)
{
  const auto wait =
      held_->wait_for({offset, offset + length}, deadline_in(settings.current().timeout));
  return wait == Wait::ready ? GST_FLOW_OK
                             : end_of(wait, "No peer has sent data for too long.");
}

// Before EOS, which the base class sends. Who stops or seeks ends it.
void TorrentSrc::linger()
{
  const auto &values = settings.current();
  if (!values.linger || !held_)
    return;
  GST_INFO_OBJECT(base_, "seeding before EOS");
  held_->wait_for_upload(values.seed_ratio * double(file_.size));
}

GstFlowReturn TorrentSrc::read(guint64 offset, MutableBytes bytes)
{
  if (!data_)
    data_ = torrent::TorrentFile::open(held_->save_path(), file_.path);
  if (data_ && data_->read(bytes, offset))
    return GST_FLOW_OK;
  const auto error = errno;
  data_.reset();
  return give_up({Failure::Kind::read, "The torrent's file cannot be read.",
                  held_->save_path() + '/' + file_.path + ": " + g_strerror(error)});
}

GstFlowReturn TorrentSrc::create(guint64 offset, guint length, GstBuffer **buffer)
{
  if (const auto flow = is_reading_ ? GST_FLOW_OK : begin(); flow != GST_FLOW_OK)
    return flow;
  // The segment has gone out with the first buffer.
  if (offset > 0 && !std::exchange(is_title_told_, true))
    tell_title();
  if (offset >= file_.size)
    return GST_FLOW_EOS;
  length = guint(std::min<guint64>(length, file_.size - offset));
  // Who is pushed to gets what is there, and does not wait for the piece behind it.
  if (GST_PAD_MODE(GST_BASE_SRC_PAD(base_)) == GST_PAD_MODE_PUSH)
    length = guint(std::min<guint64>(length, bytes_to_piece_end(*contents_, file_, offset)));
  if (const auto flow = wait_for(offset, length); flow != GST_FLOW_OK)
    return flow;
  glue::BufferPtr made{*buffer ? nullptr : glue::allocate(length).release()};
  auto *target = made ? made.get() : *buffer;
  auto flow = GST_FLOW_OK;
  {
    const glue::WriteMap map{target};
    if (!map || map.bytes().size() < length)
      return GST_FLOW_ERROR;
    flow = read(offset, map.bytes().first(length));
  }
  if (flow != GST_FLOW_OK)
    return flow;
  gst_buffer_resize(target, 0, gssize(length));
  GST_BUFFER_OFFSET(target) = offset;
  GST_BUFFER_OFFSET_END(target) = offset + length;
  if (made)
    *buffer = made.release();
  return GST_FLOW_OK;
}

// --- messages -----------------------------------------------------------------------------

void TorrentSrc::listen()
{
  const auto impl = [](GstElement *element) -> TorrentSrc & {
    return glue::impl_of<TorrentSrc>(element);
  };
  const auto wants_all = settings.snapshot().background_download;
  std::make_shared<TorrentReporter>(
      element(), held_, wants_all,
      TorrentReporter::Callbacks{
          [impl](GstElement *element) {
            return impl(element).settings.read(
                [](const Values &values) { return values.stats_interval; });
          },
          [impl](GstElement *element) { return impl(element).stats(); },
          [](GstElement *element) { g_signal_emit(element, signals[signal_finished], 0); }})
      ->listen();
}

// What is played, for who shows it: as an event behind the segment, too, if it is pushed.
void TorrentSrc::tell_title()
{
  const auto &title = contents_->name;
  if (title.empty() || !g_utf8_validate(title.c_str(), gssize(title.size()), nullptr))
    return;
  auto *tags = gst_tag_list_new(GST_TAG_TITLE, title.c_str(), nullptr);
  gst_tag_list_set_scope(tags, GST_TAG_SCOPE_GLOBAL);
  if (GST_PAD_MODE(GST_BASE_SRC_PAD(base_)) == GST_PAD_MODE_PUSH)
    gst_pad_push_event(GST_BASE_SRC_PAD(base_), gst_event_new_tag(gst_tag_list_ref(tags)));
  gst_element_post_message(element(), gst_message_new_tag(GST_OBJECT(base_), tags));
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(torrentsrc, "torrentsrc", GST_RANK_PRIMARY,
                            glue::type_of<TorrentSrc>())
