// SPDX-License-Identifier: LGPL-2.1-or-later
// What comes of listening to a station.
#pragma once

#include "core/icy/metadata.hpp"
#include "elements/http/radio/radiofailure.hpp"
#include "glue/refs.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kam::icy {

struct Connected {
  std::string address;   // behind playlists and redirects
  std::string playlist;  // the station's own address, if that was one
};
// A connection ended, or could not be made.
struct Disconnected {
  http::RadioFailure failure;
  bool had_data = false;
  bool will_retry = false;
};
struct Metadata {
  std::vector<MetadataField> fields;
};
// The comments of an Ogg stream whose headers are not passed on.
struct Comments {
  std::vector<std::string> lines;  // "KEY=value"
};
// Nothing follows: the end of a file, or a station for which there is no hope.
struct Ended {
  std::optional<http::RadioFailure> failure;
};
struct Interrupted {};
using RadioEvent = std::variant<glue::BufferPtr, Connected, Disconnected, Metadata, Comments,
                                Ended, Interrupted>;

}  // namespace kam::icy
