// SPDX-License-Identifier: LGPL-2.1-or-later
// Between what flows in a pipeline and what reliable multicast carries: buffers and records,
// caps and segment and their text. What comes from the network is checked here.
#pragma once

#include "core/srm/policy.hpp"
#include "core/srm/receiver.hpp"
#include "core/srm/record.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <deque>
#include <optional>
#include <string>
#include <variant>

namespace kam {

// What a receiver has to know to use a stream.
struct SrmMedia {
  srm::Policy mode = srm::Policy::latency;
  glue::Ref<GstCaps> caps;  // may be missing
  GstSegment segment{};     // of format undefined: none
  glue::Ref<GstTagList> tags;

  SrmMedia() { gst_segment_init(&segment, GST_FORMAT_UNDEFINED); }
};

// As a record, header and all; and the INFO for it, of at most `max_size` bytes.
ByteVector srm_state_record(const SrmMedia &media);
ByteVector srm_info_of(const ByteVector &state_record, std::size_t max_size);
std::optional<SrmMedia> parse_srm_media(Bytes text);

srm::RecordHeader srm_header_of(GstBuffer *buffer, std::size_t size, bool with_timestamps);
srm::RecordHeader srm_header_of_gap(GstClockTime timestamp, GstClockTime duration);

struct SrmSenderAway {
  srm::NodeId sender;
  srm::LeaveReason reason;
};
struct SrmGap {
  GstClockTime timestamp;
  GstClockTime duration;
};
struct SrmEnd {};
// What comes out for those downstream, in order.
using SrmItem = std::variant<glue::BufferPtr, SrmMedia, SrmGap, srm::DataLost, srm::SenderSeen,
                             SrmSenderAway, SrmEnd>;

// Makes buffers and what belongs to them of what a receiver hands out.
class SrmUnpacker {
 public:
  explicit SrmUnpacker(std::uint32_t max_message_size)
      : max_message_size_{max_message_size}, reader_{max_message_size}
  {
  }

  void handle(srm::ReceiverEvent event);
  std::optional<SrmItem> poll();
  // Records that were dropped: in part lost, too long, or without sense.
  std::uint64_t dropped_records() const { return dropped_before_ + reader_.dropped(); }

 private:
  // Data is held while it is not known yet what it is, because the INFO is still on its way.
  enum class Kind { unknown, records, raw };
  static constexpr std::size_t max_held_bytes = std::size_t{4} << 20U;

  void handle_event(const srm::ObjectBegins &begins);
  void handle_event(const srm::ObjectInfo &info);
  void handle_event(srm::ObjectData &data);
  void handle_event(const srm::DataLost &lost);
  void handle_event(const srm::ObjectEnds &ends);
  void handle_event(const srm::SenderSeen &seen) { items_.emplace_back(seen); }
  void handle_event(const srm::SenderLeft &left);

  void deliver(const srm::ObjectData &data);
  void release_held();
  void read_records();
  void take_buffer(const srm::Record &record);
  void take_state(const srm::Record &record);
  void take_event(const srm::Record &record);
  void apply(SrmMedia media);
  void emit(glue::BufferPtr buffer);

  std::uint32_t max_message_size_;
  srm::RecordReader reader_;
  std::uint64_t dropped_before_ = 0;  // by readers that are gone
  Kind kind_ = Kind::unknown;
  bool is_stream_ = true;
  bool has_state_ = false;
  bool state_is_in_stream_ = false;
  bool discont_ = true;
  std::deque<srm::ObjectData> held_;  // of unknown kind, or buffers before their state
  std::size_t held_bytes_ = 0;
  std::deque<glue::BufferPtr> waiting_;  // for their caps
  std::deque<SrmItem> items_;
};

}  // namespace kam
