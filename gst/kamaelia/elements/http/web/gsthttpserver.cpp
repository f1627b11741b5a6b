// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/elements.hpp"
#include "elements/http/frontend/elementnotices.hpp"
#include "elements/http/web/httpservervalues.hpp"
#include "elements/http/web/sharedroutes.hpp"
#include "elements/http/web/webhost.hpp"
#include "elements/server/servermessages.hpp"

#include <array>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(httpserver_debug);
#define GST_CAT_DEFAULT httpserver_debug

namespace {

using namespace kam;

// Kamaelia's HTTPServer: each request becomes a pipeline, or a file.
class HttpServerElement final : private http::WebHost::User {
 public:
  using Base = GstBin;
  using Class = GstBinClass;
  using Values = HttpServerValues;
  static constexpr auto type_name = "KamHttpServer";
  static GType base_type() { return GST_TYPE_BIN; }
  static void class_init(Class *klass);

  glue::Settings<Values> settings;
  static const glue::Properties<HttpServerElement, Values> &properties();
  void settings_changed();

  explicit HttpServerElement(Base *bin);
  gint bound_port() const { return host_.bound_port(); }
  glue::StructurePtr stats() const { return host_.stats(messages_.dropped()); }

  // --- action signals, in any thread
  gboolean add_route(const gchar *prefix, const gchar *target);
  gboolean remove_route(const gchar *prefix);

 private:
  GstStateChangeReturn change_state(GstStateChange transition);
  gboolean send_event(GstEvent *event);
  void handle_message(GstMessage *message);
  GstElementClass *parent_class() const
  {
    return GST_ELEMENT_CLASS(glue::parent_class_of<HttpServerElement>(bin_));
  }

  bool open();
  void close();
  std::optional<std::vector<http::Route>> routes() const;

  bool wants_requests() override;
  void ask(std::uint64_t number, glue::StructurePtr request) override;
  void handle_answered(const http::LoggedRequest &request, std::uint64_t duration_ns) override;

  Base *bin_;
  ElementNotices notices_;
  ServerMessages messages_;
  http::WebHost host_{GST_ELEMENT(bin_), *this};
  SharedRoutes shared_;
  std::atomic<bool> posts_messages_ = true;
};

enum Signal { signal_request, signal_add_route, signal_remove_route, signal_count };
std::array<guint, signal_count> signals{};

const glue::Properties<HttpServerElement, HttpServerValues> &HttpServerElement::properties()
{
  static const auto table =
      httpserver_properties<HttpServerElement>()
          .report<&HttpServerElement::bound_port>(
              "bound-port", "TCP port that is listened at; 0 below PAUSED")
          .report<&HttpServerElement::stats>(
              "stats",
              "What happened since READY: requests, responses-2xx to -5xx, "
              "unanswered-requests, bytes-sent and bytes-received (of bodies), pipelines (now), "
              "refused-pipelines (one too many), messages-dropped; and of all that share the "
              "port: connections, refused-requests (none, or not to be trusted), "
              "refused-connections (one too many), failed-handshakes (of TLS) and timeouts");
  return table;
}

void HttpServerElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(httpserver_debug, "httpserver", 0, "Web server");
  properties().install(klass);
  glue::describe(
      klass,
      {"Web server", "Sink/Source/Network", "Answers HTTP requests with pipelines and files",
       "gst-launch-1.0 httpserver port=8080 routes=\"/picture=videotestsrc num-buffers=1 ! "
       "pngenc;/=dir:/usr/share/doc\""});
  auto *element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = glue::vfunc<&HttpServerElement::change_state>;
  element_class->send_event = glue::vfunc<&HttpServerElement::send_event>;
  klass->handle_message = glue::vfunc<&HttpServerElement::handle_message>;
  const auto type = G_TYPE_FROM_CLASS(klass);
  signals[signal_request] =
      g_signal_new("request", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr,
                   GST_TYPE_STRUCTURE, 1, GST_TYPE_STRUCTURE);
  constexpr auto action = GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);
  using Self = HttpServerElement;
  signals[signal_add_route] = g_signal_new_class_handler(
      "add-route", type, action,
      G_CALLBACK(+[](GstElement *self, const gchar *prefix, const gchar *target) -> gboolean {
        return glue::impl_of<Self>(self).add_route(prefix, target);
      }),
      nullptr, nullptr, nullptr, G_TYPE_BOOLEAN, 2, G_TYPE_STRING, G_TYPE_STRING);
  signals[signal_remove_route] = g_signal_new_class_handler(
      "remove-route", type, action,
      G_CALLBACK(+[](GstElement *self, const gchar *prefix) -> gboolean {
        return glue::impl_of<Self>(self).remove_route(prefix);
      }),
      nullptr, nullptr, nullptr, G_TYPE_BOOLEAN, 1, G_TYPE_STRING);
}

// A sink, so that it may end a pipeline; a source, so that an EOS event reaches it.
HttpServerElement::HttpServerElement(Base *bin)
    : bin_{bin}, notices_{GST_ELEMENT(bin)}, messages_{GST_ELEMENT(bin)}, shared_{bin}
{
  const auto flags = GstElementFlags(GST_ELEMENT_FLAG_SINK | GST_ELEMENT_FLAG_SOURCE);
  gst_bin_set_suppressed_flags(bin, flags);
  GST_OBJECT_FLAG_SET(bin, flags);
}

void HttpServerElement::settings_changed()
{
  const auto values = settings.snapshot();
  posts_messages_ = values.post_messages;
  host_.change(values);
}

// --- states -------------------------------------------------------------------------------

std::optional<std::vector<http::Route>> HttpServerElement::routes() const
{
  const auto text = settings.snapshot().routes;
  auto parsed = http::parse_routes(text);
  if (auto *routes = std::get_if<std::vector<http::Route>>(&parsed))
    return std::move(*routes);
  GST_ELEMENT_ERROR(bin_, RESOURCE, SETTINGS,
                    ("The routes cannot be used: %s.", std::get<std::string>(parsed).c_str()),
                    ("property routes: %s", text.c_str()));
  return std::nullopt;
}

bool HttpServerElement::open()
{
  const auto all = routes();
  if (!all)
    return false;
  const auto values = settings.snapshot();
  if (const auto why = host_.open(values, *all)) {
    GST_ELEMENT_ERROR(bin_, RESOURCE, OPEN_READ_WRITE, ("%s.", why->c_str()),
                      ("address %s, port %d", values.address.c_str(), values.port));
    return false;
  }
  for (const auto &route : *all)
    if (const auto why = shared_.add(route, values.address, bound_port())) {
      GST_ELEMENT_ERROR(bin_, RESOURCE, SETTINGS, ("%s.", why->c_str()), ("property routes"));
      close();
      return false;
    }
  GST_INFO_OBJECT(bin_, "listening at %s, port %d", values.address.c_str(), bound_port());
  g_object_notify(G_OBJECT(bin_), "bound-port");
  return true;
}

void HttpServerElement::close()
{
  shared_.clear();
  host_.close();
}

GstStateChangeReturn HttpServerElement::change_state(GstStateChange transition)
{
  if (host_.is_in_own_thread()) {
    GST_ELEMENT_ERROR(bin_, CORE, STATE_CHANGE,
                      ("A server cannot be stopped from one of its own threads."), (nullptr));
    return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !routes())
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !open())
    return GST_STATE_CHANGE_FAILURE;
  shared_.begin_change();
  const auto result = parent_class()->change_state(GST_ELEMENT(bin_), transition);
  // What kept the server from its state is its error, all else is a shared pipeline's own.
  for (auto &message : shared_.end_change()) {
    if (result == GST_STATE_CHANGE_FAILURE)
      glue::parent_class_of<HttpServerElement>(bin_)->handle_message(bin_, message.release());
    else
      handle_message(message.release());
  }
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY ||
      (transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE))
    close();
  return result;
}

gboolean HttpServerElement::send_event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) != GST_EVENT_EOS)
    return parent_class()->send_event(GST_ELEMENT(bin_), event);
  auto *message = gst_message_new_eos(GST_OBJECT(bin_));
  gst_message_set_seqnum(message, gst_event_get_seqnum(event));
  gst_event_unref(event);
  gst_element_post_message(GST_ELEMENT(bin_), message);
  return TRUE;
}

// What a shared pipeline has to say is not said of the server.
void HttpServerElement::handle_message(GstMessage *message)
{
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS)
    gst_message_unref(message);
  else if (!shared_.take_error(message))
    glue::parent_class_of<HttpServerElement>(bin_)->handle_message(bin_, message);
}

// --- routes -------------------------------------------------------------------------------

gboolean HttpServerElement::add_route(const gchar *prefix, const gchar *target)
{
  const auto values = settings.snapshot();
  auto parsed = http::parse_route(prefix ? prefix : "", target ? target : "");
  auto why = std::optional<std::string>{};
  if (auto *fault = std::get_if<std::string>(&parsed)) {
    why = std::move(*fault);
  } else {
    const auto &route = std::get<http::Route>(parsed);
    const auto all = values.routes.empty() ? route.text() : values.routes + ';' + route.text();
    if (auto checked = http::parse_routes(all); std::holds_alternative<std::string>(checked))
      why = std::get<std::string>(checked);
    if (!why)
      why = host_.add(route);
    if (!why && host_.is_open()) {
      why = shared_.add(route, values.address, bound_port());
      if (why)
        host_.remove(route);
    }
    if (!why)
      settings.write([&](Values &v) { v.routes = all; });
  }
  if (why)
    GST_WARNING_OBJECT(bin_, "no route is added: %s", why->c_str());
  return !why;
}

gboolean HttpServerElement::remove_route(const gchar *prefix)
{
  const auto wanted = http::resource_path(prefix ? prefix : "");
  auto parsed = http::parse_routes(settings.snapshot().routes);
  auto *all = std::get_if<std::vector<http::Route>>(&parsed);
  if (!wanted || !all)
    return FALSE;
  const auto found = std::ranges::find(*all, wanted->names, &http::Route::prefix);
  if (found == all->end())
    return FALSE;
  host_.remove(*found);
  shared_.remove(*found);
  all->erase(found);
  std::string text;
  for (const auto &route : *all)
    text += (text.empty() ? "" : ";") + route.text();
  settings.write([&](Values &v) { v.routes = text; });
  return TRUE;
}

// --- requests -----------------------------------------------------------------------------

bool HttpServerElement::wants_requests()
{
  return g_signal_has_handler_pending(bin_, signals[signal_request], 0, FALSE) == TRUE;
}

void HttpServerElement::ask(std::uint64_t number, glue::StructurePtr request)
{
  // A notice can be copied, what only one may have cannot.
  const std::shared_ptr<GstStructure> kept{request.release(), gst_structure_free};
  notices_.post([this, number, kept] {
    GstStructure *answer = nullptr;
    g_signal_emit(bin_, signals[signal_request], 0, kept.get(), &answer);
    host_.advise(number, glue::StructurePtr{answer});
  });
}

void HttpServerElement::handle_answered(const http::LoggedRequest &request,
                                        std::uint64_t duration_ns)
{
  GST_DEBUG_OBJECT(bin_, "%s %s %s: %u, %" G_GUINT64_FORMAT " bytes", request.peer.c_str(),
                   request.method.c_str(), request.target.c_str(), request.status,
                   guint64{request.bytes});
  if (!posts_messages_)
    return;
  messages_.post(glue::StructurePtr{gst_structure_new(
      "http-request", "peer", G_TYPE_STRING, request.peer.c_str(), "method", G_TYPE_STRING,
      request.method.c_str(), "uri", G_TYPE_STRING, request.target.c_str(), "status",
      G_TYPE_UINT, request.status, "bytes-sent", G_TYPE_UINT64, guint64{request.bytes},
      "duration", G_TYPE_UINT64, guint64{duration_ns}, nullptr)});
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(httpserver, "httpserver", GST_RANK_NONE,
                            glue::type_of<HttpServerElement>())
