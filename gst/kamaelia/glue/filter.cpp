// SPDX-License-Identifier: LGPL-2.1-or-later
#include "glue/filter.hpp"

#include <utility>

GST_DEBUG_CATEGORY_STATIC(filter_debug);
#define GST_CAT_DEFAULT filter_debug

namespace kam::glue {
namespace {

// Lists are pushed when they are this long, so that one huge buffer of tiny pieces does not
// become one huge list.
constexpr guint max_list_length = 256;

GstPad *pad_of_class(GstElement *element, const char *name)
{
  auto *klass = GST_ELEMENT_GET_CLASS(element);
  return gst_pad_new_from_template(gst_element_class_get_pad_template(klass, name), name);
}

// The element's C++ object, wherever in it the filter lies.
Filter *filter_of(GstPad *pad)
{
  return static_cast<Filter *>(gst_pad_get_element_private(pad));
}

}  // namespace

Filter::Filter(GstElement *element)
    : element_{element},
      sink_{pad_of_class(element, "sink")},
      src_{pad_of_class(element, "src")}
{
  GST_DEBUG_CATEGORY_INIT(filter_debug, "kamaeliafilter", 0, "What our filters do alike");
  gst_pad_set_element_private(sink_, this);
  gst_pad_set_element_private(src_, this);
  gst_pad_set_chain_function(sink_, [](GstPad *pad, GstObject *, GstBuffer *buffer) noexcept {
    return filter_of(pad)->chain(buffer);
  });
  gst_pad_set_chain_list_function(sink_,
                                  [](GstPad *pad, GstObject *, GstBufferList *list) noexcept {
                                    return filter_of(pad)->chain_list(list);
                                  });
  gst_pad_set_event_function(
      sink_, [](GstPad *pad, GstObject *, GstEvent *event) noexcept -> gboolean {
        return filter_of(pad)->sink_event(event);
      });
  gst_pad_set_query_function(
      sink_, [](GstPad *pad, GstObject *, GstQuery *query) noexcept -> gboolean {
        return filter_of(pad)->sink_query(query);
      });
  gst_pad_set_query_function(
      src_, [](GstPad *pad, GstObject *, GstQuery *query) noexcept -> gboolean {
        return filter_of(pad)->src_query(query);
      });
  gst_pad_set_activatemode_function(
      sink_,
      [](GstPad *pad, GstObject *, GstPadMode mode, gboolean active) noexcept -> gboolean {
        return mode == GST_PAD_MODE_PUSH && filter_of(pad)->activate(active);
      });
  gst_element_add_pad(element_, sink_);
  gst_element_add_pad(element_, src_);
}

std::optional<Ref<GstCaps>> Filter::source_caps(GstCaps *sink_caps)
{
  return Ref<GstCaps>::share(sink_caps);
}

void Filter::emit(BufferPtr buffer)
{
  if (flow_ != GST_FLOW_OK)
    return;
  if (!single_ && !list_) {
    single_ = std::move(buffer);
    return;
  }
  if (!list_) {
    list_.reset(gst_buffer_list_new_sized(16));
    gst_buffer_list_add(list_.get(), single_.release());
  }
  gst_buffer_list_add(list_.get(), buffer.release());
  if (gst_buffer_list_length(list_.get()) >= max_list_length)
    flow_ = gst_pad_push_list(src_, list_.release());
}

void Filter::fail(GstFlowReturn flow)
{
  push_gathered();
  if (flow_ == GST_FLOW_OK)
    flow_ = flow;
}

GstFlowReturn Filter::push_emitted()
{
  push_gathered();
  return std::exchange(flow_, GST_FLOW_OK);
}

void Filter::push_gathered()
{
  if (flow_ == GST_FLOW_OK && list_)
    flow_ = gst_pad_push_list(src_, list_.release());
  if (flow_ == GST_FLOW_OK && single_)
    flow_ = gst_pad_push(src_, single_.release());
  list_.reset();
  single_.reset();
}

GstFlowReturn Filter::chain(GstBuffer *buffer)
{
  handle_buffer(BufferPtr{buffer});
  return push_emitted();
}

GstFlowReturn Filter::chain_list(GstBufferList *list)
{
  const BufferListPtr owned{gst_buffer_list_make_writable(list)};
  // Each buffer is taken out of the list, so that the one who gets it is its only owner and
  // may change it in place.
  gst_buffer_list_foreach(
      owned.get(),
      [](GstBuffer **buffer, guint, gpointer self) noexcept -> gboolean {
        auto *filter = static_cast<Filter *>(self);
        filter->handle_buffer(BufferPtr{std::exchange(*buffer, nullptr)});
        return filter->flow_ == GST_FLOW_OK;
      },
      this);
  return push_emitted();
}

bool Filter::sink_event(GstEvent *event)
{
  EventPtr owned{event};
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_CAPS: {
    drain();
    push_emitted();
    GstCaps *caps = nullptr;
    gst_event_parse_caps(event, &caps);
    return handle_caps(caps);
  }
  case GST_EVENT_SEGMENT:
    drain();
    push_emitted();
    negotiate_without_caps();
    break;
  case GST_EVENT_EOS:
    end();
    push_emitted();
    break;
  case GST_EVENT_FLUSH_STOP: flush(); break;
  default: break;
  }
  return gst_pad_event_default(sink_, GST_OBJECT(element_), owned.release());
}

bool Filter::handle_caps(GstCaps *caps)
{
  const auto chosen = source_caps(caps);
  if (!chosen) {
    GST_WARNING_OBJECT(sink_, "caps %" GST_PTR_FORMAT " refused", static_cast<void *>(caps));
    return false;
  }
  if (!*chosen)
    return true;
  const Ref<GstCaps> current = Ref<GstCaps>::adopt(gst_pad_get_current_caps(src_));
  if (current && gst_caps_is_equal(current.get(), chosen->get()))
    return true;
  return gst_pad_push_event(src_, gst_event_new_caps(chosen->get()));
}

bool Filter::renegotiate()
{
  const auto sink_caps = Ref<GstCaps>::adopt(gst_pad_get_current_caps(sink_));
  push_gathered();
  return handle_caps(sink_caps.get());
}

// Data may come without caps (filesrc, udpsrc); what leaves has some where they are known,
// and they have to be there before the segment.
bool Filter::negotiate_without_caps()
{
  if (gst_pad_has_current_caps(sink_) || gst_pad_has_current_caps(src_))
    return true;
  return handle_caps(nullptr);
}

bool Filter::sink_query(GstQuery *query)
{
  switch (GST_QUERY_TYPE(query)) {
  case GST_QUERY_DRAIN:
    drain();
    push_emitted();
    return gst_pad_peer_query(src_, query);
  case GST_QUERY_ALLOCATION:
    // Buffers change their size here: what downstream would like does not fit upstream.
    return false;
  case GST_QUERY_CAPS:
    if (keeps_caps())
      return gst_pad_proxy_query_caps(sink_, query);
    break;
  case GST_QUERY_ACCEPT_CAPS:
    if (keeps_caps())
      return gst_pad_proxy_query_accept_caps(sink_, query);
    break;
  default: break;
  }
  return gst_pad_query_default(sink_, GST_OBJECT(element_), query);
}

bool Filter::src_query(GstQuery *query)
{
  if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY)
    return answer_latency(query);
  if (GST_QUERY_TYPE(query) == GST_QUERY_CAPS && keeps_caps())
    return gst_pad_proxy_query_caps(src_, query);
  return gst_pad_query_default(src_, GST_OBJECT(element_), query);
}

bool Filter::answer_latency(GstQuery *query)
{
  if (!gst_pad_peer_query(sink_, query))
    return false;
  const auto added = added_latency();
  if (added == 0)
    return true;
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = 0;
  gst_query_parse_latency(query, &live, &min, &max);
  // What waits here is held as long as it takes, so there is no upper bound any more.
  gst_query_set_latency(query, live, min + added, GST_CLOCK_TIME_NONE);
  return true;
}

bool Filter::activate(bool active)
{
  // Downstream is flushing by now, so that a push under way returns and lets the lock go.
  GST_PAD_STREAM_LOCK(sink_);
  if (active) {
    flow_ = GST_FLOW_OK;
    start();
  } else {
    stop();
    list_.reset();
    single_.reset();
  }
  GST_PAD_STREAM_UNLOCK(sink_);
  return true;
}

}  // namespace kam::glue
