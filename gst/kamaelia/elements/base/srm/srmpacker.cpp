// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmpacker.hpp"

namespace kam {

namespace {

// How often a state that is too long for INFO is told to those who have joined since.
constexpr auto interval = srm::second;

}  // namespace

void SrmPacker::start(const SrmSenderValues &values)
{
  media_.mode = values.mode;
  is_raw_ = values.framing == SrmFraming::raw;
  sends_timestamps_ = values.send_timestamps;
  segment_size_ = values.segment_size;
  has_changed_ = true;
  record_.clear();
}

void SrmPacker::forget_media()
{
  media_ = {};
}

void SrmPacker::take_event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
    GstCaps *caps = nullptr;
    gst_event_parse_caps(event, &caps);
    media_.caps = glue::Ref<GstCaps>::share(caps);
    has_changed_ = true;
  } else if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT) {
    gst_event_copy_segment(event, &media_.segment);
    has_changed_ = true;
  } else if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
    GstTagList *tags = nullptr;
    gst_event_parse_tag(event, &tags);
    media_.tags = glue::Ref<GstTagList>::adopt(
        gst_tag_list_merge(media_.tags.get(), tags, GST_TAG_MERGE_REPLACE));
    has_changed_ = true;
  }
}

ByteVector SrmPacker::info()
{
  if (is_raw_)
    return {};
  if (record_.empty())
    record_ = srm_state_record(media_);
  return srm_info_of(record_, segment_size_);
}

std::optional<Bytes> SrmPacker::due_state(std::uint64_t now)
{
  const bool repeats = record_.size() > segment_size_ && now >= told_at_ + interval;
  if (is_raw_ || (!has_changed_ && !repeats))
    return std::nullopt;
  has_changed_ = false;
  told_at_ = now;
  record_ = srm_state_record(media_);
  return record_;
}

srm::RecordHeaderBytes SrmPacker::header_of(GstBuffer *buffer, std::size_t size) const
{
  return srm::RecordHeaderBytes{srm_header_of(buffer, size, sends_timestamps_)};
}

srm::RecordHeaderBytes SrmPacker::header_of_gap(GstEvent *event)
{
  GstClockTime timestamp = GST_CLOCK_TIME_NONE;
  GstClockTime duration = GST_CLOCK_TIME_NONE;
  gst_event_parse_gap(event, &timestamp, &duration);
  return srm::RecordHeaderBytes{srm_header_of_gap(timestamp, duration)};
}

}  // namespace kam
