// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/httpserversinkvalues.hpp"
#include "elements/http/station.hpp"
#include "glue/guarded.hpp"
#include "glue/refs.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace kam::http {

// One stream of a station, from when an element starts until it stops, and what may be asked of
// it from any thread meanwhile.
class StationHost final : private StreamMount::Observer {
 public:
  // Told in the front end's thread.
  class User {
   public:
    virtual void handle_listener_added(const ListenerInfo &listener) = 0;
    virtual void handle_listener_removed(const ListenerInfo &listener, Departure departure,
                                         std::uint64_t bytes, std::uint64_t duration_ns) = 0;
    virtual Verdict judge(Exchange &exchange) = 0;

   protected:
    ~User() = default;
  };

  explicit StationHost(User &user) : user_{user} {}

  // --- while nothing streams

  enum class Failure { cannot_listen, taken };
  struct Trouble {
    Failure failure;
    std::string sentence;
  };
  std::optional<Trouble> open(const HttpServerSinkValues &values);
  void close();

  // --- between open() and close()

  StreamMount &mount() { return *streamed_; }

  // --- any thread

  int bound_port() const;
  void change(const HttpServerSinkValues &values);
  void set_title(const std::string &title, const std::string &url);
  bool remove(std::uint64_t id);
  void clear();
  std::vector<ListenerInfo> listeners();
  std::uint64_t count(std::atomic<std::uint64_t> MountStats::*member) const;
  glue::StructurePtr stats() const;
  // The answer to an Exchange::wait().
  void decide(std::uint64_t number, Verdict verdict);

 private:
  // The mount is made and destroyed in the front end's thread; others see it only while they
  // hold the lock.
  struct Running {
    std::shared_ptr<HttpFrontend> frontend;
    std::shared_ptr<Station> station;
    std::unique_ptr<StreamMount> mount;
  };

  void handle_listener_added(const ListenerInfo &listener) override;
  void handle_listener_removed(const ListenerInfo &listener, Departure departure,
                               std::uint64_t bytes, std::uint64_t duration_ns) override;
  void handle_change() override;
  void handle_session(const std::string &session) override;
  // Runs `work` in the front end's thread, if there is one.
  void run(const std::function<void(StreamMount &mount)> &work);

  User &user_;
  mutable glue::Guarded<Running> running_;
  StreamMount *streamed_ = nullptr;  // for the streaming thread

  // The front end's thread's.
  Station *station_ = nullptr;
  StreamMount *served_ = nullptr;
};

}  // namespace kam::http
