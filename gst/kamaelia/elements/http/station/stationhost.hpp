// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/station/httpserversinkvalues.hpp"
#include "elements/http/station/station.hpp"
#include "glue/guarded.hpp"
#include "glue/refs.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kam::http {

// One stream of a station, from when an element starts until it stops, and what may be asked of
// it from any thread meanwhile.
class StationHost final : private StreamMount::Observer {
 public:
  // Told in the front end's thread.
  class User {
   public:
    // A number that no other listener has.
    virtual std::uint64_t next_listener() = 0;
    virtual void handle_listener_added(const ListenerInfo &listener) = 0;
    virtual void handle_listener_removed(const ListenerInfo &listener, Departure departure,
                                         std::uint64_t bytes, std::uint64_t duration_ns) = 0;
    virtual Verdict judge(const std::string &mount, Exchange &exchange) = 0;

   protected:
    ~User() = default;
  };

  // --- while nothing streams

  // False if there is another stream at that path.
  bool open(std::shared_ptr<HttpFrontend> frontend, const HttpServerSinkValues &values,
            User &user);
  void close();

  // --- between open() and close()

  StreamMount &mount() { return *streamed_; }

  // --- any thread

  void change(const HttpServerSinkValues &values);
  void set_title(const std::string &title, const std::string &url);
  bool remove(std::uint64_t id);
  void clear();
  std::vector<ListenerInfo> listeners();
  std::uint64_t count(std::atomic<std::uint64_t> MountStats::*member) const;

 private:
  // The mount is made and destroyed in the front end's thread; others see it only while they
  // hold the lock.
  struct Running {
    std::shared_ptr<HttpFrontend> frontend;
    std::shared_ptr<Station> station;
    std::unique_ptr<StreamMount> mount;
  };

  std::uint64_t next_listener() override { return user_->next_listener(); }
  void handle_listener_added(const ListenerInfo &listener) override;
  void handle_listener_removed(const ListenerInfo &listener, Departure departure,
                               std::uint64_t bytes, std::uint64_t duration_ns) override;
  void handle_change() override;
  void handle_session(const std::string &session) override;
  // Runs `work` in the front end's thread, if there is one.
  void run(const std::function<void(StreamMount &mount)> &work);

  User *user_ = nullptr;  // since open()
  mutable glue::Guarded<Running> running_;
  StreamMount *streamed_ = nullptr;  // for the streaming thread

  // The front end's thread's.
  Station *station_ = nullptr;
  StreamMount *served_ = nullptr;
};

// What "stats" says of streams, given their counts added up, and of the front end that they
// share; without one where nothing is served.
using MountCount = std::function<guint64(std::atomic<std::uint64_t> MountStats::*member)>;
glue::StructurePtr station_stats(const MountCount &count, const HttpFrontend *frontend);
// What "list-listeners" says.
glue::StructurePtr structure_of(const std::vector<ListenerInfo> &listeners);

}  // namespace kam::http
