// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/srm/srmpads.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <deque>
#include <mutex>

namespace kam {

// What srmenc and srmdec are alike: one pad for data in and one for data out, which has a task
// of its own, because repair has its own time; and one for the way back. Flushes and events of
// the application find their way through.
class SrmConverter {
 public:
  SrmConverter(const SrmConverter &) = delete;
  SrmConverter &operator=(const SrmConverter &) = delete;

  bool sink_event(GstEvent *event);

 protected:
  using Lock = std::unique_lock<std::mutex>;

  SrmConverter(GstElement *element, GstStaticPadTemplate &sink, GstStaticPadTemplate &src,
               GstStaticPadTemplate &feedback);
  virtual ~SrmConverter() = default;

  // Impl has chain(), activate_sink() and activate_src().
  template <class Impl>
  void wire();

  // --- what one does and the other does differently
  // Of the sink pad, any other than those of flushing and of the application.
  virtual void handle_event(GstEvent *event) = 0;
  virtual bool start_tasks() = 0;
  virtual void pause_tasks() { gst_pad_pause_task(src_); }
  // What was there before a flush is forgotten.
  virtual void begin_again() = 0;
  // With the lock: something is to be looked at, or flushing has begun or ended.
  virtual void wake() = 0;

  void set_flushing(bool flushing);
  // Returns when no data is on its way in any more. Flushing has to be on.
  void wait_for_input() const;
  // Why the task of the source pad ends; who pushes to us is told the same.
  void stop_task(GstFlowReturn flow);
  void push(std::deque<glue::EventPtr> &events) const;

  GstElement *element_;
  GstPad *sink_;
  GstPad *src_;
  GstPad *feedback_;

  mutable std::mutex mutex_;
  bool is_flushing_ = true;
  GstFlowReturn flow_ = GST_FLOW_OK;
  std::deque<glue::EventPtr> passing_;  // events on their way through
};

template <class Impl>
void SrmConverter::wire()
{
  gst_pad_set_chain_function(sink_,
                             [](GstPad *, GstObject *parent, GstBuffer *buffer) noexcept {
                               return glue::impl_of<Impl>(parent).chain(buffer);
                             });
  gst_pad_set_event_function(
      sink_, [](GstPad *, GstObject *parent, GstEvent *event) noexcept -> gboolean {
        return glue::impl_of<Impl>(parent).sink_event(event);
      });
  set_activation<&Impl::activate_sink>(sink_);
  set_activation<&Impl::activate_src>(src_);
  for (auto *const pad : {sink_, src_, feedback_})
    gst_element_add_pad(element_, pad);
}

}  // namespace kam
