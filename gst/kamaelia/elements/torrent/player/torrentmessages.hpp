// SPDX-License-Identifier: LGPL-2.1-or-later
// What is known of a torrent, as structures for messages and properties.
#pragma once

#include "elements/torrent/swarm/torrentsession.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <string>

namespace kam {

// name, comment, created-by, private, size (bytes), piece-length, pieces, v1, v2, and files: an
// array of structures with index, path, size.
glue::StructurePtr contents_structure(const char *name, const torrent::Contents *contents);

// state, fraction-done, and what TorrentStatus has, under the same names.
glue::StructurePtr status_structure(const char *name, const torrent::TorrentStatus &status);

// What is played, for who shows it: on the bus, and to `pad` too if it is given. Nothing if it
// is no text.
void tell_title(GstElement *element, GstPad *pad, const std::string &title);

}  // namespace kam
