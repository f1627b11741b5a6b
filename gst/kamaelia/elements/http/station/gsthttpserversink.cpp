// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/elements.hpp"
#include "elements/http/frontend/elementnotices.hpp"
#include "elements/http/frontend/gatekeeper.hpp"
#include "elements/http/station/mountpad.hpp"
#include "elements/http/station/mountset.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(httpserversink_debug);
#define GST_CAT_DEFAULT httpserversink_debug

namespace {

using namespace kam;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate mount_template =
    GST_STATIC_PAD_TEMPLATE("sink_%u", GST_PAD_SINK, GST_PAD_REQUEST, GST_STATIC_CAPS_ANY);

// The other end of Kamaelia.Protocol.HTTP.IcecastClient, which Kamaelia does not have. A bin of
// streams that share an address and a port.
class HttpServerSinkElement final : private MountSink::Owner {
 public:
  using Base = GstBin;
  using Class = GstBinClass;
  using Values = HttpServerSinkValues;
  static constexpr auto type_name = "KamHttpServerSink";
  static GType base_type() { return GST_TYPE_BIN; }
  static void class_init(Class *klass);
  static void add_interfaces(GType type) { show_pads_as_children(type); }

  glue::Settings<Values> settings;
  static const glue::Properties<HttpServerSinkElement, Values> &properties();
  void settings_changed() { mounts_.configure(settings.snapshot()); }

  explicit HttpServerSinkElement(Base *bin);
  gint bound_port() const;
  guint64 num_listeners() const { return mounts_.count(&http::MountStats::listeners); }
  guint64 bytes_served() const { return mounts_.count(&http::MountStats::bytes_sent); }
  glue::StructurePtr stats() const
  {
    return station_stats([this](auto member) { return mounts_.count(member); },
                         frontend().get());
  }

  // --- action signals, in any thread
  gboolean remove(guint64 id);
  void clear();
  void set_title(const std::string &title, const std::string &url);
  GstStructure *list_listeners();

 private:
  GstElement *element() const { return GST_ELEMENT(bin_); }
  GstPad *request_new_pad(GstPadTemplate *templ, const gchar *name, const GstCaps *)
  {
    return mounts_.request(templ, name);
  }
  void release_pad(GstPad *pad) { mounts_.release(pad); }
  GstStateChangeReturn change_state(GstStateChange transition);
  bool open();

  std::shared_ptr<http::HttpFrontend> frontend() const { return *frontend_.lock(); }
  std::shared_ptr<http::HttpFrontend> frontend() override
  {
    return std::as_const(*this).frontend();
  }
  std::uint64_t next_listener() override { return ++last_listener_; }
  void handle_listener_added(const http::ListenerInfo &listener) override;
  void handle_listener_removed(const http::ListenerInfo &listener, http::Departure departure,
                               std::uint64_t bytes, std::uint64_t duration_ns) override;
  http::Verdict judge(const std::string &mount, http::Exchange &exchange) override;
  // The answer to an Exchange::wait().
  void decide(std::uint64_t number, http::Verdict verdict);

  Base *bin_;
  ElementNotices notices_;
  http::Gatekeeper gatekeeper_;
  mutable glue::Guarded<std::shared_ptr<http::HttpFrontend>> frontend_;  // above READY
  MountSet mounts_;
  std::atomic<std::uint64_t> last_listener_ = 0;
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
  glue::describe(klass,
                 {"Radio station", "Sink/Network",
                  "Serves a live stream by HTTP to any number of players and browsers, "
                  "with titles and a page that has a player",
                  "gst-launch-1.0 audiotestsrc is-live=true ! lamemp3enc ! mpegaudioparse ! "
                  "httpserversink"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &sink_template);
  gst_element_class_add_static_pad_template_with_gtype(
      GST_ELEMENT_CLASS(klass), &mount_template, glue::type_of<MountPad>());
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
  signals[signal_listener_added] = add("listener-added", G_TYPE_NONE, G_TYPE_UINT64,
                                       G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING);
  signals[signal_listener_removed] =
      add("listener-removed", G_TYPE_NONE, G_TYPE_UINT64, G_TYPE_STRING, G_TYPE_UINT64,
          G_TYPE_UINT64, G_TYPE_STRING);
  http::Gatekeeper::add_signal(klass);
  using Self = HttpServerSinkElement;
  signals[signal_remove] =
      add_action("remove", G_CALLBACK(+[](gpointer sink, guint64 id) -> gboolean {
                   return glue::impl_of<Self>(sink).remove(id);
                 }),
                 G_TYPE_BOOLEAN, G_TYPE_UINT64);
  signals[signal_clear] =
      add_action("clear", G_CALLBACK(+[](gpointer sink) { glue::impl_of<Self>(sink).clear(); }),
                 G_TYPE_NONE);
  signals[signal_set_title] = add_action(
      "set-title", G_CALLBACK(+[](gpointer sink, const gchar *title, const gchar *url) {
        glue::impl_of<Self>(sink).set_title(title ? title : "", url ? url : "");
      }),
      G_TYPE_NONE, G_TYPE_STRING, G_TYPE_STRING);
  signals[signal_list_listeners] = add_action(
      "list-listeners",
      G_CALLBACK(+[](gpointer sink) { return glue::impl_of<Self>(sink).list_listeners(); }),
      GST_TYPE_STRUCTURE);
  auto *element_class = GST_ELEMENT_CLASS(klass);
  element_class->change_state = glue::vfunc<&Self::change_state>;
  element_class->release_pad = glue::vfunc<&Self::release_pad>;
  element_class->request_new_pad = glue::vfunc<&Self::request_new_pad>;
}

HttpServerSinkElement::HttpServerSinkElement(Base *bin)
    : bin_{bin},
      notices_{GST_ELEMENT(bin)},
      gatekeeper_{GST_ELEMENT(bin), notices_,
                  [this](auto number, auto verdict) { decide(number, verdict); }},
      mounts_{bin, *this}
{
  settings_changed();
}

// --- states -------------------------------------------------------------------------------

GstStateChangeReturn HttpServerSinkElement::change_state(GstStateChange transition)
{
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED) {
    mounts_.begin();
    if (!open())
      return GST_STATE_CHANGE_FAILURE;
  }
  auto *parent = GST_ELEMENT_CLASS(glue::parent_class_of<HttpServerSinkElement>(bin_));
  const auto result = parent->change_state(element(), transition);
  const bool has_failed =
      transition == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY || has_failed)
    frontend_.lock()->reset();
  return result;
}

bool HttpServerSinkElement::open()
{
  const auto values = settings.snapshot();
  auto opened = http::HttpFrontend::open(frontend_options(values));
  if (const auto *error = std::get_if<net::Error>(&opened)) {
    GST_ELEMENT_ERROR(bin_, RESOURCE, OPEN_WRITE, ("%s.", error->what.c_str()),
                      ("address %s, port %d", values.address.c_str(), values.port));
    return false;
  }
  settings_changed();
  *frontend_.lock() = std::move(std::get<std::shared_ptr<http::HttpFrontend>>(opened));
  GST_INFO_OBJECT(bin_, "listening at %s, port %d", values.address.c_str(), bound_port());
  g_object_notify(G_OBJECT(bin_), "bound-port");
  return true;
}

gint HttpServerSinkElement::bound_port() const
{
  const auto front = frontend();
  return front ? front->local().port() : 0;
}

// --- listeners ----------------------------------------------------------------------------

gboolean HttpServerSinkElement::remove(guint64 id)
{
  bool was_there = false;
  mounts_.for_each([&](auto &host) { was_there = was_there || host.remove(id); });
  return was_there;
}

void HttpServerSinkElement::clear()
{
  mounts_.for_each([](auto &host) { host.clear(); });
}

void HttpServerSinkElement::set_title(const std::string &title, const std::string &url)
{
  mounts_.for_each([&](auto &host) { host.set_title(title, url); });
}

GstStructure *HttpServerSinkElement::list_listeners()
{
  std::vector<http::ListenerInfo> listeners;
  mounts_.for_each(
      [&](auto &host) { std::ranges::move(host.listeners(), std::back_inserter(listeners)); });
  std::ranges::sort(listeners, {}, &http::ListenerInfo::id);
  return structure_of(listeners).release();
}

void HttpServerSinkElement::handle_listener_added(const http::ListenerInfo &listener)
{
  GST_DEBUG_OBJECT(bin_, "listener %" G_GUINT64_FORMAT " of %s from %s: %s", listener.id,
                   listener.mount.c_str(), listener.peer.c_str(), listener.user_agent.c_str());
  if (g_signal_has_handler_pending(bin_, signals[signal_listener_added], 0, FALSE))
    notices_.post([this, listener] {
      g_signal_emit(bin_, signals[signal_listener_added], 0, guint64{listener.id},
                    listener.peer.c_str(), listener.user_agent.c_str(), listener.mount.c_str());
    });
}

void HttpServerSinkElement::handle_listener_removed(const http::ListenerInfo &listener,
                                                    http::Departure departure,
                                                    std::uint64_t bytes,
                                                    std::uint64_t duration_ns)
{
  GST_DEBUG_OBJECT(bin_, "listener %" G_GUINT64_FORMAT " %s after %" G_GUINT64_FORMAT " bytes",
                   listener.id, name_of(departure), bytes);
  if (g_signal_has_handler_pending(bin_, signals[signal_listener_removed], 0, FALSE))
    notices_.post([this, listener, departure, bytes, duration_ns] {
      g_signal_emit(bin_, signals[signal_listener_removed], 0, guint64{listener.id},
                    name_of(departure), guint64{bytes}, guint64{duration_ns},
                    listener.mount.c_str());
    });
}

http::Verdict HttpServerSinkElement::judge(const std::string &mount, http::Exchange &exchange)
{
  const auto values = settings.snapshot();
  if (values.auth_user.empty() && !gatekeeper_.asks_application())
    return http::Verdict::granted;
  const http::Credentials wanted{values.auth_user,
                                 values.auth_user.empty() ? "" : values.auth_password};
  return gatekeeper_.judge(exchange, wanted, mount);
}

void HttpServerSinkElement::decide(std::uint64_t number, http::Verdict verdict)
{
  if (const auto front = frontend())
    front->run([&] { front->decide(number, verdict); });
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(httpserversink, "httpserversink", GST_RANK_NONE,
                            glue::type_of<HttpServerSinkElement>())
