// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/server/reactorcontext.hpp"
#include "glue/refs.hpp"
#include "net/reactor.hpp"

#include <gst/base/gstbasesrc.h>

#include <cstdint>
#include <optional>
#include <variant>

namespace kam {

// Something outside that a source waits for before it has more.
struct Await {
  int fd = -1;                 // until it is readable
  std::uint64_t deadline = 0;  // or it is too late: nanoseconds of the monotonic clock
};

// A buffer whose time to leave is its timestamp, or why there is none.
using Produced = std::variant<glue::BufferPtr, Await, GstFlowReturn>;

// Pushes what a GstBaseSrc has from the reactor of a protocol server, at a client's seat there,
// where the base class would make a thread of its own. What is not said to be otherwise is for
// the reactor's thread.
class ReactorDrive final : net::Timer::Handler, net::Gate::Waiter, net::ReadyHandler {
 public:
  // What is driven. All of it is called in the reactor's thread.
  class Source {
   public:
    virtual bool begin() = 0;
    virtual void end() = 0;
    // As the base class's create(), but it does not wait. Caps are set by whoever produces.
    virtual Produced produce() = 0;

   protected:
    ~Source() = default;
  };

  // Takes over the activation of the base class's pad.
  ReactorDrive(GstBaseSrc *base, Source &source);
  ~ReactorDrive() { stop(); }
  ReactorDrive(const ReactorDrive &) = delete;
  ReactorDrive &operator=(const ReactorDrive &) = delete;

  // The way from READY to PAUSED, on which it is found out whether there is a seat to drive
  // from; `go_on` does what the base class does. Of a live source that would start a thread
  // when it is to play, so it does not learn that this is one.
  template <class GoOn>
  GstStateChangeReturn go_to_paused(bool is_live, GoOn go_on)
  {
    const bool is_driven = take_seat();
    gst_base_src_set_live(base_, is_live && !is_driven);
    const GstStateChangeReturn result = go_on();
    return is_driven && is_live && result == GST_STATE_CHANGE_SUCCESS
               ? GST_STATE_CHANGE_NO_PREROLL
               : result;
  }
  bool has_seat() const { return seat_ != nullptr; }
  // For what is random; 0 without a seat, and where the server leaves it to the source.
  guint64 seed() const { return seat_ ? seat_->seed : 0; }

  // Whether the query was answered: the base class would start the source to find out how it
  // can be read.
  static bool answer_scheduling(GstQuery *query, bool is_seekable);

  // The pad's.
  gboolean activate(GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active);

 private:
  void handle_time(std::uint64_t now) override;
  void handle_open() override;
  void handle_ready(net::Readiness ready) override;

  bool take_seat();
  bool start();
  void stop();
  void run(std::uint64_t now);
  // False if there is nothing to push now.
  bool fetch();
  bool push();
  void finish(GstFlowReturn flow);
  void stop_waiting();

  GstBaseSrc *base_;
  Source &source_;
  GstPadActivateModeFunction base_activate_;
  ReactorSeat *seat_ = nullptr;
  std::optional<net::Timer> timer_;
  std::optional<std::uint64_t> origin_;  // when the first timestamp was due
  int awaited_fd_ = -1;
  bool has_begun_ = false;  // the stream
  bool has_segment_ = false;
  bool was_closed_ = false;  // the gate
  glue::BufferPtr next_;
};

}  // namespace kam
