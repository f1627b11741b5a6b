// SPDX-License-Identifier: LGPL-2.1-or-later
// What the pads of srmenc and srmdec have in common: packets as buffers, and a way back that
// nothing but packets takes.
#pragma once

#include "core/bytes.hpp"
#include "glue/element.hpp"
#include "glue/refs.hpp"
#include "net/wait.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

namespace kam {

inline constexpr auto srm_packet_caps = "application/x-norm";

// Queries and events go from one to the other, and nowhere else: the way back would lead them
// round in a circle.
void link_inside(GstPad *sink, GstPad *src);
// Events end here.
void make_feedback_pad(GstPad *pad);

template <auto Method>
struct Activation;
template <class Impl, bool (Impl::*Method)(bool)>
struct Activation<Method> {
  static bool call(void *object, bool active)
  {
    return (glue::impl_of<Impl>(object).*Method)(active);
  }
};

// The pad is switched on and off, for pushing only, by a method of the element's C++ object.
template <auto Method>
void set_activation(GstPad *pad)
{
  gst_pad_set_activatemode_function(
      pad,
      [](GstPad *, GstObject *parent, GstPadMode mode, gboolean active) noexcept -> gboolean {
        return mode == GST_PAD_MODE_PUSH && Activation<Method>::call(parent, active);
      });
}

// Waits until `ready`, or until a time of net::now_ns(), if there is one.
template <class Ready>
void wait_until(std::condition_variable &changed, std::unique_lock<std::mutex> &lock,
                std::optional<std::uint64_t> time, Ready ready)
{
  if (!time)
    return changed.wait(lock, ready);
  const auto now = net::now_ns();
  // Not for longer than the standard library's arithmetic allows.
  constexpr std::uint64_t longest = 3'600'000'000'000;
  if (*time > now)
    changed.wait_for(lock, std::chrono::nanoseconds{std::min(*time - now, longest)}, ready);
}

// Of the file that is read upstream of a sink pad.
std::string srm_file_name(GstPad *sink);

// A stream of its own: GStreamer makes no id for an element with several sink pads.
void start_stream(GstPad *src, const char *stream);

// What comes before the first packet.
void start_packets(GstPad *src, const char *stream);

// Packets on their way out, one buffer each.
class PacketList {
 public:
  bool empty() const { return list_ == nullptr; }
  // Copies a run of packets of one size, the last of which may be shorter.
  void add(Bytes packets, std::size_t packet_size);
  GstFlowReturn push(GstPad *src);

 private:
  glue::BufferListPtr list_;
};

}  // namespace kam
