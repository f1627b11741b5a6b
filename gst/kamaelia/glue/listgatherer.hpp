// SPDX-License-Identifier: LGPL-2.1-or-later
// Buffer lists from a base class that pushes one buffer at a time.
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

namespace kam::glue {

// Takes what is pushed through a source pad between begin() and end(), and pushes it in lists.
// Only for the streaming thread; no serialised event may be pushed in between.
class ListGatherer {
 public:
  explicit ListGatherer(GstPad *pad) : pad_{pad} {}
  ListGatherer(const ListGatherer &) = delete;
  ListGatherer &operator=(const ListGatherer &) = delete;

  bool active() const { return active_; }

  void begin()
  {
    // A pad without a probe is faster, and many a stream never needs a list.
    if (probe_ == 0)
      probe_ = gst_pad_add_probe(
          pad_, GST_PAD_PROBE_TYPE_BUFFER,
          [](GstPad *, GstPadProbeInfo *info, gpointer self) noexcept {
            return static_cast<ListGatherer *>(self)->take(info);
          },
          this, nullptr);
    active_ = true;
  }

  // Pushes what has been gathered if it is long, so that one huge buffer cut into tiny pieces
  // does not become one huge list.
  GstFlowReturn push_if_long()
  {
    constexpr guint max_length = 256;
    if (!list_ || gst_buffer_list_length(list_.get()) < max_length)
      return GST_FLOW_OK;
    return gst_pad_push_list(pad_, list_.release());
  }

  // Pushes the rest, or forgets it if `flow` is an error. Returns the worst of both.
  GstFlowReturn end(GstFlowReturn flow)
  {
    active_ = false;
    if (flow == GST_FLOW_OK && list_)
      return gst_pad_push_list(pad_, list_.release());
    list_.reset();
    return flow;
  }

 private:
  GstPadProbeReturn take(GstPadProbeInfo *info)
  {
    if (!active_)
      return GST_PAD_PROBE_OK;
    if (!list_)
      list_.reset(gst_buffer_list_new_sized(16));
    gst_buffer_list_add(list_.get(), GST_PAD_PROBE_INFO_BUFFER(info));
    return GST_PAD_PROBE_HANDLED;
  }

  GstPad *pad_;
  gulong probe_ = 0;
  bool active_ = false;
  BufferListPtr list_;
};

}  // namespace kam::glue
