// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/clientpads.hpp"

#include "glue/element.hpp"

#include <atomic>
#include <utility>

namespace kam {

namespace {

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Adds the pad `name` of the class's template.
GstPad *add_pad(GstElement *element, const char *name)
{
  auto *pad = gst_pad_new_from_template(
      gst_element_class_get_pad_template(GST_ELEMENT_GET_CLASS(element), name), name);
  gst_element_add_pad(element, pad);
  return pad;
}

// Takes what the launch makes of a client's bytes. It is not flagged as a sink, so that a bin
// is at its end (EOS) when the launch's own sinks are.
class ClientSink final {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamClientSink";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass)
  {
    glue::describe(klass, {"Client's sink", "Sink/Network", "To the client", nullptr});
    gst_element_class_add_static_pad_template(klass, &sink_template);
  }

  explicit ClientSink(Base *base)
  {
    auto *pad = add_pad(base, "sink");
    gst_pad_set_chain_function(pad, [](GstPad *, GstObject *self, GstBuffer *buffer) {
      return glue::impl_of<ClientSink>(self).end().handle_output(glue::BufferPtr{buffer});
    });
    gst_pad_set_event_function(pad, [](GstPad *, GstObject *self, GstEvent *event) -> gboolean {
      glue::impl_of<ClientSink>(self).handle_event(glue::EventPtr{event});
      return TRUE;
    });
  }

  void handle_event(glue::EventPtr event)
  {
    switch (GST_EVENT_TYPE(event.get())) {
    case GST_EVENT_EOS: end().handle_output_end(); break;
    case GST_EVENT_CAPS:
    case GST_EVENT_TAG:
    case GST_EVENT_CUSTOM_DOWNSTREAM:
    case GST_EVENT_CUSTOM_DOWNSTREAM_OOB:
    case GST_EVENT_CUSTOM_DOWNSTREAM_STICKY: end().handle_output_event(std::move(event)); break;
    default: break;
    }
  }
  void set_end(ClientEnd &end) { end_.store(&end, std::memory_order_release); }

 private:
  // Any thread may push.
  ClientEnd &end() const { return *end_.load(std::memory_order_acquire); }

  std::atomic<ClientEnd *> end_ = nullptr;
};

class ClientSource final {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamClientSource";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass)
  {
    glue::describe(klass, {"Client's source", "Source/Network", "From the client", nullptr});
    klass->change_state = glue::vfunc<&ClientSource::change_state>;
    gst_element_class_add_static_pad_template(klass, &src_template);
  }

  explicit ClientSource(Base *base) : base_{base}
  {
    auto *pad = add_pad(base, "src");
    gst_pad_use_fixed_caps(pad);
    gst_pad_set_query_function(pad,
                               [](GstPad *of, GstObject *self, GstQuery *query) -> gboolean {
                                 if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY)
                                   return gst_pad_query_default(of, self, query);
                                 gst_query_set_latency(query, TRUE, 0, GST_CLOCK_TIME_NONE);
                                 return TRUE;
                               });
    GST_OBJECT_FLAG_SET(base, GST_ELEMENT_FLAG_SOURCE);
  }

  // Live: sinks of the launch do not wait for data before they are PLAYING.
  GstStateChangeReturn change_state(GstStateChange transition)
  {
    const auto result =
        glue::parent_class_of<ClientSource>(base_)->change_state(base_, transition);
    const bool is_paused = transition == GST_STATE_CHANGE_READY_TO_PAUSED ||
                           transition == GST_STATE_CHANGE_PLAYING_TO_PAUSED;
    return is_paused && result == GST_STATE_CHANGE_SUCCESS ? GST_STATE_CHANGE_NO_PREROLL
                                                           : result;
  }

 private:
  Base *base_;
};

}  // namespace

GstElement *make_client_sink(ClientEnd &end)
{
  auto *element = GST_ELEMENT(g_object_new(glue::type_of<ClientSink>(), nullptr));
  glue::impl_of<ClientSink>(element).set_end(end);
  return element;
}

GstElement *make_client_source()
{
  return GST_ELEMENT(g_object_new(glue::type_of<ClientSource>(), nullptr));
}

}  // namespace kam
