// SPDX-License-Identifier: LGPL-2.1-or-later
// What upstream knows about the file that it reads.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <optional>
#include <string>

namespace kam {

// In bytes.
std::optional<std::uint64_t> upstream_size(GstPad *sink);

// The last part of its path; empty if there is none.
std::string upstream_file_name(GstPad *sink);

}  // namespace kam
