// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/frontend/httpexchange.hpp"
#include "elements/http/frontend/httpfrontend.hpp"
#include "elements/http/station/sourcequeue.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace kam::http {

struct SourceDoorSettings {
  std::string mount = "/stream";
  std::string realm = "Radio";
  std::uint64_t timeout_ns = 10'000'000'000;  // for a source to send nothing; 0: any
  bool takeover = false;
  std::uint64_t read_interval_ns = 0;  // for how long what a source sends may be gathered
};

// What an element reads of it from any thread.
struct SourceStats {
  std::atomic<std::uint64_t> sources{0};
  std::atomic<std::uint64_t> refused_sources{0};  // the mount is taken
  std::atomic<std::uint64_t> refused_passwords{0};
  std::atomic<std::uint64_t> lost_sources{0};
  std::atomic<std::uint64_t> silent_sources{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> titles{0};
};

// Where those come in who send a stream: one at a time. What they send goes into a queue. For
// the front end's thread.
class SourceDoor final : private RequestHandler {
 public:
  // Whether somebody may send, or change the title. Verdict::refused asks for a password.
  class Judge {
   public:
    virtual Verdict judge(Exchange &exchange) = 0;
    // Nobody may who is not on this host, whatever the password.
    virtual bool is_only_for_this_host() const = 0;

   protected:
    ~Judge() = default;
  };

  SourceDoor(HttpFrontend &frontend, SourceDoorSettings settings, SourceQueue &queue,
             SourceStats &stats, Judge &judge);
  ~SourceDoor();
  SourceDoor(const SourceDoor &) = delete;
  SourceDoor &operator=(const SourceDoor &) = delete;

  void change(SourceDoorSettings settings);
  // The queue has room again.
  void resume();
  // Sends the source away; false if there is none.
  bool remove_source();

 private:
  class Source;

  bool handle(Exchange &exchange) override;
  std::vector<std::string> methods() const override;
  // Whether it is granted; else it was answered, or will be handled again.
  bool is_granted(Exchange &exchange);
  void begin_source(Exchange &exchange);
  void handle_title(Exchange &exchange);
  void put(SourceItem item);
  void erase(std::uint64_t number);

  HttpFrontend &frontend_;
  SourceDoorSettings settings_;
  SourceQueue &queue_;
  SourceStats &stats_;
  Judge &judge_;
  // The one that sends, and those that are still told goodbye.
  std::unordered_map<std::uint64_t, std::unique_ptr<Source>> sources_;
  Source *current_ = nullptr;
  std::uint64_t last_number_ = 0;
  bool may_read_ = true;  // the queue has room
};

}  // namespace kam::http
