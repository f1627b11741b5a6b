// SPDX-License-Identifier: LGPL-2.1-or-later
// The tag of a frame as a meta on its buffer, for tags that are words.
//
// A custom meta named "KamFrameTag" whose structure has one field, "tag" (string). Sequence
// numbers travel as the buffer's OFFSET instead.
#pragma once

#include <gst/gst.h>

#include <string>
#include <string_view>

namespace kam {

inline constexpr auto frame_tag_meta = "KamFrameTag";

// Once per process, before the first use; further calls do nothing.
void register_frame_tag_meta();
void set_frame_tag(GstBuffer *writable_buffer, std::string_view tag);
// Null if there is none. Valid as long as the buffer is.
const char *frame_tag_of(GstBuffer *buffer);

}  // namespace kam
