// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/frontend/httpfrontend.hpp"
#include "elements/http/station/httpserversrcvalues.hpp"
#include "elements/http/station/sourcedoor.hpp"
#include "elements/http/station/sourcequeue.hpp"
#include "glue/guarded.hpp"

#include <memory>
#include <optional>

namespace kam::http {

// A door for sources, from when an element starts until it stops, and what may be asked of it
// from any thread meanwhile.
class SourceHost {
 public:
  explicit SourceHost(SourceDoor::Judge &judge) : judge_{judge} {}

  // --- while nothing streams; why it did not work, if so

  std::optional<net::Error> open(const HttpServerSrcValues &values);
  void close();

  // --- any thread

  // What sources send; to be taken by the streaming thread.
  SourceQueue &queue() { return queue_; }
  int bound_port() const;
  void change(const HttpServerSrcValues &values);
  bool remove_source();
  glue::StructurePtr stats() const;
  // The answer to an Exchange::wait().
  void decide(std::uint64_t number, Verdict verdict);

 private:
  // The door is made and destroyed in the front end's thread, which alone uses it.
  struct Running {
    std::shared_ptr<HttpFrontend> frontend;
    std::shared_ptr<std::unique_ptr<SourceDoor>> door;  // empty when it is closed
  };

  void run(const std::function<void(SourceDoor &door)> &work);

  SourceDoor::Judge &judge_;
  SourceQueue queue_;
  mutable glue::Guarded<std::shared_ptr<SourceStats>> stats_;  // of the last start
  mutable glue::Guarded<Running> running_;
};

}  // namespace kam::http
