// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmconverter.hpp"

namespace kam {

namespace {

GstPad *make_pad(GstStaticPadTemplate &pad)
{
  return gst_pad_new_from_static_template(&pad, pad.name_template);
}

}  // namespace

SrmConverter::SrmConverter(GstElement *element, GstStaticPadTemplate &sink,
                           GstStaticPadTemplate &src, GstStaticPadTemplate &feedback)
    : element_{element},
      sink_{make_pad(sink)},
      src_{make_pad(src)},
      feedback_{make_pad(feedback)}
{
  make_feedback_pad(feedback_);
  link_inside(sink_, src_);
}

bool SrmConverter::sink_event(GstEvent *event)
{
  const glue::EventPtr owner{event};
  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_FLUSH_START:
    set_flushing(true);
    gst_pad_push_event(src_, gst_event_ref(event));
    pause_tasks();
    break;
  case GST_EVENT_FLUSH_STOP:
    gst_pad_push_event(src_, gst_event_ref(event));
    begin_again();
    set_flushing(false);
    start_tasks();
    break;
  case GST_EVENT_CUSTOM_DOWNSTREAM:
  case GST_EVENT_CUSTOM_BOTH: {
    const Lock lock{mutex_};
    passing_.emplace_back(gst_event_ref(event));
    wake();
    break;
  }
  case GST_EVENT_CUSTOM_DOWNSTREAM_OOB:
  case GST_EVENT_CUSTOM_BOTH_OOB: gst_pad_push_event(src_, gst_event_ref(event)); break;
  default: handle_event(event); break;
  }
  return true;
}

void SrmConverter::set_flushing(bool flushing)
{
  const Lock lock{mutex_};
  is_flushing_ = flushing;
  if (!flushing)
    flow_ = GST_FLOW_OK;
  wake();
}

void SrmConverter::wait_for_input() const
{
  GST_PAD_STREAM_LOCK(sink_);
  GST_PAD_STREAM_UNLOCK(sink_);
}

void SrmConverter::stop_task(GstFlowReturn flow)
{
  {
    const Lock lock{mutex_};
    if (flow != GST_FLOW_FLUSHING)
      flow_ = flow;
    wake();
  }
  if (flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS) {
    GST_ELEMENT_FLOW_ERROR(element_, flow);
    gst_pad_push_event(src_, gst_event_new_eos());
  }
  gst_pad_pause_task(src_);
}

void SrmConverter::push(std::deque<glue::EventPtr> &events) const
{
  for (auto &event : events)
    gst_pad_push_event(src_, event.release());
  events.clear();
}

}  // namespace kam
