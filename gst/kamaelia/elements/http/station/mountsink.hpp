// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/station/stationhost.hpp"
#include "glue/element.hpp"

#include <gst/base/gstbasesink.h>

#include <memory>

namespace kam {

// One stream of httpserversink, which is a bin of these: takes it at the pace of the pipeline's
// clock, and gives it to its listeners.
class MountSink final {
 public:
  using Base = GstBaseSink;
  using Class = GstBaseSinkClass;
  static constexpr auto type_name = "KamHttpMountSink";
  static GType base_type() { return GST_TYPE_BASE_SINK; }
  static void class_init(Class *klass);

  class Owner : public http::StationHost::User {
   public:
    // Where the stream is served; asked when it starts.
    virtual std::shared_ptr<http::HttpFrontend> frontend() = 0;

   protected:
    ~Owner() = default;
  };
  // Outlived by its owner wherever it is above READY.
  static GstElement *make(Owner &owner);

  explicit MountSink(Base *sink);

  // Any thread. What cannot change while it streams counts when it starts next.
  void configure(const HttpServerSinkValues &values);
  http::StationHost &host() { return host_; }
  const http::StationHost &host() const { return host_; }

 private:
  GstStateChangeReturn change_state(GstStateChange transition);
  bool start();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean set_caps(GstCaps *caps);
  bool begin_format(GstCaps *caps);
  bool find_format(GstBuffer *buffer);
  gboolean event(GstEvent *event);
  GstFlowReturn render(GstBuffer *buffer);
  void handle_tags(const GstTagList *tags);
  void measure(std::size_t bytes, http::Nanoseconds time);

  Base *sink_;
  Owner *owner_ = nullptr;
  glue::Settings<HttpServerSinkValues> settings_;
  http::StationHost host_;

  // The streaming thread's.
  bool has_caps_ = false;
  bool has_format_ = false;  // without caps
  bool has_bitrate_ = false;
  http::StationNote station_;  // that was told of last
  guint64 measured_bytes_ = 0;
  http::Nanoseconds measured_from_{-1};
};

}  // namespace kam
