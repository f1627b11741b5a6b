// SPDX-License-Identifier: LGPL-2.1-or-later
// What all our one-in-one-out elements do alike: pads, buffer lists, events, queries.
//
// A plain GstElement with chain and chain_list, because GstBaseTransform and GstBaseParse
// take buffer lists apart and cost several times as much per buffer.
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <optional>

namespace kam::glue {

// The base of an Impl with one sink pad and one source pad. All virtual functions run in the
// streaming thread, under the sink pad's stream lock, unless they say otherwise.
class Filter {
 public:
  Filter(const Filter &) = delete;
  Filter &operator=(const Filter &) = delete;

 protected:
  // Makes and adds the pads "sink" and "src" from the templates of the element's class.
  explicit Filter(GstElement *element);
  virtual ~Filter() = default;

  // Before the first data after READY; with everything as new.
  virtual void start() {}
  // On the way to READY: gives back what is held. No data flows.
  virtual void stop() {}
  // Takes one buffer and calls emit() any number of times.
  virtual void handle_buffer(BufferPtr buffer) = 0;
  // Emits everything that is still held, complete or not: at EOS, before other caps or
  // another segment, and when a DRAIN query asks for it.
  virtual void drain() {}
  // At EOS.
  virtual void end() { drain(); }
  // Forgets everything that is held: after a flush.
  virtual void flush() {}
  // The caps of the source pad for those of the sink pad (nullptr: data came without any).
  // Nothing refuses the sink caps. By default they pass as they are.
  virtual std::optional<Ref<GstCaps>> source_caps(GstCaps *sink_caps);
  // By how much the element delays data, in nanoseconds. Any thread.
  virtual GstClockTime added_latency() const { return 0; }
  // Whether both pads have the same caps, so that CAPS queries are passed on. Any thread.
  virtual bool keeps_caps() const { return true; }

  // Hands a buffer downstream: at once, or in a list with others. Takes ownership.
  void emit(BufferPtr buffer);
  // Pushes what emit() has gathered. Returns the worst that downstream has said since.
  GstFlowReturn push_emitted();
  // Makes the current chain call end with `flow`; for errors that were posted. What was
  // emitted before still goes downstream, what is emitted after does not.
  void fail(GstFlowReturn flow);
  // Asks source_caps() again, after a change of settings. Only for the streaming thread.
  bool renegotiate();
  // Runs `work` as the streaming thread would, from another thread: emit() may be called.
  template <class Work>
  void run_in_stream(Work work)
  {
    GST_PAD_STREAM_LOCK(sink_);
    work();
    push_emitted();
    GST_PAD_STREAM_UNLOCK(sink_);
  }

  GstElement *element() const { return element_; }
  GstPad *sink_pad() const { return sink_; }
  GstPad *source_pad() const { return src_; }

 private:
  void push_gathered();
  GstFlowReturn chain(GstBuffer *buffer);
  GstFlowReturn chain_list(GstBufferList *list);
  bool sink_event(GstEvent *event);
  bool handle_caps(GstCaps *caps);
  bool negotiate_without_caps();
  bool sink_query(GstQuery *query);
  bool src_query(GstQuery *query);
  bool answer_latency(GstQuery *query);
  bool activate(bool active);

  GstElement *element_;
  GstPad *sink_;
  GstPad *src_;
  BufferPtr single_;
  BufferListPtr list_;
  GstFlowReturn flow_ = GST_FLOW_OK;
};

}  // namespace kam::glue
