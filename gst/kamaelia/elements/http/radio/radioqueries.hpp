// SPDX-License-Identifier: LGPL-2.1-or-later
// What the base class of sources does not know of one that listens to a station.
#pragma once

#include <gst/gst.h>

namespace kam::icy {

// Completes what the base class has answered; whether there is an answer then.
bool complete_answer(GstQuery *query, bool answered);

}  // namespace kam::icy
