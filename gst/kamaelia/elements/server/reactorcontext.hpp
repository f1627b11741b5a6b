// SPDX-License-Identifier: LGPL-2.1-or-later
// How a protocol server tells the elements of a client's bin that they need no thread of their
// own: a GstContext of type "kamaelia.reactor".
//
// A source that finds one with a reactor activates its pad in push mode without a task, and
// pushes from a `net::Timer` of that reactor when a buffer's time has come, in the reactor's
// thread, while the seat's gate is open; it never blocks. The server changes the state of such
// a bin in the reactor's thread only, so that no timer runs while the source starts or stops.
// It pushes from its timer only, never from within a change of state.
//
//   READY -> PAUSED   auto *seat = reactor_seat_of(element)   read its seed
//   PAUSED            timer.emplace(*seat->reactor, handler); timer->set(net::now_ns())
//   in handle_time()  if (!seat->gate.is_open()) return seat->gate.wait(waiter)
//                     push what is due at running time net::now_ns() - (when it began)
//   PAUSED -> READY   timer.reset(); seat->gate.leave(waiter)
//
// Pace is the source's: the bin has the system's monotonic clock, and a base time of when it
// was started, so GStreamer's running time and the reactor's time run alike.
#pragma once

#include "glue/refs.hpp"
#include "net/reactor.hpp"

#include <gst/gst.h>

namespace kam {

inline constexpr auto reactor_context_type = "kamaelia.reactor";

// A client's place at a reactor. It lives as long as the bin it was made for, which may serve
// several clients one after the other: what a source needs of it, but for the pointer, it
// reads anew on each way from READY to PAUSED.
struct ReactorSeat {
  net::Reactor *reactor = nullptr;  // none: a source makes a thread of its own, as ever
  net::Gate gate;                   // closed while the client does not take what it was sent
  guint64 seed = 0;                 // for what is random, another for each client; 0: entropy
};

// `seat` has to be there until another context has taken the place of this one. A persistent
// one, as elements forget others on their way to READY, where they wait for the next client.
inline glue::Ref<GstContext> make_reactor_context(ReactorSeat *seat)
{
  auto context = glue::Ref<GstContext>::adopt(gst_context_new(reactor_context_type, TRUE));
  gst_structure_set(gst_context_writable_structure(context.get()), "seat", G_TYPE_POINTER, seat,
                    nullptr);
  return context;
}

// The seat that the element was given, by itself or with the bin it is in; nullptr if none.
inline ReactorSeat *reactor_seat_of(GstElement *element)
{
  const auto context =
      glue::Ref<GstContext>::adopt(gst_element_get_context(element, reactor_context_type));
  gpointer seat = nullptr;
  if (context)
    gst_structure_get(gst_context_get_structure(context.get()), "seat", G_TYPE_POINTER, &seat,
                      nullptr);
  return static_cast<ReactorSeat *>(seat);
}

}  // namespace kam
