// SPDX-License-Identifier: LGPL-2.1-or-later
// Where a decoder can begin, in a stream that was joined somewhere: MPEG audio (MP1 to MP3),
// AAC in ADTS, and Ogg.
#pragma once

#include "core/bytes.hpp"

#include <optional>
#include <string_view>

namespace kam::icy {

enum class Framing { unknown, mpeg_audio, adts, ogg };

// From the media type of a response; its parameters are ignored.
Framing framing_of(std::string_view content_type);

// The size of the frame that begins with these bytes, at least `frame_header_size` of them; 0
// if none does. Only for MPEG audio and ADTS.
inline constexpr std::size_t frame_header_size = 7;
std::size_t frame_size(Framing framing, Bytes bytes);

// Whether two frames may belong to one stream.
bool are_alike(Framing framing, Bytes a, Bytes b);

// This much is enough to find a frame and the one after it.
inline constexpr std::size_t sync_window = std::size_t{32} << 10U;

// Where in `window` the first frame begins: one that others follow, because the bytes that mark
// a frame occur inside frames too. Nothing if the window ends too early to tell, or there is
// none; not before a window of `sync_window` bytes is that an answer.
std::optional<std::size_t> find_frame(Framing framing, Bytes window);

}  // namespace kam::icy
