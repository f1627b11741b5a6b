// SPDX-License-Identifier: LGPL-2.1-or-later
// As much XML as it takes to find the streams in an XSPF playlist.
#pragma once

#include "core/http/playlist.hpp"

#include <functional>
#include <string_view>

namespace kam::http {

// Whether XML that begins like this, with '<', has <playlist> for its first element.
PlaylistGuess guess_xspf(std::string_view text);

using TrackTaker = std::function<void(std::string_view location, std::string_view title)>;

// Calls `add` for each <location> of each <track>, with the <title> of the track; several
// locations are one track at several places. Nothing is ever looked up: entities other than
// the five of XML stay as they are, and so does an & that begins none. False if the XML does
// not make sense up to its end; what was before that has been added.
bool read_xspf(std::string_view text, const TrackTaker &add);

}  // namespace kam::http
