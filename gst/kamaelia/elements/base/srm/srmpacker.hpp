// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/srm/srmmedia.hpp"
#include "elements/base/srm/srmproperties.hpp"

#include <cstdint>
#include <optional>

namespace kam {

// What a sender writes around buffers, and when it says what receivers have to know.
class SrmPacker {
 public:
  // Before the first data of a run; what is known of the media stays.
  void start(const SrmSenderValues &values);
  void forget_media();
  // Remembers of CAPS, SEGMENT and TAG what travels; others are nothing to it.
  void take_event(GstEvent *event);

  bool is_raw() const { return is_raw_; }
  // Receivers do without what the stream is.
  void set_raw() { is_raw_ = true; }
  // The INFO to begin with.
  ByteVector info();
  // A record to be written now, because something has changed, or somebody may have joined
  // who cannot get it by INFO. Its INFO is info(). Valid until the next call.
  std::optional<Bytes> due_state(std::uint64_t now);
  srm::RecordHeaderBytes header_of(GstBuffer *buffer, std::size_t size) const;
  static srm::RecordHeaderBytes header_of_gap(GstEvent *event);

 private:
  SrmMedia media_;
  bool is_raw_ = false;
  bool sends_timestamps_ = true;
  std::size_t segment_size_ = 0;
  bool has_changed_ = true;
  std::uint64_t told_at_ = 0;
  ByteVector record_;
};

}  // namespace kam
