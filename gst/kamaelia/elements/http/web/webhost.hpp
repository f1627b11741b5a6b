// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/web/httpservervalues.hpp"
#include "elements/http/web/webroutes.hpp"
#include "glue/guarded.hpp"
#include "net/file_descriptor.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace kam::http {

// A web server from when its element starts until it stops, and what may be asked of it from
// any thread meanwhile.
class WebHost {
 public:
  // Told in the front end's thread.
  class User : public WebRoutes::Adviser {
   public:
    virtual void handle_answered(const LoggedRequest &request, std::uint64_t duration_ns) = 0;

   protected:
    ~User() = default;
  };

  // `server` is for contexts, names and messages.
  WebHost(GstElement *server, User &user) : server_{server}, user_{user} {}

  // A sentence without a full stop if it did not work.
  std::optional<std::string> open(const HttpServerValues &values,
                                  const std::vector<Route> &routes);
  void close();

  // --- any thread

  bool is_open() const { return *service_.lock() != nullptr; }
  int bound_port() const;
  bool is_in_own_thread() const;
  void change(const HttpServerValues &values);
  std::optional<std::string> add(const Route &route);
  void remove(const Route &route);
  // The answer to Adviser::ask().
  void advise(std::uint64_t number, glue::StructurePtr answer);
  glue::StructurePtr stats(guint64 messages_dropped) const;

 private:
  class Service;
  using ServicePtr = std::shared_ptr<Service>;

  GstElement *server_;
  User &user_;
  mutable glue::Guarded<ServicePtr> service_;
};

}  // namespace kam::http
