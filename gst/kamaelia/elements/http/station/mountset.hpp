// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/station/mountsink.hpp"
#include "glue/guarded.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

namespace kam {

// The streams of httpserversink: one for the pad that is always there, and one for each pad
// that is requested. What a stream does is MountSink's.
class MountSet {
 public:
  // Gives the bin its pad "sink".
  MountSet(GstBin *bin, MountSink::Owner &owner);
  ~MountSet();
  MountSet(const MountSet &) = delete;
  MountSet &operator=(const MountSet &) = delete;

  // --- any thread

  void configure(const HttpServerSinkValues &values);
  GstPad *request(GstPadTemplate *templ, const gchar *name);
  void release(GstPad *pad);
  // Before the streams start.
  void begin();
  void for_each(const std::function<void(http::StationHost &)> &work) const;
  guint64 count(std::atomic<std::uint64_t> http::MountStats::*member) const;

 private:
  struct Stream {
    glue::Ref<GstPad> pad;
    glue::Ref<GstElement> element;
  };
  struct State {
    HttpServerSinkValues values;
    std::vector<Stream> requested;
    guint next_number = 0;
  };

  glue::Ref<GstElement> new_element();
  std::vector<Stream> streams() const;
  void configure_again();
  // The pad that is always there has no stream if others do and nothing comes to it: the
  // pipeline would wait for that.
  void seat_main();
  void configure(const Stream &stream, HttpServerSinkValues values);
  bool is_seated(const Stream &stream) const;
  void seat(const Stream &stream);
  void unseat(const Stream &stream);

  GstBin *bin_;
  MountSink::Owner &owner_;
  Stream main_;
  mutable glue::Guarded<State> state_;
};

}  // namespace kam
