// SPDX-License-Identifier: LGPL-2.1-or-later
// The two elements at the ends of a client's bin. No factory makes them.
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

namespace kam {

// What a bin's end has to do with a client.
class ClientEnd {
 public:
  // Takes ownership. In any thread that pushes.
  virtual GstFlowReturn handle_output(glue::BufferPtr buffer) = 0;
  // Caps, tags, and what an element has to say in its own way. Takes ownership.
  virtual void handle_output_event(glue::EventPtr event) = 0;
  virtual void handle_output_end() = 0;

 protected:
  ~ClientEnd() = default;
};

// An element with a pad "sink" that hands everything to `end`, which has to outlive it.
GstElement *make_client_sink(ClientEnd &end);

// An element with a pad "src" that others push from.
GstElement *make_client_source();

}  // namespace kam
