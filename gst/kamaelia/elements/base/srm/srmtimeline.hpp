// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

#include <optional>
#include <utility>

namespace kam {

// Lays a sender's time over the receiver's: the first buffer that comes is played when it
// comes, the others as far from it as the sender says.
class SrmTimeline {
 public:
  SrmTimeline() { gst_segment_init(&segment_, GST_FORMAT_UNDEFINED); }

  // Whether buffers have times of the sender.
  bool has_segment() const { return segment_.format == GST_FORMAT_TIME; }
  // What the sender says; other formats than time have none to be laid over.
  void set_segment(const GstSegment &segment);
  // The segment that has to be sent before this buffer, if there is one.
  std::optional<GstSegment> take_segment(GstBuffer *first, GstClockTime running_time);
  // Timestamp and duration of what is missing before this buffer, as far as times tell.
  std::optional<std::pair<GstClockTime, GstClockTime>> hole_before(GstBuffer *buffer) const;
  // The buffer has been passed on.
  void note(GstBuffer *buffer);

 private:
  GstSegment segment_{};
  bool is_pending_ = false;
  std::optional<GstClockTimeDiff> shift_;   // from the sender's running time to ours
  GstClockTime end_ = GST_CLOCK_TIME_NONE;  // of the last buffer
};

}  // namespace kam
