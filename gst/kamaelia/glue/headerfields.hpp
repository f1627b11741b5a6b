// SPDX-License-Identifier: LGPL-2.1-or-later
// Headers as GStreamer's structures can carry them.
#pragma once

#include "core/http/request_parser.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <string>
#include <vector>

namespace kam::glue {

// The values by name in lower case, of those headers that a structure can name; in UTF-8.
StructurePtr header_fields(const char *name, const std::vector<http::Header> &headers);

// An array of strings.
void set_strings(GstStructure *structure, const char *field,
                 const std::vector<std::string> &strings);

}  // namespace kam::glue
