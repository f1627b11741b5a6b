// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/elements.hpp"
#include "elements/http/radio/icecastsrcvalues.hpp"
#include "elements/http/radio/radiofailure.hpp"
#include "elements/http/radio/radioqueries.hpp"
#include "elements/http/radio/radioreader.hpp"
#include "elements/http/radio/radiotags.hpp"
#include "glue/guarded.hpp"
#include "glue/headerfields.hpp"
#include "glue/stats.hpp"

#include <gst/base/gstpushsrc.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(icecastsrc_debug);
#define GST_CAT_DEFAULT icecastsrc_debug

namespace {

using namespace kam;
using Kind = http::RadioFailure::Kind;

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Only what comes faster than it is read fills so much.
constexpr guint largest_block = 256 * 1024;

// Kamaelia.Protocol.HTTP.IcecastClient and IcecastDemux: a station that is never given up.
class IcecastSrcElement {
 public:
  using Base = GstPushSrc;
  using Class = GstPushSrcClass;
  using Values = IcecastSrcValues;
  static constexpr auto type_name = "KamIcecastSrc";
  static GType base_type() { return GST_TYPE_PUSH_SRC; }
  static void class_init(Class *klass);
  static void add_interfaces(GType type);

  glue::Settings<Values> settings;
  static const glue::Properties<IcecastSrcElement, Values> &properties();
  void settings_changed();

  explicit IcecastSrcElement(Base *source);
  glue::StructurePtr stats() const;
  std::string current_uri() const { return reported().current_uri; }
  std::string playlist_uri() const { return reported().playlist_uri; }

 private:
  // What any thread may ask for.
  struct Reported {
    std::string current_uri;
    std::string playlist_uri;
    std::string last_title;
  };

  gboolean start();
  gboolean stop();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean query(GstQuery *query);
  GstFlowReturn create(GstBuffer **buffer);

  void handle_connected(const icy::Connected &connected);
  void handle_disconnected(const icy::Disconnected &disconnected);
  void handle_titles(GstEvent *tags);
  void push_tags(GstEvent *tags);
  GstFlowReturn handle_end(const icy::Ended &ended);
  glue::StructurePtr http_headers() const;
  void post(glue::StructurePtr message);
  Reported reported() const { return *reported_.lock(); }

  GstElement *element() const { return GST_ELEMENT(source_); }
  icy::TextDecoder decoder()
  {
    return {settings.current().icy_charset, settings.current().location};
  }

  Base *source_;
  glue::Ref<GCancellable> cancellable_ = glue::Ref<GCancellable>::adopt(g_cancellable_new());
  std::unique_ptr<icy::RadioReader> reader_;
  icy::RadioReader::Options options_;
  icy::RadioTags tags_{true};
  bool warned_ = false;  // that there is no sound yet
  mutable glue::Guarded<Reported> reported_;

  glue::Counter bytes_;
  glue::Counter connections_;
  glue::Counter reconnects_;
  glue::Counter failures_;
  glue::Counter stalls_;
  glue::Counter metadata_blocks_;
  glue::Counter bad_metadata_;
  glue::Counter titles_;
  glue::Counter bytes_skipped_;
};

enum Signal { signal_connected, signal_disconnected, signal_title_changed, signal_count };
std::array<guint, signal_count> signals{};

const glue::Properties<IcecastSrcElement, IcecastSrcValues> &IcecastSrcElement::properties()
{
  static const auto table =
      icecastsrc_properties<IcecastSrcElement>()
          .report<&IcecastSrcElement::playlist_uri>(
              "playlist-uri", "The location, if that is a playlist; without a password")
          .report<&IcecastSrcElement::current_uri>(
              "current-uri",
              "Where the sound comes from, behind playlists and redirects; without a password")
          .report<&IcecastSrcElement::stats>(
              "stats",
              "What happened since READY: bytes of audio, connections, reconnects, failures of "
              "connections, stalls, metadata-blocks (empty ones too) and bad-metadata-blocks, "
              "titles, bytes-skipped in search of a frame, last-title");
  return table;
}

void IcecastSrcElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(icecastsrc_debug, "icecastsrc", 0, "Internet radio source");
  properties().install(klass);
  glue::describe(
      klass, {"Internet radio source", "Source/Network",
              "Receives Internet radio with its titles, and comes back when the "
              "server does",
              "gst-launch-1.0 icecastsrc location=http://127.0.0.1:8000/stream ! decodebin ! "
              "audioconvert ! autoaudiosink"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
  const auto add_signal = [klass](const char *name, auto... types) {
    return g_signal_new(name, G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, nullptr, nullptr,
                        nullptr, G_TYPE_NONE, guint{sizeof...(types)}, types...);
  };
  signals[signal_connected] = add_signal("connected", GST_TYPE_STRUCTURE);
  signals[signal_disconnected] = add_signal("disconnected", G_TYPE_STRING, G_TYPE_BOOLEAN);
  signals[signal_title_changed] = add_signal("title-changed", G_TYPE_STRING, G_TYPE_STRING);
  auto *base_class = GST_BASE_SRC_CLASS(klass);
  base_class->start = glue::vfunc<&IcecastSrcElement::start>;
  base_class->stop = glue::vfunc<&IcecastSrcElement::stop>;
  base_class->unlock = glue::vfunc<&IcecastSrcElement::unlock>;
  base_class->unlock_stop = glue::vfunc<&IcecastSrcElement::unlock_stop>;
  base_class->query = glue::vfunc<&IcecastSrcElement::query>;
  base_class->is_seekable = [](GstBaseSrc *) noexcept -> gboolean { return FALSE; };
  klass->create = glue::vfunc<&IcecastSrcElement::create>;
}

void IcecastSrcElement::add_interfaces(GType type)
{
  static constexpr GInterfaceInfo uri_handler{
      [](gpointer interface, gpointer) {
        auto *handler = static_cast<GstURIHandlerInterface *>(interface);
        handler->get_type = [](GType) { return GST_URI_SRC; };
        handler->get_protocols = [](GType) -> const gchar *const * {
          // Not http: whoever plays a file by HTTP wants to seek in it.
          static constexpr std::array<const gchar *, 6> schemes{"icy",  "icecast",  "icyx",
                                                                "icys", "icecasts", nullptr};
          return schemes.data();
        };
        handler->get_uri = [](GstURIHandler *self) {
          const auto values = glue::impl_of<IcecastSrcElement>(self).settings.snapshot();
          const auto *uri = values.location.c_str();
          return gst_uri_is_valid(uri) ? g_strdup(uri) : nullptr;
        };
        handler->set_uri = [](GstURIHandler *self, const gchar *uri, GError **) -> gboolean {
          g_object_set(self, "location", uri, nullptr);
          return TRUE;
        };
      },
      nullptr, nullptr};
  g_type_add_interface_static(type, GST_TYPE_URI_HANDLER, &uri_handler);
}

IcecastSrcElement::IcecastSrcElement(Base *source) : source_{source}
{
  gst_base_src_set_blocksize(GST_BASE_SRC(source), largest_block);
}

void IcecastSrcElement::settings_changed()
{
  gst_base_src_set_live(GST_BASE_SRC(source_),
                        settings.read([](const Values &values) { return values.is_live; }));
}

glue::StructurePtr IcecastSrcElement::stats() const
{
  auto stats = glue::stats_structure("application/x-icecastsrc-stats",
                                     {{"bytes", bytes_.value()},
                                      {"connections", connections_.value()},
                                      {"reconnects", reconnects_.value()},
                                      {"failures", failures_.value()},
                                      {"stalls", stalls_.value()},
                                      {"metadata-blocks", metadata_blocks_.value()},
                                      {"bad-metadata-blocks", bad_metadata_.value()},
                                      {"titles", titles_.value()},
                                      {"bytes-skipped", bytes_skipped_.value()}});
  gst_structure_set(stats.get(), "last-title", G_TYPE_STRING, reported().last_title.c_str(),
                    nullptr);
  return stats;
}

gboolean IcecastSrcElement::start()
{
  for (auto *counter : {&bytes_, &connections_, &reconnects_, &failures_, &stalls_,
                        &metadata_blocks_, &bad_metadata_, &titles_, &bytes_skipped_})
    counter->reset();
  *reported_.lock() = {};
  (void)settings.changed();
  const auto &values = settings.current();
  if (values.location.empty()) {
    GST_ELEMENT_ERROR(source_, RESOURCE, NOT_FOUND, ("There is no address to listen to."),
                      ("property location is not set"));
    return FALSE;
  }
  auto *base = GST_BASE_SRC(source_);
  gst_base_src_set_format(
      base, gst_base_src_get_do_timestamp(base) ? GST_FORMAT_TIME : GST_FORMAT_BYTES);
  options_ = reader_options(values, gst_base_src_get_blocksize(base));
  reader_ = std::make_unique<icy::RadioReader>(values.location, cancellable_.get());
  tags_ = icy::RadioTags{values.split_title};
  warned_ = false;
  return TRUE;
}

gboolean IcecastSrcElement::stop()
{
  reader_.reset();
  return TRUE;
}

gboolean IcecastSrcElement::unlock()
{
  g_cancellable_cancel(cancellable_.get());
  return TRUE;
}

gboolean IcecastSrcElement::unlock_stop()
{
  g_cancellable_reset(cancellable_.get());
  return TRUE;
}

gboolean IcecastSrcElement::query(GstQuery *query)
{
  const auto answered = GST_BASE_SRC_CLASS(glue::parent_class_of<IcecastSrcElement>(source_))
                            ->query(GST_BASE_SRC(source_), query);
  return icy::complete_answer(query, answered == TRUE);
}

GstFlowReturn IcecastSrcElement::create(GstBuffer **buffer)
{
  if (settings.changed()) {
    options_ =
        reader_options(settings.current(), gst_base_src_get_blocksize(GST_BASE_SRC(source_)));
    tags_.set_split_title(settings.current().split_title);
  }
  for (;;) {
    auto event = reader_->next(options_);
    metadata_blocks_.add(reader_->sound().blocks() - metadata_blocks_.value());
    bad_metadata_.add(reader_->sound().bad_blocks() - bad_metadata_.value());
    bytes_skipped_.add(reader_->sound().bytes_skipped() - bytes_skipped_.value());
    if (auto *audio = std::get_if<glue::BufferPtr>(&event)) {
      bytes_.add(gst_buffer_get_size(audio->get()));
      *buffer = audio->release();
      return GST_FLOW_OK;
    }
    if (std::holds_alternative<icy::Interrupted>(event))
      return GST_FLOW_FLUSHING;
    if (const auto *ended = std::get_if<icy::Ended>(&event))
      return handle_end(*ended);
    if (const auto *connected = std::get_if<icy::Connected>(&event))
      handle_connected(*connected);
    else if (const auto *disconnected = std::get_if<icy::Disconnected>(&event))
      handle_disconnected(*disconnected);
    else if (const auto *metadata = std::get_if<icy::Metadata>(&event))
      handle_titles(tags_.set_title(metadata->fields, decoder()));
    else if (const auto *comments = std::get_if<icy::Comments>(&event))
      handle_titles(tags_.set_comments(comments->lines));
  }
}

// As souphttpsrc tells it downstream.
glue::StructurePtr IcecastSrcElement::http_headers() const
{
  const auto &connection = reader_->connection();
  const auto &head = connection.head();
  std::vector<http::Header> sent;
  for (const auto &[name, value] : connection.request_fields())
    if (name != "Authorization" && name != "Proxy-Authorization" && name != "Cookie")
      sent.push_back({glue::StringPtr{g_ascii_strdown(name.c_str(), -1)}.get(), name, value});
  std::vector<http::Header> received;
  for (const auto &[key, value] : head.fields)
    received.push_back({key, key, value});
  glue::StructurePtr headers{gst_structure_new(
      "http-headers", "uri", G_TYPE_STRING, connection.address().c_str(), "http-status-code",
      G_TYPE_UINT, head.status, "request-headers", GST_TYPE_STRUCTURE,
      glue::header_fields("request-headers", sent).get(), "response-headers",
      GST_TYPE_STRUCTURE, glue::header_fields("response-headers", received).get(), nullptr)};
  return headers;
}

void IcecastSrcElement::handle_connected(const icy::Connected &connected)
{
  GST_INFO_OBJECT(source_, "connected to %s", connected.address.c_str());
  if (connections_.value() > 0)
    reconnects_.add();
  connections_.add();
  {
    auto reported = reported_.lock();
    reported->current_uri = connected.address;
    reported->playlist_uri = connected.playlist;
  }
  const auto headers = http_headers();
  // Sticky, so that it may go out before the segment that the base class sends later.
  gst_pad_push_event(GST_BASE_SRC_PAD(source_),
                     gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_STICKY,
                                          gst_structure_copy(headers.get())));
  tags_.set_station(icy::station_text(reader_->connection().head()), decoder());
  push_tags(tags_.event());
  g_signal_emit(source_, signals[signal_connected], 0, headers.get());
  glue::StructurePtr message{gst_structure_copy(headers.get())};
  gst_structure_set_name(message.get(), "icecast-connected");
  post(std::move(message));
}

void IcecastSrcElement::handle_disconnected(const icy::Disconnected &disconnected)
{
  const auto &failure = disconnected.failure;
  const auto *reason = http::name_of(failure.kind);
  GST_INFO_OBJECT(source_, "%s: %s (status %u), %s", reason, failure.text.c_str(),
                  failure.status, disconnected.will_retry ? "trying again" : "giving up");
  if (!disconnected.had_data)
    failures_.add();
  if (failure.kind == Kind::stalled)
    stalls_.add();
  g_signal_emit(source_, signals[signal_disconnected], 0, reason, disconnected.will_retry);
  post(glue::StructurePtr{gst_structure_new(
      "icecast-disconnected", "reason", G_TYPE_STRING, reason, "detail", G_TYPE_STRING,
      failure.text.c_str(), "status", G_TYPE_UINT, failure.status, "will-retry", G_TYPE_BOOLEAN,
      disconnected.will_retry, nullptr)});
  if (disconnected.will_retry && connections_.value() == 0 && !std::exchange(warned_, true))
    GST_ELEMENT_WARNING(source_, RESOURCE, OPEN_READ,
                        ("The station cannot be reached yet; trying again."),
                        ("%s: %s (status %u)", reason, failure.text.c_str(), failure.status));
}

// Before there is a segment the base class keeps them until then. Not by
// gst_element_send_event(), which would wait for a change of state that waits for this thread.
void IcecastSrcElement::push_tags(GstEvent *tags)
{
  auto *pad = GST_BASE_SRC_PAD(source_);
  const glue::EventPtr segment{gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0)};
  if (segment)
    gst_pad_push_event(pad, tags);
  else
    GST_ELEMENT_GET_CLASS(source_)->send_event(element(), tags);
}

void IcecastSrcElement::handle_titles(GstEvent *tags)
{
  push_tags(tags);
  titles_.add();
  const auto &title = tags_.title();
  GST_DEBUG_OBJECT(source_, "title: %s", title.text.c_str());
  reported_.lock()->last_title = title.text;
  g_signal_emit(source_, signals[signal_title_changed], 0, title.text.c_str(),
                title.url.c_str());
  post(glue::StructurePtr{gst_structure_new("icecast-metadata", "title", G_TYPE_STRING,
                                            title.text.c_str(), "url", G_TYPE_STRING,
                                            title.url.c_str(), nullptr)});
}

GstFlowReturn IcecastSrcElement::handle_end(const icy::Ended &ended)
{
  if (!ended.failure)
    return GST_FLOW_EOS;
  http::post_error(element(), *ended.failure, settings.current().location);
  return GST_FLOW_ERROR;
}

void IcecastSrcElement::post(glue::StructurePtr message)
{
  gst_element_post_message(element(),
                           gst_message_new_element(GST_OBJECT(source_), message.release()));
}

}  // namespace

// Before souphttpsrc, which takes icy:// as well and is of the primary rank.
GST_ELEMENT_REGISTER_DEFINE(icecastsrc, "icecastsrc", GST_RANK_PRIMARY + 1,
                            glue::type_of<IcecastSrcElement>())
