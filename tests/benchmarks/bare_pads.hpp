// SPDX-License-Identifier: LGPL-2.1-or-later
// Elements timed between two bare pads, so that no source or sink is in the figure.
#pragma once

#include <gst/gst.h>

#include <functional>
#include <string>

namespace kam::bench {

// Makes the i-th input buffer; owned by the caller.
using MakeBuffer = std::function<GstBuffer *(guint64 i)>;

struct Chain {
  std::string name;
  std::string launch;  // elements joined by `!`; the first takes data, the last may end it
  std::string caps;
  MakeBuffer input;
  guint64 inputs = G_MAXUINT64;  // how many there are
};

// Seconds per input buffer for `count` of them, until the last has left the chain.
double seconds_per_buffer(const Chain &chain, guint64 count);

// How many buffers take about so many seconds.
guint64 count_for(const Chain &chain, double seconds);

// Seconds for one call of `work`, which is called for a hundredth of a second.
double seconds_per_call(const std::function<void()> &work);

// Pushes `count` buffers and returns what came out of the last element.
std::string output_of(const Chain &chain, guint64 count);

}  // namespace kam::bench
