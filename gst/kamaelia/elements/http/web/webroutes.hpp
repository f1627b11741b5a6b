// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/http/routes.hpp"
#include "elements/http/web/webexchange.hpp"
#include "elements/http/web/webfolder.hpp"
#include "elements/http/web/webpipeline.hpp"

#include <gst/gst.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace kam::http {

// Kamaelia's HTTPProtocol: hands each request to what its address belongs to, unless an
// application has something to say about it first. For the front end's thread.
class WebRoutes final : private RequestHandler {
 public:
  // An application that may be asked about requests.
  class Adviser {
   public:
    virtual bool wants_requests() = 0;
    // advise() is called with its answer, or nullptr.
    virtual void ask(std::uint64_t number, glue::StructurePtr request) = 0;

   protected:
    ~Adviser() = default;
  };
  using MakePool = std::function<std::shared_ptr<ClientBinPool>()>;

  WebRoutes(WebServer &server, Adviser &adviser, MakePool make_pool, bool always_threads);
  ~WebRoutes();
  WebRoutes(const WebRoutes &) = delete;
  WebRoutes &operator=(const WebRoutes &) = delete;

  // A sentence without a full stop if it is of no use. Of a shared pipeline only the address is
  // kept: what runs it answers for itself, for as long as it can.
  std::optional<std::string> add(const Route &route);
  // False if there is none.
  bool remove(const std::vector<std::string> &prefix);
  void advise(std::uint64_t number, glue::StructurePtr answer);

 private:
  using Target =
      std::variant<std::monostate, std::unique_ptr<WebFolder>, std::unique_ptr<WebPipeline>>;
  struct Entry {
    Route route;
    Target target;
  };

  bool handle(Exchange &exchange) override;
  std::vector<std::string> methods() const override;
  bool handle_by_route(Exchange &exchange);
  // False: the application leaves it to the routes.
  bool handle_advice(Exchange &exchange, const GstStructure *answer);

  WebServer &server_;
  Adviser &adviser_;
  MakePool make_pool_;
  bool always_threads_;
  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, glue::StructurePtr> advice_;
};

}  // namespace kam::http
