// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/protocolserver/protocolserver.hpp"

#include <array>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(protocolserver_debug);
#define GST_CAT_DEFAULT protocolserver_debug

namespace kam {

namespace {

enum Signal {
  signal_client_connecting,
  signal_create_element,
  signal_client_added,
  signal_client_removed,
  signal_count,
};
std::array<guint, signal_count> signals{};

// The first handler that says no decides.
gboolean all_agree(GSignalInvocationHint *, GValue *result, const GValue *answer, gpointer)
{
  g_value_copy(answer, result);
  return g_value_get_boolean(answer);
}

gboolean first_given(GSignalInvocationHint *, GValue *result, const GValue *answer, gpointer)
{
  g_value_copy(answer, result);
  return g_value_get_object(answer) == nullptr;
}

ProtocolServer &server_of(GstElement *element)
{
  return glue::impl_of<ProtocolServer>(element);
}

}  // namespace

const glue::Properties<ProtocolServer, ServerValues> &ProtocolServer::properties()
{
  static const auto table = [] {
    glue::Properties<ProtocolServer, Values> properties;
    add_server_basics(properties);
    add_server_limits(properties);
    add_server_ways(properties);
    add_tls(properties);
    properties
        .report<&ProtocolServer::current_port>("current-port",
                                               "TCP port in use; 0 before PAUSED")
        .report<&ProtocolServer::stats>(
            "stats",
            "What happened since PAUSED: clients, number of those there are now; accepted and "
            "rejected ones; bytes-sent, bytes-received; queued-bytes that wait for clients; "
            "removed-eos, -peer, -error, -idle, -slow, -lifetime, -evicted, -stopped, number "
            "of clients by why they are no more; messages-dropped because too many waited");
    return properties;
  }();
  return table;
}

void ProtocolServer::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(protocolserver_debug, "protocolserver", 0, "Protocol server");
  klass->change_state = glue::vfunc<&ProtocolServer::change_state>;
  klass->send_event = glue::vfunc<&ProtocolServer::send_event>;
  properties().install(klass);
  glue::describe(klass, {"Protocol server", "Sink/Source/Network",
                         "Serves each TCP client with an instance of a launch line of its "
                         "own, from its start",
                         "gst-launch-1.0 protocolserver port=1501 launch=identity"});
  add_signals(G_TYPE_FROM_CLASS(klass));
}

void ProtocolServer::add_signals(GType type)
{
  signals[signal_client_connecting] = g_signal_new_class_handler(
      "client-connecting", type, G_SIGNAL_RUN_LAST,
      G_CALLBACK(+[](GstElement *, GstStructure *) { return TRUE; }), all_agree, nullptr,
      nullptr, G_TYPE_BOOLEAN, 1, GST_TYPE_STRUCTURE);
  signals[signal_create_element] =
      g_signal_new("create-element", type, G_SIGNAL_RUN_LAST, 0, first_given, nullptr, nullptr,
                   GST_TYPE_ELEMENT, 1, GST_TYPE_STRUCTURE);
  signals[signal_client_added] =
      g_signal_new("client-added", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr,
                   G_TYPE_NONE, 3, G_TYPE_UINT64, GST_TYPE_ELEMENT, GST_TYPE_STRUCTURE);
  signals[signal_client_removed] =
      g_signal_new("client-removed", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr,
                   G_TYPE_NONE, 3, G_TYPE_UINT64, removal_type(), GST_TYPE_STRUCTURE);

  constexpr auto action = GSignalFlags(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);
  g_signal_new_class_handler(
      "remove", type, action,
      G_CALLBACK(+[](GstElement *self, guint64 id) { server_of(self).remove(id); }), nullptr,
      nullptr, nullptr, G_TYPE_NONE, 1, G_TYPE_UINT64);
  g_signal_new_class_handler("clear", type, action,
                             G_CALLBACK(+[](GstElement *self) { server_of(self).clear(); }),
                             nullptr, nullptr, nullptr, G_TYPE_NONE, 0);
  g_signal_new_class_handler(
      "get-stats", type, action,
      G_CALLBACK(+[](GstElement *self, guint64 id) { return server_of(self).get_stats(id); }),
      nullptr, nullptr, nullptr, GST_TYPE_STRUCTURE, 1, G_TYPE_UINT64);
  g_signal_new_class_handler("list-clients", type, action, G_CALLBACK(+[](GstElement *self) {
                               return server_of(self).list_clients();
                             }),
                             nullptr, nullptr, nullptr, GST_TYPE_STRUCTURE, 0);
}

// A sink, so that it may end a pipeline; a source, so that an EOS event reaches it.
ProtocolServer::ProtocolServer(Base *base) : base_{base}, messages_{base}
{
  GST_OBJECT_FLAG_SET(base, GST_ELEMENT_FLAG_SINK);
  GST_OBJECT_FLAG_SET(base, GST_ELEMENT_FLAG_SOURCE);
}

int ProtocolServer::current_port() const
{
  const auto hub = *hub_.lock();
  return hub ? hub->port() : 0;
}

glue::StructurePtr ProtocolServer::stats() const
{
  const auto hub = *hub_.lock();
  return structure_of(hub ? hub->stats() : *last_stats_.lock(), messages_.dropped());
}

// --- states -------------------------------------------------------------------------------

ClientLaunch ProtocolServer::launch_of(const Values &values) const
{
  ClientLaunch launch;
  launch.line = values.launch;
  launch.caps = values.caps;
  launch.always_threads = values.client_threads == ClientThreads::always;
  auto preset = preset_.lock();
  if (launch.line.empty())
    launch.line = preset->launch;
  launch.source = preset->factory;
  launch.source_properties = preset->properties;
  return launch;
}

ProtocolServer::HubPtr ProtocolServer::make_hub()
{
  const auto values = settings.snapshot();
  posts_messages_ = values.post_messages;
  auto tls = ServerTls::make(values);
  if (const auto *why = std::get_if<std::string>(&tls)) {
    GST_ELEMENT_ERROR(base_, RESOURCE, SETTINGS, ("%s.", why->c_str()), (nullptr));
    return nullptr;
  }
  ServerEvents &events = *this;
  auto hub = std::make_shared<ServerHub>(base_, events, values, launch_of(values));
  if (const auto *secure = std::get_if<std::shared_ptr<ServerTls>>(&tls))
    hub->secure(*secure);
  if (const auto why = hub->check_launch()) {
    GST_ELEMENT_ERROR(base_, RESOURCE, SETTINGS,
                      ("The launch line \"%s\" cannot serve clients: %s.",
                       hub->launch().line.c_str(), why->c_str()),
                      ("property launch"));
    return nullptr;
  }
  return hub;
}

bool ProtocolServer::open()
{
  has_posted_eos_ = false;
  auto hub = make_hub();
  if (!hub)
    return false;
  if (const auto error = hub->open()) {
    GST_ELEMENT_ERROR(base_, RESOURCE, OPEN_READ_WRITE, ("%s.", error->what.c_str()),
                      ("%s", error->code.message().c_str()));
    return false;
  }
  GST_INFO_OBJECT(base_, "listening at port %d", hub->port());
  *hub_.lock() = hub;
  g_object_notify(G_OBJECT(base_), "current-port");
  return true;
}

void ProtocolServer::close()
{
  const auto hub = *hub_.lock();
  if (!hub)
    return;
  hub->close();
  *last_stats_.lock() = hub->stats();
  hub_.lock()->reset();
}

GstStateChangeReturn ProtocolServer::change_state(GstStateChange transition)
{
  const auto hub = *hub_.lock();
  if (hub && hub->is_in_own_thread()) {
    GST_ELEMENT_ERROR(base_, CORE, STATE_CHANGE,
                      ("A server cannot be stopped from one of its own signals."), (nullptr));
    return GST_STATE_CHANGE_FAILURE;
  }
  if (transition == GST_STATE_CHANGE_NULL_TO_READY && !make_hub())
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_READY_TO_PAUSED && !open())
    return GST_STATE_CHANGE_FAILURE;
  if (transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED && hub)
    hub->accept(false);
  const auto result =
      glue::parent_class_of<ProtocolServer>(base_)->change_state(base_, transition);
  if (result == GST_STATE_CHANGE_FAILURE)
    return result;
  if (transition == GST_STATE_CHANGE_PAUSED_TO_PLAYING && hub)
    hub->accept(true);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    close();
  return result;
}

gboolean ProtocolServer::send_event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) != GST_EVENT_EOS)
    return glue::parent_class_of<ProtocolServer>(base_)->send_event(base_, event);
  gst_event_unref(event);
  if (const auto hub = *hub_.lock())
    hub->finish();
  return TRUE;
}

// --- actions ------------------------------------------------------------------------------

void ProtocolServer::remove(guint64 id)
{
  if (const auto hub = *hub_.lock())
    hub->remove(id, Removal::evicted);
}

void ProtocolServer::clear()
{
  if (const auto hub = *hub_.lock())
    hub->remove_all(Removal::evicted);
}

GstStructure *ProtocolServer::get_stats(guint64 id)
{
  const auto hub = *hub_.lock();
  const auto record = hub ? hub->find(id) : nullptr;
  return record ? structure_of(*record).release() : nullptr;
}

GstStructure *ProtocolServer::list_clients()
{
  const auto hub = *hub_.lock();
  GValue list = G_VALUE_INIT;
  gst_value_array_init(&list, 0);
  if (hub)
    for (const auto id : hub->clients()) {
      GValue value = G_VALUE_INIT;
      g_value_init(&value, G_TYPE_UINT64);
      g_value_set_uint64(&value, id);
      gst_value_array_append_and_take_value(&list, &value);
    }
  auto *structure = gst_structure_new_empty("clients");
  gst_structure_take_value(structure, "ids", &list);
  return structure;
}

// --- presets ------------------------------------------------------------------------------

void ProtocolServer::preset(const char *launch, const char *factory, int port)
{
  settings.write([port](Values &values) { values.port = port; });
  auto preset = preset_.lock();
  preset->launch = launch;
  preset->factory = factory;
}

void ProtocolServer::set_source_property(const char *name, const GValue *value)
{
  const std::shared_ptr<GValue> copy{new GValue G_VALUE_INIT, [](GValue *owned) {
                                       g_value_unset(owned);
                                       delete owned;
                                     }};
  g_value_init(copy.get(), G_VALUE_TYPE(value));
  g_value_copy(value, copy.get());
  preset_.lock()->properties[name] = copy;
}

bool ProtocolServer::get_source_property(const char *name, GValue *value) const
{
  auto preset = preset_.lock();
  const auto found = preset->properties.find(name);
  if (found == preset->properties.end())
    return false;
  g_value_copy(found->second.get(), value);
  return true;
}

// --- what happens to clients --------------------------------------------------------------

bool ProtocolServer::has_handler(guint signal) const
{
  return g_signal_has_handler_pending(base_, signals.at(signal), 0, FALSE);
}

bool ProtocolServer::accepts(const ClientInfo &info)
{
  if (!has_handler(signal_client_connecting))
    return true;
  gboolean accepted = TRUE;
  g_signal_emit(base_, signals[signal_client_connecting], 0, structure_of(info).get(),
                &accepted);
  GST_DEBUG_OBJECT(base_, "client %" G_GUINT64_FORMAT " is %s", info.id,
                   accepted ? "accepted" : "rejected");
  return accepted;
}

GstElement *ProtocolServer::element_for(const ClientInfo &info)
{
  if (!has_handler(signal_create_element))
    return nullptr;
  GstElement *element = nullptr;
  g_signal_emit(base_, signals[signal_create_element], 0, structure_of(info).get(), &element);
  return element;
}

void ProtocolServer::client_added(const ClientInfo &info, GstElement *bin)
{
  GST_DEBUG_OBJECT(base_, "client %" G_GUINT64_FORMAT " from %s", info.id,
                   info.peer.text().c_str());
  if (has_handler(signal_client_added))
    g_signal_emit(base_, signals[signal_client_added], 0, info.id, bin,
                  structure_of(info).get());
  if (!posts_messages_)
    return;
  auto message = structure_of(info);
  gst_structure_set_name(message.get(), "client-added");
  messages_.post(std::move(message));
}

void ProtocolServer::client_removed(const ClientRecord &record, Removal reason,
                                    const std::string &detail)
{
  const auto id = record.info.id;
  if (reason == Removal::error)
    GST_WARNING_OBJECT(base_, "client %" G_GUINT64_FORMAT ": %s", id, detail.c_str());
  GST_DEBUG_OBJECT(base_, "client %" G_GUINT64_FORMAT " is gone: %s %s", id, name_of(reason),
                   detail.c_str());
  if (has_handler(signal_client_removed))
    g_signal_emit(base_, signals[signal_client_removed], 0, id, static_cast<int>(reason),
                  structure_of(record).get());
  if (!posts_messages_)
    return;
  auto message = structure_of(record);
  gst_structure_set_name(message.get(), "client-removed");
  gst_structure_set(message.get(), "reason", removal_type(), static_cast<int>(reason), nullptr);
  if (!detail.empty())
    gst_structure_set(message.get(), "detail", G_TYPE_STRING, detail.c_str(), nullptr);
  messages_.post(std::move(message));
}

void ProtocolServer::all_served()
{
  if (has_posted_eos_.exchange(true))
    return;
  GST_INFO_OBJECT(base_, "all clients were served");
  gst_element_post_message(base_, gst_message_new_eos(GST_OBJECT(base_)));
}

void ProtocolServer::client_failed(const ClientInfo &info, const std::string &what)
{
  GST_WARNING_OBJECT(base_, "client %" G_GUINT64_FORMAT " cannot be served: %s", info.id,
                     what.c_str());
}

void ProtocolServer::exhausted(const std::string &what)
{
  GST_ELEMENT_WARNING(base_, RESOURCE, FAILED, ("%s.", what.c_str()),
                      ("clients wait until it can be done again"));
}

}  // namespace kam
