// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/elementnotices.hpp"
#include "elements/http/elements.hpp"
#include "elements/http/gatekeeper.hpp"
#include "elements/http/httpserversinkvalues.hpp"
#include "elements/http/stationhost.hpp"
#include "glue/stats.hpp"

#include <gst/base/gstbasesink.h>
#include <gst/base/gsttypefindhelper.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(httpserversink_debug);
#define GST_CAT_DEFAULT httpserversink_debug

namespace {

using namespace kam;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// The other end of Kamaelia.Protocol.HTTP.IcecastClient, which Kamaelia does not have.
class HttpServerSinkElement final : private http::StationHost::User {
 public:
  using Base = GstBaseSink;
  using Class = GstBaseSinkClass;
  using Values = HttpServerSinkValues;
  static constexpr auto type_name = "KamHttpServerSink";
  static GType base_type() { return GST_TYPE_BASE_SINK; }
  static void class_init(Class *klass);

  glue::Settings<Values> settings;
  static const glue::Properties<HttpServerSinkElement, Values> &properties();
  void settings_changed() { host_.change(settings.snapshot()); }

  explicit HttpServerSinkElement(Base *sink)
      : sink_{sink},
        notices_{GST_ELEMENT(sink)},
        gatekeeper_{GST_ELEMENT(sink), notices_,
                    [this](auto number, auto verdict) { host_.decide(number, verdict); }}
  {
    // What is due is put into a list, which takes no time.
    gst_base_sink_set_processing_deadline(sink, 0);
  }
  gint bound_port() const { return host_.bound_port(); }
  guint64 num_listeners() const { return host_.count(&http::MountStats::listeners); }
  guint64 bytes_served() const { return host_.count(&http::MountStats::bytes_sent); }
  glue::StructurePtr stats() const { return host_.stats(); }

  // Any thread.
  http::StationHost &host() { return host_; }

 private:
  gboolean start();
  gboolean stop();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean set_caps(GstCaps *caps);
  bool begin_format(GstCaps *caps);
  bool find_format(GstBuffer *buffer);
  gboolean event(GstEvent *event);
  GstFlowReturn render(GstBuffer *buffer);
  void handle_tags(const GstTagList *tags);
  void measure(std::size_t bytes, http::Nanoseconds time);

  void handle_listener_added(const http::ListenerInfo &listener) override;
  void handle_listener_removed(const http::ListenerInfo &listener, http::Departure departure,
                               std::uint64_t bytes, std::uint64_t duration_ns) override;
  http::Verdict judge(http::Exchange &exchange) override;

  Base *sink_;
  ElementNotices notices_;
  http::StationHost host_{*this};
  http::Gatekeeper gatekeeper_;

  // The streaming thread's.
  bool has_caps_ = false;
  bool has_format_ = false;  // without caps
  bool has_bitrate_ = false;
  http::StationNote station_;  // that was told of last
  guint64 measured_bytes_ = 0;
  http::Nanoseconds measured_from_{-1};
};

enum Signal {
  signal_listener_added,
  signal_listener_removed,
  signal_remove,
  signal_clear,
  signal_set_title,
  signal_list_listeners,
  signal_count
};
std::array<guint, signal_count> signals{};

GstStructure *structure_of(const std::vector<http::ListenerInfo> &listeners)
{
  auto *list = gst_structure_new_empty("listeners");
  GValue array = G_VALUE_INIT;
  gst_value_array_init(&array, static_cast<guint>(listeners.size()));
  for (const auto &listener : listeners) {
    GValue item = G_VALUE_INIT;
    g_value_init(&item, GST_TYPE_STRUCTURE);
    g_value_take_boxed(
        &item, gst_structure_new("listener", "id", G_TYPE_UINT64, guint64{listener.id}, "peer",
                                 G_TYPE_STRING, listener.peer.c_str(), "user-agent",
                                 G_TYPE_STRING, listener.user_agent.c_str(), nullptr));
    gst_value_array_append_and_take_value(&array, &item);
  }
  gst_structure_take_value(list, "listeners", &array);
  return list;
}

const glue::Properties<HttpServerSinkElement, HttpServerSinkValues>
    &HttpServerSinkElement::properties()
{
  static const auto table =
      httpserversink_properties<HttpServerSinkElement>()
          .report<&HttpServerSinkElement::bound_port>(
              "bound-port", "TCP port that is listened at; 0 below PAUSED")
          .report<&HttpServerSinkElement::num_listeners>("num-listeners",
                                                         "Number of listeners just now")
          .report<&HttpServerSinkElement::bytes_served>(
              "bytes-served", "Number of bytes that listeners were sent since READY")
          .report<&HttpServerSinkElement::stats>(
              "stats",
              "What happened since READY: listeners (now), peak-listeners, listeners-in-all, "
              "refused-listeners, lagged-listeners (that were disconnected), resyncs, titles, "
              "bytes-received and bytes-sent; and of all that share the port: connections, "
              "requests, refused-requests (none, or not to be trusted), refused-connections "
              "(one too many), failed-handshakes (of TLS) and timeouts");
  return table;
}

void HttpServerSinkElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(httpserversink_debug, "httpserversink", 0, "Radio station");
  properties().install(klass);
  glue::describe(klass, {"Radio station", "Sink/Network",
                         "Serves a live stream by HTTP to any number of players and browsers, "
                         "with titles and a page that has a player"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &sink_template);
  const auto add = [klass](const char *name, GType result, auto... types) {
    return g_signal_new(name, G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, nullptr, nullptr,
                        nullptr, result, guint{sizeof...(types)}, types...);
  };
  const auto add_action = [klass](const char *name, GCallback action, GType result,
                                  auto... types) {
    return g_signal_new_class_handler(
        name, G_TYPE_FROM_CLASS(klass), GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION),
        action, nullptr, nullptr, nullptr, result, guint{sizeof...(types)}, types...);
  };
  signals[signal_listener_added] =
      add("listener-added", G_TYPE_NONE, G_TYPE_UINT64, G_TYPE_STRING, G_TYPE_STRING);
  signals[signal_listener_removed] = add("listener-removed", G_TYPE_NONE, G_TYPE_UINT64,
                                         G_TYPE_STRING, G_TYPE_UINT64, G_TYPE_UINT64);
  http::Gatekeeper::add_signal(klass);
  using Self = HttpServerSinkElement;
  signals[signal_remove] =
      add_action("remove", G_CALLBACK(+[](gpointer sink, guint64 id) -> gboolean {
                   return glue::impl_of<Self>(sink).host().remove(id);
                 }),
                 G_TYPE_BOOLEAN, G_TYPE_UINT64);
  signals[signal_clear] = add_action(
      "clear", G_CALLBACK(+[](gpointer sink) { glue::impl_of<Self>(sink).host().clear(); }),
      G_TYPE_NONE);
  signals[signal_set_title] = add_action(
      "set-title", G_CALLBACK(+[](gpointer sink, const gchar *title, const gchar *url) {
        glue::impl_of<Self>(sink).host().set_title(title ? title : "", url ? url : "");
      }),
      G_TYPE_NONE, G_TYPE_STRING, G_TYPE_STRING);
  signals[signal_list_listeners] =
      add_action("list-listeners", G_CALLBACK(+[](gpointer sink) {
                   return structure_of(glue::impl_of<Self>(sink).host().listeners());
                 }),
                 GST_TYPE_STRUCTURE);
  auto *base_class = GST_BASE_SINK_CLASS(klass);
  base_class->start = glue::vfunc<&Self::start>;
  base_class->stop = glue::vfunc<&Self::stop>;
  base_class->unlock = glue::vfunc<&Self::unlock>;
  base_class->unlock_stop = glue::vfunc<&Self::unlock_stop>;
  base_class->set_caps = glue::vfunc<&Self::set_caps>;
  base_class->event = glue::vfunc<&Self::event>;
  base_class->render = glue::vfunc<&Self::render>;
}

// --- states -------------------------------------------------------------------------------

gboolean HttpServerSinkElement::start()
{
  const auto values = settings.snapshot();
  if (const auto trouble = host_.open(values)) {
    const bool is_taken = trouble->failure == http::StationHost::Failure::taken;
    gst_element_message_full(
        GST_ELEMENT(sink_), GST_MESSAGE_ERROR, GST_RESOURCE_ERROR,
        is_taken ? GST_RESOURCE_ERROR_BUSY : GST_RESOURCE_ERROR_OPEN_WRITE,
        g_strdup(trouble->sentence.c_str()),
        g_strdup_printf("address %s, port %d", values.address.c_str(), values.port), __FILE__,
        GST_FUNCTION, __LINE__);
    return FALSE;
  }
  GST_INFO_OBJECT(sink_, "listening at %s, port %d", values.address.c_str(), bound_port());
  has_caps_ = has_format_ = has_bitrate_ = false;
  station_ = {};
  measured_bytes_ = 0;
  measured_from_ = http::Nanoseconds{-1};
  g_object_notify(G_OBJECT(sink_), "bound-port");
  return TRUE;
}

gboolean HttpServerSinkElement::stop()
{
  host_.close();
  return TRUE;
}

// --- the stream ---------------------------------------------------------------------------

gboolean HttpServerSinkElement::unlock()
{
  host_.mount().interrupt(true);
  return TRUE;
}

gboolean HttpServerSinkElement::unlock_stop()
{
  host_.mount().interrupt(false);
  return TRUE;
}

gboolean HttpServerSinkElement::set_caps(GstCaps *caps)
{
  has_caps_ = true;
  return begin_format(caps);
}

bool HttpServerSinkElement::begin_format(GstCaps *caps)
{
  auto kind = stream_kind(caps);
  if (const auto *trouble = std::get_if<StreamTrouble>(&kind)) {
    GST_ELEMENT_ERROR(sink_, STREAM, FORMAT, ("%s", trouble->sentence), ("%s", trouble->hint));
    return false;
  }
  auto &known = *std::get_if<StreamKind>(&kind);
  GST_INFO_OBJECT(sink_, "%s, with %zu bytes of headers", known.content_type.c_str(),
                  known.headers.size());
  return host_.mount().begin_format(std::move(known.content_type), known.is_video, known.format,
                                    std::move(known.headers));
}

// A stream without caps, as it comes from a file or an encoder elsewhere.
bool HttpServerSinkElement::find_format(GstBuffer *buffer)
{
  const auto caps = glue::Ref<GstCaps>::adopt(
      gst_type_find_helper_for_buffer(GST_OBJECT(sink_), buffer, nullptr));
  if (caps)
    return begin_format(caps.get());
  return host_.mount().begin_format("application/octet-stream", false, media::Format::unknown,
                                    {});
}

GstFlowReturn HttpServerSinkElement::render(GstBuffer *buffer)
{
  const bool is_other = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  if (!has_caps_ && (!std::exchange(has_format_, true) || is_other) && !find_format(buffer))
    return host_.mount().is_interrupted() ? GST_FLOW_FLUSHING : GST_FLOW_NOT_NEGOTIATED;
  const auto *segment = &sink_->segment;
  auto time = GST_CLOCK_TIME_NONE;
  if (segment->format == GST_FORMAT_TIME &&
      GST_BUFFER_DTS_OR_PTS(buffer) != GST_CLOCK_TIME_NONE)
    time = gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_DTS_OR_PTS(buffer));
  if (time == GST_CLOCK_TIME_NONE)
    time = gst_element_get_current_running_time(GST_ELEMENT(sink_));
  const http::Nanoseconds stream_time{time == GST_CLOCK_TIME_NONE ? 0
                                                                  : static_cast<gint64>(time)};
  measure(gst_buffer_get_size(buffer), stream_time);
  const bool may_join = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT) &&
                        !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_HEADER);
  return host_.mount().push(glue::Ref<GstBuffer>::share(buffer), stream_time, may_join)
             ? GST_FLOW_OK
             : GST_FLOW_FLUSHING;
}

// The bitrate, where no tag says it: over some seconds of the stream.
void HttpServerSinkElement::measure(std::size_t bytes, http::Nanoseconds time)
{
  constexpr http::Nanoseconds interval = std::chrono::seconds{5};
  if (has_bitrate_)
    return;
  if (measured_from_.count() < 0 || time < measured_from_)
    measured_from_ = time;
  const auto duration = time - measured_from_;
  if (duration >= interval) {
    host_.mount().set_bitrate(gst_util_uint64_scale(measured_bytes_, 8 * GST_SECOND,
                                                    static_cast<guint64>(duration.count())));
    measured_from_ = time;
    measured_bytes_ = 0;
  }
  measured_bytes_ += bytes;
}

gboolean HttpServerSinkElement::event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
    GstTagList *tags = nullptr;
    gst_event_parse_tag(event, &tags);
    handle_tags(tags);
  } else if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
    host_.mount().end();
  }
  return GST_BASE_SINK_CLASS(glue::parent_class_of<HttpServerSinkElement>(sink_))
      ->event(sink_, event);
}

void HttpServerSinkElement::handle_tags(const GstTagList *tags)
{
  const auto text = [tags](const char *name) -> std::optional<std::string> {
    gchar *value = nullptr;
    if (!gst_tag_list_get_string(tags, name, &value))
      return std::nullopt;
    const glue::StringPtr owned{value};
    return std::string{value};
  };
  for (const auto *name : {GST_TAG_BITRATE, GST_TAG_NOMINAL_BITRATE}) {
    guint bits_per_second = 0;
    if (gst_tag_list_get_uint(tags, name, &bits_per_second) && bits_per_second > 0) {
      has_bitrate_ = true;
      host_.mount().set_bitrate(bits_per_second);
      break;
    }
  }
  http::StationNote station{
      text(GST_TAG_ORGANIZATION).value_or(""), text(GST_TAG_DESCRIPTION).value_or(""),
      text(GST_TAG_GENRE).value_or(""), text(GST_TAG_LOCATION).value_or("")};
  if (!station.name.empty() && station != station_) {
    station_ = station;
    host_.mount().set_station(std::move(station));
  }
  const auto title = text(GST_TAG_TITLE);
  if (!title)
    return;
  const auto artist = text(GST_TAG_ARTIST);
  host_.mount().set_title(artist ? *artist + " - " + *title : *title, {});
}

// --- listeners ----------------------------------------------------------------------------

void HttpServerSinkElement::handle_listener_added(const http::ListenerInfo &listener)
{
  GST_DEBUG_OBJECT(sink_, "listener %" G_GUINT64_FORMAT " from %s: %s", listener.id,
                   listener.peer.c_str(), listener.user_agent.c_str());
  if (g_signal_has_handler_pending(sink_, signals[signal_listener_added], 0, FALSE))
    notices_.post([this, listener] {
      g_signal_emit(sink_, signals[signal_listener_added], 0, guint64{listener.id},
                    listener.peer.c_str(), listener.user_agent.c_str());
    });
}

void HttpServerSinkElement::handle_listener_removed(const http::ListenerInfo &listener,
                                                    http::Departure departure,
                                                    std::uint64_t bytes,
                                                    std::uint64_t duration_ns)
{
  GST_DEBUG_OBJECT(sink_, "listener %" G_GUINT64_FORMAT " %s after %" G_GUINT64_FORMAT " bytes",
                   listener.id, name_of(departure), bytes);
  if (g_signal_has_handler_pending(sink_, signals[signal_listener_removed], 0, FALSE))
    notices_.post([this, id = listener.id, departure, bytes, duration_ns] {
      g_signal_emit(sink_, signals[signal_listener_removed], 0, guint64{id}, name_of(departure),
                    guint64{bytes}, guint64{duration_ns});
    });
}

http::Verdict HttpServerSinkElement::judge(http::Exchange &exchange)
{
  const auto values = settings.snapshot();
  if (values.auth_user.empty() && !gatekeeper_.asks_application())
    return http::Verdict::granted;
  const http::Credentials wanted{values.auth_user,
                                 values.auth_user.empty() ? "" : values.auth_password};
  return gatekeeper_.judge(exchange, wanted, values.mount);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(httpserversink, "httpserversink", GST_RANK_NONE,
                            glue::type_of<HttpServerSinkElement>())
