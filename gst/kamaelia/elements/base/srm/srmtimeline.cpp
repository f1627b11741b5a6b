// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmtimeline.hpp"

namespace kam {

void SrmTimeline::set_segment(const GstSegment &segment)
{
  if (segment.format != GST_FORMAT_TIME || gst_segment_is_equal(&segment, &segment_))
    return;
  segment_ = segment;
  is_pending_ = true;
}

std::optional<GstSegment> SrmTimeline::take_segment(GstBuffer *first, GstClockTime running_time)
{
  if (!is_pending_)
    return std::nullopt;
  if (!shift_ && GST_BUFFER_PTS_IS_VALID(first)) {
    const auto theirs =
        gst_segment_to_running_time(&segment_, GST_FORMAT_TIME, GST_BUFFER_PTS(first));
    if (GST_CLOCK_TIME_IS_VALID(theirs))
      shift_ = GST_CLOCK_DIFF(theirs, running_time);
  }
  is_pending_ = false;
  auto ours = segment_;
  if (shift_ && !gst_segment_offset_running_time(&ours, GST_FORMAT_TIME, *shift_))
    return segment_;
  return ours;
}

std::optional<std::pair<GstClockTime, GstClockTime>> SrmTimeline::hole_before(
    GstBuffer *buffer) const
{
  const auto next = GST_BUFFER_PTS(buffer);
  if (!GST_CLOCK_TIME_IS_VALID(end_) || !GST_CLOCK_TIME_IS_VALID(next) || next <= end_)
    return std::nullopt;
  return std::pair{end_, next - end_};
}

void SrmTimeline::note(GstBuffer *buffer)
{
  end_ = GST_BUFFER_PTS(buffer);
  if (GST_CLOCK_TIME_IS_VALID(end_) && GST_BUFFER_DURATION_IS_VALID(buffer))
    end_ += GST_BUFFER_DURATION(buffer);
}

}  // namespace kam
