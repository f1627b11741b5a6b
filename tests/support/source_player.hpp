// SPDX-License-Identifier: LGPL-2.1-or-later
// A source at work in a pipeline, for tests that wait for what comes of it.
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

namespace kam::test {

// For how long a test waits in vain before it fails.
inline constexpr std::chrono::seconds patience{30};

// Plays a source, and has `Self` note what leaves it and what is said on the bus: its
// note(GstBuffer *), note(GstEvent *) and note(GstMessage *) are called one at a time, in
// whatever thread. `Self` stops the pipeline before it is destroyed.
template <class Self>
class SourcePlayer {
 public:
  SourcePlayer(const SourcePlayer &) = delete;
  SourcePlayer &operator=(const SourcePlayer &) = delete;

  GstElement *source() const { return source_.get(); }
  GstElement *pipeline() const { return pipeline_.get(); }
  Self &start(GstState state = GST_STATE_PLAYING)
  {
    ck_assert_int_ne(gst_element_set_state(pipeline(), state), GST_STATE_CHANGE_FAILURE);
    return self();
  }
  void stop() { gst_element_set_state(pipeline(), GST_STATE_NULL); }

  // Waits until it is so.
  template <class Done>
  void wait(const char *what, Done done)
  {
    std::unique_lock lock{mutex_};
    const bool held = changed_.wait_for(lock, patience, done);
    ck_assert_msg(held, "waited in vain for %s (%zu bytes, error \"%s\")", what, received,
                  error.c_str());
  }
  void wait_for_error()
  {
    wait("an error", [&] { return !error.empty(); });
  }

  // While data flows, only in what wait() is given.
  std::size_t received = 0;  // bytes
  bool eos = false;
  std::string error;  // the first
  std::string error_domain;
  int error_code = -1;

 protected:
  // `launch` begins with the source, called "source".
  SourcePlayer(const std::string &launch, const std::string &location)
  {
    // With an error there may be a pipeline too, of what could be made.
    g_autoptr(GError) fault = nullptr;
    pipeline_ = glue::Ref<GstElement>::adopt(gst_parse_launch(launch.c_str(), &fault));
    ck_assert_msg(!fault, "%s", fault ? fault->message : "");
    source_ = glue::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline()), "source"));
    g_object_set(source(), "location", location.c_str(), nullptr);
    const auto pad = glue::Ref<GstPad>::adopt(gst_element_get_static_pad(source(), "src"));
    gst_pad_add_probe(
        pad.get(),
        GstPadProbeType(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM),
        [](GstPad *, GstPadProbeInfo *info, gpointer player) {
          static_cast<SourcePlayer *>(player)->take(info);
          return GST_PAD_PROBE_OK;
        },
        this, nullptr);
    const auto bus = glue::Ref<GstBus>::adopt(gst_element_get_bus(pipeline()));
    gst_bus_set_sync_handler(
        bus.get(),
        [](GstBus *, GstMessage *message, gpointer player) {
          static_cast<SourcePlayer *>(player)->take(message);
          return GST_BUS_DROP;
        },
        this, nullptr);
  }
  ~SourcePlayer() = default;

 private:
  Self &self() { return static_cast<Self &>(*this); }

  void take(GstPadProbeInfo *info)
  {
    const std::lock_guard lock{mutex_};
    if (GST_PAD_PROBE_INFO_TYPE(info) & GST_PAD_PROBE_TYPE_BUFFER) {
      auto *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
      self().note(buffer);
      received += gst_buffer_get_size(buffer);
    } else {
      auto *event = GST_PAD_PROBE_INFO_EVENT(info);
      eos |= GST_EVENT_TYPE(event) == GST_EVENT_EOS;
      self().note(event);
    }
    changed_.notify_all();
  }

  void take(GstMessage *message)
  {
    const std::lock_guard lock{mutex_};
    // The base class of sources has one of its own behind the source's.
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR && error.empty()) {
      g_autoptr(GError) what = nullptr;
      gchar *debug = nullptr;
      gst_message_parse_error(message, &what, &debug);
      error = what->message + std::string{" / "} + (debug ? debug : "");
      error_domain = g_quark_to_string(what->domain);
      error_code = what->code;
      g_free(debug);
    }
    eos |= GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
    self().note(message);
    changed_.notify_all();
    gst_message_unref(message);
  }

  glue::Ref<GstElement> pipeline_;
  glue::Ref<GstElement> source_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace kam::test
