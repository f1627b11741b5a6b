// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmdelivery.hpp"

#include "elements/base/srm/srmmessages.hpp"

#include <utility>

namespace kam {

void SrmDelivery::start(const SrmReceiverValues &values)
{
  follows_sender_ = values.mode == SrmReceiveMode::automatic;
  is_latency_bounded_ = values.mode == SrmReceiveMode::latency;
  timeline_ = SrmTimeline{};
  caps_ = {};
  has_lost_ = false;
}

void SrmDelivery::add_latency(GstQuery *query, GstClockTime latency) const
{
  if (!is_latency_bounded_)
    return;
  gboolean live = FALSE;
  GstClockTime min = 0;
  GstClockTime max = GST_CLOCK_TIME_NONE;
  gst_query_parse_latency(query, &live, &min, &max);
  if (GST_CLOCK_TIME_IS_VALID(max))
    max += latency;
  gst_query_set_latency(query, live, min + latency, max);
}

void SrmDelivery::handle(const SrmItem &item)
{
  if (const auto *media = std::get_if<SrmMedia>(&item)) {
    handle_media(*media);
  } else if (const auto *gap = std::get_if<SrmGap>(&item)) {
    gst_pad_push_event(src_, gst_event_new_gap(gap->timestamp, gap->duration));
  } else if (const auto *lost = std::get_if<srm::DataLost>(&item)) {
    has_lost_ = true;
    post_srm_data_lost(element_, *lost);
  } else if (const auto *seen = std::get_if<srm::SenderSeen>(&item)) {
    post_srm_sender_seen(element_, *seen);
  } else if (const auto *away = std::get_if<SrmSenderAway>(&item)) {
    post_srm_sender_lost(element_, *away);
    // Who comes next has another time.
    timeline_ = SrmTimeline{};
  }
}

// The sender's time begins anywhere; ours begins with the first of its buffers that comes.
void SrmDelivery::announce(GstBuffer *buffer)
{
  const auto segment = timeline_.take_segment(buffer, running_time());
  callbacks_.push_segment(segment ? &*segment : nullptr);
  if (std::exchange(has_lost_, false)) {
    if (const auto hole = timeline_.hole_before(buffer))
      gst_pad_push_event(src_, gst_event_new_gap(hole->first, hole->second));
  }
  timeline_.note(buffer);
}

void SrmDelivery::handle_media(const SrmMedia &media)
{
  set_mode(media.mode);
  if (media.caps)
    set_caps(media.caps.get());
  timeline_.set_segment(media.segment);
  if (media.tags)
    gst_pad_push_event(src_, gst_event_new_tag(gst_tag_list_copy(media.tags.get())));
}

void SrmDelivery::set_mode(srm::Policy policy)
{
  if (!follows_sender_)
    return;
  callbacks_.set_policy(policy);
  const bool is_bounded = policy == srm::Policy::latency;
  if (is_latency_bounded_.exchange(is_bounded) != is_bounded)
    gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT(element_)));
}

void SrmDelivery::set_caps(GstCaps *caps)
{
  if (caps_ && gst_caps_is_equal(caps_.get(), caps))
    return;
  caps_ = glue::Ref<GstCaps>::share(caps);
  gst_pad_push_event(src_, gst_event_new_caps(caps));
}

GstClockTime SrmDelivery::running_time() const
{
  const auto clock = glue::Ref<GstClock>::adopt(gst_element_get_clock(element_));
  if (!clock)
    return 0;
  const auto now = gst_clock_get_time(clock.get());
  const auto base = gst_element_get_base_time(element_);
  return now > base ? now - base : 0;
}

}  // namespace kam
