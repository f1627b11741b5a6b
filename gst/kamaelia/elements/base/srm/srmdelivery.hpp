// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/srm/srmmedia.hpp"
#include "elements/base/srm/srmproperties.hpp"
#include "elements/base/srm/srmtimeline.hpp"

#include <gst/gst.h>

#include <atomic>
#include <functional>
#include <optional>

namespace kam {

// What srmsrc and srmdec do alike with what a receiver hands out: events downstream, messages
// on the bus, and which of the two modes it is. Buffers are pushed by the element.
class SrmDelivery {
 public:
  struct Callbacks {
    std::function<void(srm::Policy)> set_policy;  // the sender says how it sends
    // A segment that has to be sent; none: one that only has to have been.
    std::function<void(const GstSegment *)> push_segment;
  };
  SrmDelivery(GstElement *element, GstPad *src, Callbacks callbacks)
      : element_{element}, src_{src}, callbacks_{std::move(callbacks)}
  {
  }

  // Before the streaming thread begins.
  void start(const SrmReceiverValues &values);
  // Whether something is given up after "latency"; from any thread.
  bool is_latency_bounded() const { return is_latency_bounded_; }

  // To the answer of a query, what may be waited for here.
  void add_latency(GstQuery *query, GstClockTime latency) const;

  // --- the streaming thread
  // All but buffers and the end.
  void handle(const SrmItem &item);
  // Whether something is to be said before the next buffer.
  bool has_lost() const { return has_lost_; }
  // What has to be pushed before this buffer is pushed now, its segment included.
  void announce(GstBuffer *buffer);
  // Times that come, if there are any, are the sender's.
  bool has_sender_time() const { return timeline_.has_segment(); }
  // Those that the user gave.
  void set_caps(GstCaps *caps);
  bool has_caps() const { return static_cast<bool>(caps_); }
  GstClockTime running_time() const;

 private:
  void handle_media(const SrmMedia &media);
  void set_mode(srm::Policy policy);

  GstElement *element_;
  GstPad *src_;
  Callbacks callbacks_;
  bool follows_sender_ = true;  // mode=auto
  std::atomic<bool> is_latency_bounded_ = false;
  SrmTimeline timeline_;
  glue::Ref<GstCaps> caps_;
  bool has_lost_ = false;
};

}  // namespace kam
