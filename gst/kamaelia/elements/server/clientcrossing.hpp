// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "glue/refs.hpp"

#include <gst/gst.h>

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <variant>

namespace kam {

// What a bin makes for its client, in its order.
using ClientOutput = std::variant<std::monostate, glue::BufferPtr, glue::EventPtr>;

// Where bytes cross between a client in its reactor's thread and a bin that has threads of its
// own. Those wait here; the reactor never does. Each way holds so many bytes at most, and one
// buffer more.
class ClientCrossing : public std::enable_shared_from_this<ClientCrossing> {
 public:
  explicit ClientCrossing(std::size_t max_bytes) : max_bytes_{max_bytes} {}

  // --- for the bin's threads

  // Towards the client, waiting for room. FLUSHING once it is shut. `is_first` tells that the
  // reactor has to be told.
  GstFlowReturn send(glue::BufferPtr buffer, bool &is_first);
  // The same without waiting.
  void send(glue::EventPtr event, bool &is_first);
  void end_sending(bool &is_first);
  // From the client, waiting for it. Nothing: it has ended, or is shut.
  glue::BufferPtr receive(bool &has_room_again);

  // --- for the reactor

  void give(glue::BufferPtr buffer);
  void end_giving();
  // Whether the bin has to catch up before more is read from the client.
  bool is_full();
  // Nothing: there is nothing just now.
  ClientOutput take();
  // Whether nothing is left to take, and nothing will come.
  bool has_ended();
  std::size_t bytes_to_take();
  // From now on nobody waits here.
  void shut();
  bool is_shut();

 private:
  struct Way {
    std::list<ClientOutput> items;
    std::size_t bytes = 0;
    bool has_ended = false;

    void put(glue::BufferPtr buffer);
    ClientOutput get();
  };

  const std::size_t max_bytes_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Way in_;                // from the client
  Way out_;               // to the client
  bool is_told_ = false;  // the reactor, that there is something to take
  bool is_shut_ = false;
};

}  // namespace kam
