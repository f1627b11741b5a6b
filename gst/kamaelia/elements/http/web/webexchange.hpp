// SPDX-License-Identifier: LGPL-2.1-or-later
// What all that answers the requests of a web server has in common. For the front end's thread,
// unless it says otherwise.
#pragma once

#include "core/http/resource_path.hpp"
#include "core/http/web_documents.hpp"
#include "elements/http/frontend/httpexchange.hpp"
#include "elements/http/frontend/httpfrontend.hpp"
#include "elements/server/workers.hpp"
#include "glue/stats.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace kam::http {

// How a web server treats its clients.
struct WebSettings {
  std::string index_file = "index.html";
  bool lists_folders = true;
  bool shows_hidden = false;
  bool sends_compressed = false;
  std::size_t max_ranges = 16;
  std::string cache_control;
  std::string cors_origin;
  std::uint64_t max_body_size = 0;
  std::uint64_t response_timeout_ns = 0;
  std::size_t max_pipelines = 0;
};

// Any thread reads them.
struct WebStats {
  glue::Counter requests;
  std::array<glue::Counter, 6> responses;  // by the first digit of the status; 0: none was sent
  glue::Counter bytes_sent;                // of bodies
  glue::Counter bytes_received;            // of bodies
  glue::Counter refused_pipelines;         // one too many
  std::atomic<std::uint64_t> pipelines{0};
};

// The sentence as a page, or as text for who would rather have that.
Response failure(const RequestHead &request, unsigned status, std::string_view sentence);

class WebResponder;

// The surroundings of what answers requests.
class WebServer {
 public:
  // Told what became of each request.
  class Observer {
   public:
    virtual void handle_answered(const LoggedRequest &request, std::uint64_t duration_ns) = 0;
    // There is nothing left that would be aborted.
    virtual void handle_quiet() = 0;

   protected:
    ~Observer() = default;
  };

  WebServer(HttpFrontend &frontend, Workers &workers, Observer &observer)
      : frontend_{frontend}, workers_{workers}, observer_{observer}
  {
  }
  WebServer(const WebServer &) = delete;
  WebServer &operator=(const WebServer &) = delete;

  HttpFrontend &frontend() { return frontend_; }
  Workers &workers() { return workers_; }
  const WebSettings &settings() const { return settings_; }
  void change(const WebSettings &settings) { settings_ = settings; }
  WebStats &stats() { return stats_; }
  const WebStats &stats() const { return stats_; }

  // Answers as a whole, with what each answer has.
  void respond(Exchange &exchange, Response response);
  // In pieces.
  void converse(Exchange &exchange, std::unique_ptr<WebResponder> responder) const;
  // What pages of other origins may do.
  void add_origin(const RequestHead &request, Fields &fields) const;
  Response options(const RequestHead &request, const std::string &methods) const;

  // Aborts whatever is being answered.
  void abort_all();
  bool is_quiet() const { return responders_.empty(); }

 private:
  friend WebResponder;
  void enter(WebResponder &responder) { responders_.insert(&responder); }
  void leave(WebResponder &responder);
  LoggedRequest begin_log(const Exchange &exchange);
  void finish_log(LoggedRequest request, unsigned status, std::uint64_t bytes,
                  std::uint64_t begun_ns);

  HttpFrontend &frontend_;
  Workers &workers_;
  Observer &observer_;
  WebSettings settings_;
  WebStats stats_;
  std::set<WebResponder *> responders_;
};

// Answers a request in pieces; what becomes of it is logged.
class WebResponder : public Responder {
 public:
  WebResponder(WebServer &server, const Exchange &exchange);
  ~WebResponder() override;
  WebResponder(const WebResponder &) = delete;
  WebResponder &operator=(const WebResponder &) = delete;

  void begin(Reply &reply) final;
  void handle_body(Bytes) override {}
  void handle_body_end(RequestBody::State) override {}
  void handle_room() override {}
  void abort();

 protected:
  virtual void begin() = 0;
  WebServer &server() { return server_; }
  const RequestHead &request() const { return request_; }
  Reply &reply() { return *reply_; }
  // As WebServer::respond().
  void respond(Response response);
  // begin() of the reply, with what each answer has.
  void begin_answer(ResponseHead head);

 private:
  WebServer &server_;
  const RequestHead &request_;
  LoggedRequest log_;
  std::uint64_t begun_ns_;
  Reply *reply_ = nullptr;
};

}  // namespace kam::http
