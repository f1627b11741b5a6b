// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"
#include "elements/server/clientcrossing.hpp"
#include "elements/server/clientpads.hpp"
#include "elements/server/reactorcontext.hpp"
#include "glue/guarded.hpp"
#include "glue/refs.hpp"
#include "net/reactor.hpp"

#include <gst/gst.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace kam {

using SourceProperties = std::map<std::string, std::shared_ptr<const GValue>>;

// What each client gets.
struct ClientLaunch {
  std::string line;         // of gst-launch-1.0; empty: what a client sends comes back
  glue::Ref<GstCaps> caps;  // of what a client sends; none if nobody knows
  // The properties to set on the launch's elements of this factory.
  std::string source;
  SourceProperties source_properties;
  bool always_threads = false;
};

// A bin that stands alone and serves one client after the other: the launch line's elements
// between the ends of a connection, or an application's element.
//
// Without threads of its own it belongs to its reactor's thread in everything. With threads,
// start() and stop() are called by a worker, because they may wait for those.
class ClientBin final : private ClientEnd {
 public:
  // Whom it serves. All in the reactor's thread, from within give() and start() too.
  class User {
   public:
    virtual void handle_output(Bytes bytes) = 0;
    // Caps, tags and events of its own, in their order with the output.
    virtual void handle_output_event(GstEvent *) {}
    // What an element posted in its own way.
    virtual void handle_bin_message(const GstStructure *) {}
    virtual void handle_output_end() = 0;
    // Whether there is room for output just now. If not, collect() goes on later.
    virtual bool can_take_output() = 0;
    // give() may be called again.
    virtual void handle_input_room() = 0;
    // All sinks of the launch itself have had everything.
    virtual void handle_sinks_end() = 0;
    virtual void handle_bin_error(const std::string &what) = 0;

   protected:
    ~User() = default;
  };
  // What all bins of a reactor share; outlives them.
  struct Surroundings {
    net::Reactor &reactor;
    GstBus *bus;         // whose messages come back by handle_message()
    GstClock *clock;     // runs as the reactor's time does
    GstElement *server;  // for its contexts
    std::size_t max_queued_bytes;
  };
  using Made = std::variant<std::unique_ptr<ClientBin>, std::string>;

  // Nothing but a sentence for the user if the launch line is of no use.
  static Made make(const Surroundings &around, const ClientLaunch &launch);
  // Around an application's element, of which it takes a reference.
  static Made make_around(const Surroundings &around, GstElement *element, bool always_threads);
  ~ClientBin();
  ClientBin(const ClientBin &) = delete;
  ClientBin &operator=(const ClientBin &) = delete;

  GstElement *element() const { return GST_ELEMENT(bin_.get()); }
  bool takes_input() const { return source_pad_ != nullptr; }
  bool gives_output() const { return gives_output_; }
  bool has_own_sinks() const { return has_own_sinks_; }
  bool has_threads() const { return has_threads_; }
  ReactorSeat &seat() { return seat_; }

  // READY: opens what the launch's elements open then. Nothing but a sentence for the user, in
  // the words of the element that will not, if one of them will not.
  std::optional<std::string> prepare();
  // The reactor's thread; before start(). `seed` is what the seat tells.
  void attach(User &user, guint64 seed);
  // Before start(): what this user's data is, instead of the launch's caps, and an event that
  // goes before it.
  void announce(glue::Ref<GstCaps> caps, glue::EventPtr event);
  // To PLAYING, and what goes before data. False if it will not play; why came as an error.
  bool start();
  // The user is told no more, and whoever waits for it goes on.
  void detach();
  // To READY, so that the next user finds everything as new. False if it is of no use any more.
  bool stop();

  void give(glue::BufferPtr buffer);
  // The client sends no more.
  void give_end();
  bool wants_input() { return !has_threads_ || !crossing_->is_full(); }
  // Hands over what waits for the user's room.
  void collect();
  std::size_t waiting_bytes() { return crossing_ ? crossing_->bytes_to_take() : 0; }

  // Any thread. A message from inside, for which the bin is found by where it comes from.
  static ClientBin *of_message(GstMessage *message);
  void handle_message(GstMessage *message);

 private:
  explicit ClientBin(const Surroundings &around, GstBin *bin);
  static Made finish(std::unique_ptr<ClientBin> made, GstPad *into, GstPad *out_of,
                     bool always_threads);
  std::string link_ends(GstPad *into, GstPad *out_of);
  void settle_in(bool always_threads);
  void begin_stream();
  GstFlowReturn handle_output(glue::BufferPtr buffer) override;
  void handle_output_event(glue::EventPtr event) override;
  void handle_output_end() override;
  void tell_reactor(ClientCrossing &shared);
  void feed();  // the source pad's own thread
  void handle_flow(GstFlowReturn flow);
  void report_error(const std::string &what);
  void report_element_message(GstMessage *message);

  Surroundings around_;
  glue::Ref<GstBin> bin_;
  glue::Ref<GstCaps> caps_;
  glue::Ref<GstCaps> announced_caps_;
  glue::EventPtr announced_event_;
  GstPad *source_pad_ = nullptr;  // the bin's
  bool gives_output_ = false;
  bool has_own_sinks_ = false;
  std::atomic<bool> has_threads_ = false;
  ReactorSeat seat_;
  // The reactor's thread.
  User *user_ = nullptr;
  // What went wrong while nobody had the bin.
  glue::Guarded<std::string> complaint_;
  bool is_fed_by_task_ = false;
  bool refuses_input_ = false;
  // Made anew for each user, before threads that know it begin. Those look at the second,
  // which makes them see all that was written before.
  std::shared_ptr<ClientCrossing> crossing_;
  std::atomic<ClientCrossing *> shared_crossing_ = nullptr;
};

}  // namespace kam
