// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/web/webexchange.hpp"

#include "core/http/preferences.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace kam::http {
namespace {

std::string field_of(const RequestHead &request, std::string_view key)
{
  const auto *value = request.find(key);
  return value ? *value : std::string{};
}

}  // namespace

Response failure(const RequestHead &request, unsigned status, std::string_view sentence)
{
  const auto *accepts = request.find("accept");
  if (media_type_preference(accepts, "text/html") >=
          media_type_preference(accepts, "text/plain") &&
      (!accepts || accepts->find("text/html") != std::string::npos))
    return error_response(status, sentence);
  return {status,
          {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}},
          std::string{sentence} + ".\n"};
}

// --- server -------------------------------------------------------------------------------

LoggedRequest WebServer::begin_log(const Exchange &exchange)
{
  stats_.requests.add();
  const auto &head = exchange.request();
  LoggedRequest log;
  log.peer = exchange.peer().address_text();
  log.time = std::time(nullptr);
  log.method = head.method;
  log.target = head.target;
  log.minor_version = head.minor_version;
  log.referer = field_of(head, "referer");
  log.user_agent = field_of(head, "user-agent");
  return log;
}

void WebServer::finish_log(LoggedRequest request, unsigned status, std::uint64_t bytes,
                           std::uint64_t begun_ns)
{
  request.status = status;
  request.bytes = bytes;
  stats_.bytes_sent.add(bytes);
  stats_.responses.at(std::min<std::size_t>(status / 100, 5)).add();
  observer_.handle_answered(request, frontend_.reactor().now() - begun_ns);
}

void WebServer::respond(Exchange &exchange, Response response)
{
  auto log = begin_log(exchange);
  add_origin(exchange.request(), response.fields);
  const auto status = response.status;
  const auto bytes = exchange.request().method == "HEAD" ? 0 : response.body.size();
  exchange.respond(std::move(response));
  finish_log(std::move(log), status, bytes, frontend_.reactor().now());
}

void WebServer::converse(Exchange &exchange, std::unique_ptr<WebResponder> responder) const
{
  exchange.converse(std::move(responder), settings_.max_body_size);
}

void WebServer::add_origin(const RequestHead &request, Fields &fields) const
{
  const auto &allowed = settings_.cors_origin;
  if (allowed.empty())
    return;
  fields.emplace_back("Access-Control-Allow-Origin", allowed);
  if (allowed != "*")
    fields.emplace_back("Vary", "Origin");
  if (request.find("origin"))
    fields.emplace_back("Access-Control-Expose-Headers",
                        "Accept-Ranges, Content-Length, Content-Range, ETag");
}

Response WebServer::options(const RequestHead &request, const std::string &methods) const
{
  Response response{204, {{"Allow", methods}}, {}};
  if (!settings_.cors_origin.empty() && request.find("access-control-request-method")) {
    response.fields.emplace_back("Access-Control-Allow-Methods", methods);
    if (const auto *fields = request.find("access-control-request-headers"))
      response.fields.emplace_back("Access-Control-Allow-Headers", *fields);
    response.fields.emplace_back("Access-Control-Max-Age", "86400");
  }
  return response;
}

void WebServer::abort_all()
{
  for (auto *responder : responders_)
    responder->abort();
}

void WebServer::leave(WebResponder &responder)
{
  responders_.erase(&responder);
  if (responders_.empty())
    observer_.handle_quiet();
}

// --- responder ----------------------------------------------------------------------------

WebResponder::WebResponder(WebServer &server, const Exchange &exchange)
    : server_{server},
      request_{exchange.request()},
      log_{server.begin_log(exchange)},
      begun_ns_{server.frontend().reactor().now()}
{
  server_.enter(*this);
}

WebResponder::~WebResponder()
{
  const auto status = reply_ && reply_->has_begun() ? reply_->status() : 0;
  server_.finish_log(std::move(log_), status, reply_ ? reply_->bytes_sent() : 0, begun_ns_);
  server_.leave(*this);
}

void WebResponder::begin(Reply &reply)
{
  reply_ = &reply;
  begin();
}

void WebResponder::abort()
{
  if (reply_)
    reply_->abort();
}

void WebResponder::begin_answer(ResponseHead head)
{
  server_.add_origin(request_, head.fields);
  reply_->begin(std::move(head));
}

void WebResponder::respond(Response response)
{
  if (reply_->has_begun())
    return reply_->abort();
  begin_answer({response.status, std::move(response.fields), response.body.size()});
  reply_->write(as_bytes(response.body));
  reply_->end();
}

}  // namespace kam::http
