// SPDX-License-Identifier: LGPL-2.1-or-later
// Pipelines as scenes use them: errors are exceptions, statistics are numbers.
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace demo {

using Element = kam::glue::Ref<GstElement>;
using Pad = kam::glue::Ref<GstPad>;
using Message = kam::glue::Owned<GstMessage, gst_message_unref>;

// A running pipeline; what goes wrong in it is an exception here.
class Pipeline {
 public:
  explicit Pipeline(const std::string &description)
  {
    GError *error = nullptr;
    pipeline_ = Element::adopt(
        GST_ELEMENT(gst_object_ref_sink(gst_parse_launch(description.c_str(), &error))));
    if (error) {
      const std::string what = error->message;
      g_error_free(error);
      throw std::runtime_error{what};
    }
  }
  ~Pipeline() { gst_element_set_state(pipeline_.get(), GST_STATE_NULL); }
  Pipeline(const Pipeline &) = delete;
  Pipeline &operator=(const Pipeline &) = delete;

  GstElement *get() const { return pipeline_.get(); }
  Element operator[](const char *name) const
  {
    return Element::adopt(gst_bin_get_by_name(GST_BIN(pipeline_.get()), name));
  }

  void play()
  {
    gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
    // A failure is told in full by the message on the bus.
    if (gst_element_get_state(pipeline_.get(), nullptr, nullptr, 0) == GST_STATE_CHANGE_FAILURE)
      poll(0);
  }

  // Waits a little. Returns true at the end of the stream.
  bool poll(GstClockTime wait = 50 * GST_MSECOND)
  {
    const auto bus = kam::glue::Ref<GstBus>::adopt(gst_element_get_bus(pipeline_.get()));
    while (const Message message{gst_bus_timed_pop_filtered(
        bus.get(), wait,
        GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT))}) {
      wait = 0;
      switch (GST_MESSAGE_TYPE(message.get())) {
      case GST_MESSAGE_EOS: return true;
      case GST_MESSAGE_ERROR: fail(message.get());
      default: idle_ |= gst_message_has_name(message.get(), "GstUDPSrcTimeout");
      }
    }
    return false;
  }

  // Whether udpsrc has said since the last call that nothing came for its timeout.
  bool was_idle() { return std::exchange(idle_, false); }

 private:
  [[noreturn]] static void fail(GstMessage *message)
  {
    GError *error = nullptr;
    char *detail = nullptr;
    gst_message_parse_error(message, &error, &detail);
    std::string what = error->message;
    if (detail)
      what += std::string{"\n("} + detail + ")";
    g_error_free(error);
    g_free(detail);
    throw std::runtime_error{what};
  }

  Element pipeline_;
  bool idle_ = false;
};

inline std::uint64_t stat(const Pipeline &pipeline, const char *element, const char *key)
{
  GstStructure *stats = nullptr;
  g_object_get(pipeline[element].get(), "stats", &stats, nullptr);
  const kam::glue::StructurePtr owned{stats};
  guint64 value = 0;
  gst_structure_get_uint64(stats, key, &value);
  return value;
}

// Calls `work` for every buffer that passes the pad, in the streaming thread.
template <class Object, void (Object::*Work)(GstBuffer *)>
void watch(GstPad *pad, Object &object)
{
  gst_pad_add_probe(
      pad, GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
      [](GstPad *, GstPadProbeInfo *info, gpointer data) noexcept {
        auto *self = static_cast<Object *>(data);
        if (info->type & GST_PAD_PROBE_TYPE_BUFFER)
          (self->*Work)(GST_PAD_PROBE_INFO_BUFFER(info));
        else
          for (guint i = 0; i < gst_buffer_list_length(GST_PAD_PROBE_INFO_BUFFER_LIST(info));
               ++i)
            (self->*Work)(gst_buffer_list_get(GST_PAD_PROBE_INFO_BUFFER_LIST(info), i));
        return GST_PAD_PROBE_OK;
      },
      &object, nullptr);
}

}  // namespace demo
