// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

namespace kam {

// Registers the elements that are a protocol server with a launch line and a port of their own,
// as far as the sources they serve are registered.
bool register_server_presets(GstPlugin *plugin);

}  // namespace kam
