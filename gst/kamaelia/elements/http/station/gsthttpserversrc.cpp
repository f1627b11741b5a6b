// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/station_text.hpp"
#include "elements/http/elements.hpp"
#include "elements/http/frontend/elementnotices.hpp"
#include "elements/http/frontend/gatekeeper.hpp"
#include "elements/http/radio/radiotags.hpp"
#include "elements/http/station/httpserversrcvalues.hpp"
#include "elements/http/station/sourcehost.hpp"
#include "glue/headerfields.hpp"

#include <gst/base/gstpushsrc.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(httpserversrc_debug);
#define GST_CAT_DEFAULT httpserversrc_debug

namespace {

using namespace kam;

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Where encoders send to, as they do to Icecast.
class HttpServerSrcElement final : private http::SourceDoor::Judge {
 public:
  using Base = GstPushSrc;
  using Class = GstPushSrcClass;
  using Values = HttpServerSrcValues;
  static constexpr auto type_name = "KamHttpServerSrc";
  static GType base_type() { return GST_TYPE_PUSH_SRC; }
  static void class_init(Class *klass);

  glue::Settings<Values> settings;
  static const glue::Properties<HttpServerSrcElement, Values> &properties();
  void settings_changed() { host_.change(settings.snapshot()); }

  explicit HttpServerSrcElement(Base *source);
  gint bound_port() const { return host_.bound_port(); }
  glue::StructurePtr stats() const { return host_.stats(); }
  bool remove_source() { return host_.remove_source(); }

 private:
  gboolean start();
  gboolean stop();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean query(GstQuery *query);
  GstFlowReturn create(GstBuffer **buffer);

  void handle_began(const http::SourceBegan &began);
  void handle_title(const http::SourceTitle &title);
  // Whether the stream has ended with it.
  bool handle_ended(const http::SourceEnded &ended);
  void stamp(GstBuffer *buffer);
  void begin_segment();
  void push_tags(GstEvent *tags);

  http::Verdict judge(http::Exchange &exchange) override;
  bool is_only_for_this_host() const override;

  Base *source_;
  ElementNotices notices_;
  http::SourceHost host_{*this};
  http::Gatekeeper gatekeeper_;

  // The streaming thread's.
  icy::RadioTags tags_{true};
  bool is_beginning_ = false;  // nothing of this source was sent yet
};

enum Signal { signal_connected, signal_disconnected, signal_remove, signal_count };
std::array<guint, signal_count> signals{};

const char *name_of(http::SourceEnd reason)
{
  switch (reason) {
  case http::SourceEnd::ended: return "ended";
  case http::SourceEnd::lost: return "lost";
  case http::SourceEnd::timeout: return "timeout";
  case http::SourceEnd::broken: return "broken";
  case http::SourceEnd::removed: return "removed";
  case http::SourceEnd::replaced: return "replaced";
  }
  return "";
}

const glue::Properties<HttpServerSrcElement, HttpServerSrcValues>
    &HttpServerSrcElement::properties()
{
  static const auto table =
      httpserversrc_properties<HttpServerSrcElement>()
          .report<&HttpServerSrcElement::bound_port>(
              "bound-port", "TCP port that is listened at; 0 below PAUSED")
          .report<&HttpServerSrcElement::stats>(
              "stats",
              "What happened since READY: sources, refused-sources (one too many), "
              "refused-passwords, lost-sources (that went away in the middle), silent-sources "
              "(that sent nothing for too long), titles and bytes; and of all that share the "
              "port: connections, requests, refused-requests (none, or not to be trusted), "
              "refused-connections (one too many), failed-handshakes (of TLS) and timeouts");
  return table;
}

void HttpServerSrcElement::class_init(Class *klass)
{
  using Self = HttpServerSrcElement;
  GST_DEBUG_CATEGORY_INIT(httpserversrc_debug, "httpserversrc", 0, "Receives from encoders");
  properties().install(klass);
  glue::describe(klass, {"HTTP source server", "Source/Network",
                         "Receives the stream that an encoder sends as to Icecast, or any "
                         "client by HTTP's PUT or POST, with its titles",
                         "gst-launch-1.0 httpserversrc ! parsebin ! httpserversink"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
  const auto type = G_TYPE_FROM_CLASS(klass);
  signals[signal_connected] =
      g_signal_new("source-connected", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr,
                   G_TYPE_NONE, 1, GST_TYPE_STRUCTURE);
  signals[signal_disconnected] =
      g_signal_new("source-disconnected", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr,
                   G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_UINT64);
  signals[signal_remove] = g_signal_new_class_handler(
      "remove-source", type, GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
      G_CALLBACK(+[](gpointer source) -> gboolean {
        return glue::impl_of<Self>(source).remove_source();
      }),
      nullptr, nullptr, nullptr, G_TYPE_BOOLEAN, 0);
  http::Gatekeeper::add_signal(klass);
  auto *base_class = GST_BASE_SRC_CLASS(klass);
  base_class->start = glue::vfunc<&Self::start>;
  base_class->stop = glue::vfunc<&Self::stop>;
  base_class->unlock = glue::vfunc<&Self::unlock>;
  base_class->unlock_stop = glue::vfunc<&Self::unlock_stop>;
  base_class->query = glue::vfunc<&Self::query>;
  base_class->is_seekable = [](GstBaseSrc *) noexcept -> gboolean { return FALSE; };
  klass->create = glue::vfunc<&Self::create>;
}

HttpServerSrcElement::HttpServerSrcElement(Base *source)
    : source_{source},
      notices_{GST_ELEMENT(source)},
      gatekeeper_{GST_ELEMENT(source), notices_,
                  [this](auto number, auto verdict) { host_.decide(number, verdict); }}
{
  gst_base_src_set_live(GST_BASE_SRC(source), TRUE);
  gst_base_src_set_format(GST_BASE_SRC(source), GST_FORMAT_TIME);
}

// --- states -------------------------------------------------------------------------------

gboolean HttpServerSrcElement::start()
{
  const auto values = settings.snapshot();
  if (const auto error = host_.open(values)) {
    GST_ELEMENT_ERROR(source_, RESOURCE, OPEN_READ, ("%s.", error->what.c_str()),
                      ("address %s, port %d", values.address.c_str(), values.port));
    return FALSE;
  }
  GST_INFO_OBJECT(source_, "listening at %s, port %d", values.address.c_str(), bound_port());
  (void)settings.changed();
  is_beginning_ = false;
  g_object_notify(G_OBJECT(source_), "bound-port");
  return TRUE;
}

gboolean HttpServerSrcElement::stop()
{
  host_.close();
  return TRUE;
}

gboolean HttpServerSrcElement::unlock()
{
  host_.queue().interrupt(true);
  return TRUE;
}

gboolean HttpServerSrcElement::unlock_stop()
{
  host_.queue().interrupt(false);
  return TRUE;
}

// What is gathered comes late by so much. What comes too early waits here, or where it comes
// from: any latency above that will do.
gboolean HttpServerSrcElement::query(GstQuery *query)
{
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
    return GST_BASE_SRC_CLASS(glue::parent_class_of<HttpServerSrcElement>(source_))
        ->query(GST_BASE_SRC(source_), query);
  const auto gathered =
      settings.read([](const Values &values) { return values.read_interval; });
  gst_query_set_latency(query, TRUE, gathered * GST_MSECOND, GST_CLOCK_TIME_NONE);
  return TRUE;
}

// --- what comes ---------------------------------------------------------------------------

GstFlowReturn HttpServerSrcElement::create(GstBuffer **buffer)
{
  while (auto item = host_.queue().take()) {
    if (auto *bytes = std::get_if<glue::BufferPtr>(&*item)) {
      stamp(bytes->get());
      *buffer = bytes->release();
      return GST_FLOW_OK;
    }
    if (const auto *began = std::get_if<http::SourceBegan>(&*item))
      handle_began(*began);
    else if (const auto *title = std::get_if<http::SourceTitle>(&*item))
      handle_title(*title);
    else if (const auto *ended = std::get_if<http::SourceEnded>(&*item);
             ended && handle_ended(*ended))
      return GST_FLOW_EOS;
  }
  return GST_FLOW_FLUSHING;
}

// Each source has a segment of its own, in which it begins at 0, so that what comes faster
// than it is to be played waits where the pipeline keeps time. Its bytes have no times beyond
// that, unless the time at which they came is asked for.
void HttpServerSrcElement::begin_segment()
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  const auto now = gst_element_get_current_running_time(GST_ELEMENT(source_));
  if (!gst_base_src_get_do_timestamp(GST_BASE_SRC(source_)) && GST_CLOCK_TIME_IS_VALID(now))
    segment.base = now;
  gst_base_src_new_segment(GST_BASE_SRC(source_), &segment);
}

void HttpServerSrcElement::stamp(GstBuffer *buffer)
{
  if (!std::exchange(is_beginning_, false))
    return;
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  if (!gst_base_src_get_do_timestamp(GST_BASE_SRC(source_)))
    GST_BUFFER_PTS(buffer) = 0;
}

// The base class sends them before the next buffer, and behind the segment.
void HttpServerSrcElement::push_tags(GstEvent *tags)
{
  GST_ELEMENT_GET_CLASS(source_)->send_event(GST_ELEMENT(source_), tags);
}

void HttpServerSrcElement::handle_began(const http::SourceBegan &began)
{
  const auto &values = settings.current();
  const auto &request = began.request;
  const auto value = [&request](const char *key) {
    const auto *found = request.find(key);
    return found ? *found : std::string{};
  };
  const auto content_type = value("content-type");
  const icy::TextDecoder decoder{values.icy_charset, {}};
  GST_INFO_OBJECT(source_, "%s from %s: %s", request.method.c_str(), began.peer.c_str(),
                  content_type.c_str());
  const auto caps = values.caps ? values.caps : caps_of_media_type(content_type);
  if (caps)
    gst_base_src_set_caps(GST_BASE_SRC(source_), caps.get());
  is_beginning_ = true;
  begin_segment();
  tags_ = icy::RadioTags{values.split_title};
  tags_.set_station(icy::station_text(request), decoder);
  push_tags(tags_.event());

  std::vector<http::Header> headers;
  for (const auto &[key, text] : request.fields)
    if (key != "authorization")
      headers.push_back({key, key, decoder.decode(text)});
  glue::StructurePtr about{gst_structure_new(
      "source-connected", "peer", G_TYPE_STRING, began.peer.c_str(), "method", G_TYPE_STRING,
      request.method.c_str(), "mount", G_TYPE_STRING, values.mount.c_str(), "content-type",
      G_TYPE_STRING, decoder.decode(content_type).c_str(), "user-agent", G_TYPE_STRING,
      decoder.decode(value("user-agent")).c_str(), "headers", GST_TYPE_STRUCTURE,
      glue::header_fields("headers", headers).get(), nullptr)};
  g_signal_emit(source_, signals[signal_connected], 0, about.get());
  gst_element_post_message(GST_ELEMENT(source_),
                           gst_message_new_element(GST_OBJECT(source_), about.release()));
}

void HttpServerSrcElement::handle_title(const http::SourceTitle &title)
{
  const auto &values = settings.current();
  const auto &charset = title.charset.empty() ? values.icy_charset : title.charset;
  push_tags(tags_.set_title(title.fields, icy::TextDecoder{charset, {}}));
  GST_DEBUG_OBJECT(source_, "title: %s", tags_.title().text.c_str());
}

bool HttpServerSrcElement::handle_ended(const http::SourceEnded &ended)
{
  const auto *reason = name_of(ended.reason);
  GST_INFO_OBJECT(source_, "the source is gone: %s, after %" G_GUINT64_FORMAT " bytes", reason,
                  guint64{ended.bytes});
  g_signal_emit(source_, signals[signal_disconnected], 0, reason, guint64{ended.bytes});
  gst_element_post_message(
      GST_ELEMENT(source_),
      gst_message_new_element(
          GST_OBJECT(source_),
          gst_structure_new("source-disconnected", "reason", G_TYPE_STRING, reason, "bytes",
                            G_TYPE_UINT64, guint64{ended.bytes}, nullptr)));
  return settings.current().eos_on_disconnect;
}

// --- who may send -------------------------------------------------------------------------

http::Verdict HttpServerSrcElement::judge(http::Exchange &exchange)
{
  const auto values = settings.snapshot();
  return gatekeeper_.judge(exchange, {values.auth_user, values.auth_password}, values.mount);
}

bool HttpServerSrcElement::is_only_for_this_host() const
{
  const bool has_password =
      settings.read([](const Values &values) { return !values.auth_password.empty(); });
  return !has_password && !gatekeeper_.asks_application();
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(httpserversrc, "httpserversrc", GST_RANK_NONE,
                            glue::type_of<HttpServerSrcElement>())
