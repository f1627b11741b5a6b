// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/clientbin.hpp"

#include "glue/bytes.hpp"

#include <utility>

namespace kam {

namespace {

using glue::Owned;
using glue::Ref;

GQuark owner_quark()
{
  static const GQuark quark = g_quark_from_static_string("kam-client-bin");
  return quark;
}

template <class Visit>
void for_each_element(GstBin *bin, Visit visit)
{
  const Owned<GstIterator, gst_iterator_free> elements{gst_bin_iterate_recurse(bin)};
  gst_iterator_foreach(
      elements.get(),
      [](const GValue *item, gpointer f) {
        (*static_cast<Visit *>(f))(GST_ELEMENT(g_value_get_object(item)));
      },
      &visit);
}

bool waits_for_the_clock(GstElement *element)
{
  auto *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(element), "sync");
  if (!spec || spec->value_type != G_TYPE_BOOLEAN)
    return false;
  gboolean syncs = FALSE;
  g_object_get(element, "sync", &syncs, nullptr);
  return syncs == TRUE;
}

// What is only plugged once data has come (decodebin) may bring queues.
bool may_grow(GstElement *element)
{
  for (GList *l = gst_element_class_get_pad_template_list(GST_ELEMENT_GET_CLASS(element)); l;
       l = l->next) {
    const auto *pad_template = static_cast<const GstPadTemplate *>(l->data);
    if (GST_PAD_TEMPLATE_PRESENCE(pad_template) == GST_PAD_SOMETIMES &&
        GST_PAD_TEMPLATE_DIRECTION(pad_template) == GST_PAD_SRC)
      return true;
  }
  return false;
}

void set_properties(GstBin *bin, const ClientLaunch &launch)
{
  if (launch.source.empty())
    return;
  for_each_element(bin, [&](GstElement *element) {
    auto *factory = gst_element_get_factory(element);
    if (!factory || launch.source != GST_OBJECT_NAME(factory))
      return;
    for (const auto &[name, value] : launch.source_properties)
      g_object_set_property(G_OBJECT(element), name.c_str(), value.get());
  });
}

// The first open pad of an element itself: what is inside a bin is its own business.
Ref<GstPad> open_pad_of(GstElement *element, GstPadDirection direction)
{
  for (GList *l = direction == GST_PAD_SINK ? element->sinkpads : element->srcpads; l;
       l = l->next)
    if (!gst_pad_is_linked(GST_PAD(l->data)))
      return Ref<GstPad>::share(GST_PAD(l->data));
  return {};
}

}  // namespace

// --- making -------------------------------------------------------------------------------

ClientBin::ClientBin(const Surroundings &around, GstBin *bin)
    : around_{around}, bin_{Ref<GstBin>::adopt(static_cast<GstBin *>(gst_object_ref_sink(bin)))}
{
  g_object_set_qdata(G_OBJECT(bin), owner_quark(), this);
}

ClientBin::~ClientBin()
{
  gst_element_set_state(element(), GST_STATE_NULL);
  gst_element_set_bus(element(), nullptr);
  // An application's element may live on.
  gst_element_set_context(element(), make_reactor_context(nullptr).get());
  g_object_set_qdata(G_OBJECT(bin_.get()), owner_quark(), nullptr);
}

ClientBin::Made ClientBin::make(const Surroundings &around, const ClientLaunch &launch)
{
  GError *error = nullptr;
  GstElement *parsed = launch.line.empty()
                           ? gst_bin_new(nullptr)
                           : gst_parse_launch_full(launch.line.c_str(), nullptr,
                                                   GST_PARSE_FLAG_PLACE_IN_BIN, &error);
  const Owned<GError, g_error_free> owned_error{error};
  if (!parsed || error) {
    if (parsed)
      gst_object_unref(gst_object_ref_sink(parsed));
    return std::string{error ? error->message : "it is empty"};
  }
  // Several elements come in a plain bin, a single one as it is.
  const bool is_made_of_several = G_OBJECT_TYPE(parsed) == GST_TYPE_BIN;
  auto *bin = GST_BIN(is_made_of_several ? parsed : gst_bin_new(nullptr));
  std::unique_ptr<ClientBin> made{new ClientBin{around, bin}};
  made->caps_ = launch.caps;
  Ref<GstPad> into;
  Ref<GstPad> out_of;
  if (is_made_of_several) {
    into = Ref<GstPad>::adopt(gst_bin_find_unlinked_pad(bin, GST_PAD_SINK));
    out_of = Ref<GstPad>::adopt(gst_bin_find_unlinked_pad(bin, GST_PAD_SRC));
  } else {
    gst_bin_add(bin, parsed);
    into = open_pad_of(parsed, GST_PAD_SINK);
    out_of = open_pad_of(parsed, GST_PAD_SRC);
  }
  if (!launch.line.empty() && !into && !out_of)
    return std::string{"no element of it has a pad left for what the client sends or gets"};
  set_properties(bin, launch);
  return finish(std::move(made), into.get(), out_of.get(), launch.always_threads);
}

ClientBin::Made ClientBin::make_around(const Surroundings &around, GstElement *element,
                                       bool always_threads)
{
  auto *bin = GST_BIN(gst_bin_new(nullptr));
  std::unique_ptr<ClientBin> made{new ClientBin{around, bin}};
  if (!gst_bin_add(bin, element))
    return std::string{"the element given for a client is in another bin"};
  const auto into = open_pad_of(element, GST_PAD_SINK);
  const auto out_of = open_pad_of(element, GST_PAD_SRC);
  if (!into && !out_of)
    return std::string{"the element given for a client has no pads"};
  return finish(std::move(made), into.get(), out_of.get(), always_threads);
}

ClientBin::Made ClientBin::finish(std::unique_ptr<ClientBin> made, GstPad *into, GstPad *out_of,
                                  bool always_threads)
{
  if (auto failed = made->link_ends(into, out_of); !failed.empty())
    return failed;
  made->settle_in(always_threads);
  return made;
}

// Without pads to link to, the ends are linked to each other.
std::string ClientBin::link_ends(GstPad *into, GstPad *out_of)
{
  for_each_element(bin_.get(), [this](GstElement *element) {
    has_own_sinks_ = has_own_sinks_ || GST_OBJECT_FLAG_IS_SET(element, GST_ELEMENT_FLAG_SINK);
  });
  const bool is_echo = !into && !out_of;
  Ref<GstPad> sink_pad;
  if (out_of || is_echo) {
    auto *sink = make_client_sink(*this);
    gst_bin_add(bin_.get(), sink);
    sink_pad = Ref<GstPad>::share(GST_PAD(sink->sinkpads->data));
    gives_output_ = true;
  }
  if (into || is_echo) {
    auto *source = make_client_source();
    gst_bin_add(bin_.get(), source);
    source_pad_ = GST_PAD(source->srcpads->data);
    if (!gst_pad_link_maybe_ghosting(source_pad_, into ? into : sink_pad.get()))
      return "its first element does not take what a client sends";
  }
  if (out_of && !gst_pad_link_maybe_ghosting(out_of, sink_pad.get()))
    return "its last element cannot be joined to a client";
  return {};
}

void ClientBin::settle_in(bool always_threads)
{
  bool may_block = always_threads;
  for_each_element(bin_.get(), [&](GstElement *element) {
    may_block = may_block || waits_for_the_clock(element) || may_grow(element);
  });
  has_threads_ = may_block;
  seat_.reactor = &around_.reactor;
  gst_element_set_bus(element(), around_.bus);
  gst_element_set_clock(element(), around_.clock);
  gst_element_set_start_time(element(), GST_CLOCK_TIME_NONE);
  GList *contexts = gst_element_get_contexts(around_.server);
  for (GList *l = contexts; l; l = l->next)
    gst_element_set_context(element(), static_cast<GstContext *>(l->data));
  g_list_free_full(contexts, reinterpret_cast<GDestroyNotify>(gst_context_unref));
  gst_element_set_context(element(), make_reactor_context(&seat_).get());
}

// --- states -------------------------------------------------------------------------------

std::optional<std::string> ClientBin::prepare()
{
  if (gst_element_set_state(element(), GST_STATE_READY) != GST_STATE_CHANGE_FAILURE)
    return std::nullopt;
  auto complaint = *complaint_.lock();
  if (complaint.ends_with('.'))
    complaint.pop_back();
  return complaint.empty() ? "its elements cannot be made ready" : complaint;
}

void ClientBin::attach(User &user, guint64 seed)
{
  user_ = &user;
  crossing_ = std::make_shared<ClientCrossing>(around_.max_queued_bytes);
  shared_crossing_.store(crossing_.get(), std::memory_order_release);
  is_fed_by_task_ = false;
  refuses_input_ = false;
  seat_.seed = seed;
  seat_.reactor = has_threads_ ? nullptr : &around_.reactor;
  seat_.gate.open();
}

void ClientBin::announce(Ref<GstCaps> caps, glue::EventPtr event)
{
  announced_caps_ = std::move(caps);
  announced_event_ = std::move(event);
}

bool ClientBin::start()
{
  gst_element_set_base_time(element(), gst_clock_get_time(around_.clock));
  if (gst_element_set_state(element(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
    return false;
  begin_stream();
  return true;
}

void ClientBin::begin_stream()
{
  if (!source_pad_)
    return;
  gst_pad_push_event(source_pad_, gst_event_new_stream_start("client"));
  // What a user says of its data need not be what the launch can take; it may find out itself.
  const bool is_announced =
      announced_caps_ && gst_pad_peer_query_accept_caps(source_pad_, announced_caps_.get());
  if (const auto &caps = is_announced ? announced_caps_ : caps_)
    gst_pad_push_event(source_pad_, gst_event_new_caps(caps.get()));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  gst_pad_push_event(source_pad_, gst_event_new_segment(&segment));
  if (announced_event_)
    gst_pad_push_event(source_pad_, announced_event_.release());
}

void ClientBin::detach()
{
  user_ = nullptr;
  crossing_->shut();
}

bool ClientBin::stop()
{
  announced_caps_ = {};
  announced_event_ = nullptr;
  const auto result = gst_element_set_state(element(), GST_STATE_READY);
  if (source_pad_)
    gst_pad_stop_task(source_pad_);
  return result == GST_STATE_CHANGE_SUCCESS;
}

// --- from the client ----------------------------------------------------------------------

void ClientBin::give(glue::BufferPtr buffer)
{
  if (refuses_input_)
    return;
  if (!has_threads_) {
    handle_flow(gst_pad_push(source_pad_, buffer.release()));
    return;
  }
  crossing_->give(std::move(buffer));
  if (!std::exchange(is_fed_by_task_, true))
    gst_pad_start_task(
        source_pad_, [](gpointer self) { static_cast<ClientBin *>(self)->feed(); }, this,
        nullptr);
}

void ClientBin::give_end()
{
  if (!source_pad_ || refuses_input_)
    return;
  if (!has_threads_) {
    gst_pad_push_event(source_pad_, gst_event_new_eos());
    return;
  }
  crossing_->end_giving();
  if (!std::exchange(is_fed_by_task_, true))
    gst_pad_start_task(
        source_pad_, [](gpointer self) { static_cast<ClientBin *>(self)->feed(); }, this,
        nullptr);
}

void ClientBin::feed()
{
  const auto crossing = shared_crossing_.load(std::memory_order_acquire)->shared_from_this();
  bool has_room_again = false;
  auto buffer = crossing->receive(has_room_again);
  if (has_room_again)
    around_.reactor.post([this, crossing] {
      if (!crossing->is_shut() && user_)
        user_->handle_input_room();
    });
  if (!buffer) {
    if (!crossing->is_shut())
      gst_pad_push_event(source_pad_, gst_event_new_eos());
    gst_pad_pause_task(source_pad_);
    return;
  }
  const auto flow = gst_pad_push(source_pad_, buffer.release());
  if (flow == GST_FLOW_OK)
    return;
  gst_pad_pause_task(source_pad_);
  around_.reactor.post([this, crossing, flow] {
    if (!crossing->is_shut())
      handle_flow(flow);
  });
}

void ClientBin::handle_flow(GstFlowReturn flow)
{
  if (flow == GST_FLOW_OK || flow == GST_FLOW_FLUSHING)
    return;
  refuses_input_ = true;
  // What stopped with ERROR has said so by a message.
  if (flow != GST_FLOW_EOS && flow != GST_FLOW_ERROR)
    report_error(std::string{"The launch line did not take what the client sent: "} +
                 gst_flow_get_name(flow));
}

// --- to the client ------------------------------------------------------------------------

GstFlowReturn ClientBin::handle_output(glue::BufferPtr buffer)
{
  if (!around_.reactor.is_in_thread()) {
    auto &crossing = *shared_crossing_.load(std::memory_order_acquire);
    bool is_first = false;
    const auto flow = crossing.send(std::move(buffer), is_first);
    if (is_first)
      tell_reactor(crossing);
    return flow;
  }
  if (!user_)
    return GST_FLOW_FLUSHING;
  const glue::ReadMap map{buffer.get()};
  user_->handle_output(map.bytes());
  return GST_FLOW_OK;
}

void ClientBin::handle_output_event(glue::EventPtr event)
{
  if (!around_.reactor.is_in_thread()) {
    auto &crossing = *shared_crossing_.load(std::memory_order_acquire);
    bool is_first = false;
    crossing.send(std::move(event), is_first);
    if (is_first)
      tell_reactor(crossing);
    return;
  }
  if (user_)
    user_->handle_output_event(event.get());
}

void ClientBin::handle_output_end()
{
  if (!around_.reactor.is_in_thread()) {
    auto &crossing = *shared_crossing_.load(std::memory_order_acquire);
    bool is_first = false;
    crossing.end_sending(is_first);
    if (is_first)
      tell_reactor(crossing);
    return;
  }
  if (user_)
    user_->handle_output_end();
}

void ClientBin::tell_reactor(ClientCrossing &shared)
{
  around_.reactor.post([this, crossing = shared.shared_from_this()] {
    if (!crossing->is_shut())
      collect();
  });
}

void ClientBin::collect()
{
  if (!has_threads_)
    return;
  while (user_ && user_->can_take_output()) {
    const auto output = crossing_->take();
    if (const auto *event = std::get_if<glue::EventPtr>(&output)) {
      user_->handle_output_event(event->get());
    } else if (const auto *buffer = std::get_if<glue::BufferPtr>(&output)) {
      const glue::ReadMap map{buffer->get()};
      user_->handle_output(map.bytes());
    } else {
      if (crossing_->has_ended())
        user_->handle_output_end();
      return;
    }
  }
}

// --- messages -----------------------------------------------------------------------------

ClientBin *ClientBin::of_message(GstMessage *message)
{
  auto top = Ref<GstObject>::share(GST_MESSAGE_SRC(message));
  while (top) {
    auto parent = Ref<GstObject>::adopt(gst_object_get_parent(top.get()));
    if (!parent)
      break;
    top = std::move(parent);
  }
  return top ? static_cast<ClientBin *>(g_object_get_qdata(G_OBJECT(top.get()), owner_quark()))
             : nullptr;
}

void ClientBin::handle_message(GstMessage *message)
{
  switch (GST_MESSAGE_TYPE(message)) {
  case GST_MESSAGE_STREAM_STATUS: {
    GstStreamStatusType type{};
    GstElement *owner = nullptr;
    gst_message_parse_stream_status(message, &type, &owner);
    // Sinks start before sources: a source that would push into this thread's queue from the
    // reactor's has not looked for its seat yet.
    if (type == GST_STREAM_STATUS_TYPE_CREATE && !has_threads_.exchange(true))
      seat_.reactor = nullptr;
    break;
  }
  case GST_MESSAGE_ERROR: {
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    const Owned<GError, g_error_free> owned{error};
    report_error(error->message);
    break;
  }
  case GST_MESSAGE_EOS:
    if (around_.reactor.is_in_thread()) {
      if (user_)
        user_->handle_sinks_end();
    } else {
      around_.reactor.post([this, crossing = shared_crossing_.load()->shared_from_this()] {
        if (!crossing->is_shut() && user_)
          user_->handle_sinks_end();
      });
    }
    break;
  case GST_MESSAGE_ELEMENT: report_element_message(message); break;
  case GST_MESSAGE_LATENCY:
    around_.reactor.post([bin = bin_] { gst_bin_recalculate_latency(bin.get()); });
    break;
  default: break;
  }
}

void ClientBin::report_element_message(GstMessage *message)
{
  if (around_.reactor.is_in_thread()) {
    if (user_)
      user_->handle_bin_message(gst_message_get_structure(message));
    return;
  }
  auto *const shared = shared_crossing_.load(std::memory_order_acquire);
  if (shared)
    around_.reactor.post(
        [this, crossing = shared->shared_from_this(), kept = Ref<GstMessage>::share(message)] {
          if (!crossing->is_shut() && user_)
            user_->handle_bin_message(gst_message_get_structure(kept.get()));
        });
}

void ClientBin::report_error(const std::string &what)
{
  if (around_.reactor.is_in_thread()) {
    if (user_)
      user_->handle_bin_error(what);
    return;
  }
  // While the server looks at the launch line nobody has the bin.
  auto *const shared = shared_crossing_.load(std::memory_order_acquire);
  if (!shared) {
    auto complaint = complaint_.lock();
    if (complaint->empty())
      *complaint = what;
    return;
  }
  around_.reactor.post([this, crossing = shared->shared_from_this(), what] {
    if (!crossing->is_shut() && user_)
      user_->handle_bin_error(what);
  });
}

}  // namespace kam
