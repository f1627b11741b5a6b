// SPDX-License-Identifier: LGPL-2.1-or-later
// What buffers and their caps ask for.
#pragma once

#include "core/http/uri_list.hpp"
#include "elements/http/client/fetcher.hpp"

#include <gst/gst.h>

#include <functional>
#include <string>

namespace kam {

// Makes requests of buffers: one of each line of a text/uri-list, one of each other buffer.
class RequestReader {
 public:
  struct Defaults {
    std::string location;  // of requests that do not say where they go
    std::string method;    // empty: POST with a body, GET without
  };
  struct Timed {
    FetchRequest request;
    GstClockTime pts = GST_CLOCK_TIME_NONE;
    GstClockTime dts = GST_CLOCK_TIME_NONE;
  };
  // Takes a request; false: no more are wanted.
  using Taker = std::function<bool(Timed)>;

  // As new; buffers that come without caps are requests if there is a location.
  void start(Defaults defaults);
  // Forgets the line that is open.
  void flush();
  void set_caps(GstCaps *caps);
  // False if a request was not wanted.
  bool read(GstBuffer *buffer, Bytes bytes, const Taker &taker);
  // Takes the line that is open for whole.
  bool end(const Taker &taker);

  // Whether a buffer would be a request that goes nowhere.
  bool lacks_address() const;
  guint64 lines_dropped() const { return list_.lines_dropped(); }

 private:
  bool read_list(GstBuffer *buffer, Bytes bytes, const Taker &taker);
  Timed request_of(GstBuffer *buffer, Bytes bytes) const;
  Timed request_to(std::string uri) const;

  Defaults defaults_;
  http::UriListReader list_;
  bool is_list_ = true;
  guint64 list_offset_ = GST_BUFFER_OFFSET_NONE;  // where the list goes on, if it says so
  GstClockTime list_pts_ = GST_CLOCK_TIME_NONE;
  GstClockTime list_dts_ = GST_CLOCK_TIME_NONE;
  glue::Ref<GstCaps> caps_;
};

}  // namespace kam
