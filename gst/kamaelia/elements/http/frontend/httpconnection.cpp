// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/frontend/httpconnection.hpp"

#include "elements/http/frontend/httpfrontend.hpp"

#include <utility>

namespace kam::http {
namespace {

// What a client may send ahead of its answer.
constexpr std::size_t max_ahead = std::size_t{64} << 10U;

void count(std::atomic<std::uint64_t> &counter)
{
  counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

HttpConnection::HttpConnection(HttpFrontend &frontend, std::uint64_t number,
                               std::unique_ptr<net::Stream> stream, const net::Endpoint &peer,
                               ConnectionCount::Ticket ticket)
    : frontend_{frontend},
      number_{number},
      peer_{peer},
      local_{net::local_endpoint(stream->fd())},
      ticket_{std::move(ticket)},
      connection_{frontend.reactor(), std::move(stream), *this, {}},
      deadline_{frontend.reactor(), *this}
{
}

bool HttpConnection::start()
{
  begin_request(frontend_.options().request_timeout_ns);
  return !connection_.start();
}

void HttpConnection::begin_request(std::uint64_t timeout_ns)
{
  state_ = State::reading;
  parser_ = RequestHeadParser{frontend_.options().head_limits};
  verdict_ = Verdict::none;
  deadline_.set(frontend_.reactor().now() + timeout_ns);
}

std::span<std::byte> HttpConnection::read_space()
{
  return frontend_.read_space();
}

void HttpConnection::handle_bytes(std::size_t count)
{
  read(frontend_.read_space().first(count));
}

// What is not of the request's body is of the next request.
void HttpConnection::read_body(MutableBytes bytes)
{
  const auto rest = bytes.subspan(conversation_->read(bytes));
  ahead_.insert(ahead_.end(), rest.begin(), rest.end());
  if (ahead_.size() > max_ahead)
    connection_.pause_reading();
}

void HttpConnection::read(MutableBytes bytes)
{
  if (state_ == State::conversing)
    return read_body(bytes);
  if (state_ != State::reading) {
    ahead_.insert(ahead_.end(), bytes.begin(), bytes.end());
    if (ahead_.size() > max_ahead)
      connection_.pause_reading();
    return;
  }
  // From the first byte of it on, a request has to come in the time that there is.
  const bool ends_idleness = is_reused_ && !parser_.has_begun();
  const auto used = parser_.feed(bytes);
  const auto rest = bytes.subspan(used);
  if (ends_idleness)
    deadline_.set(frontend_.reactor().now() + frontend_.options().request_timeout_ns);
  if (parser_.state() == RequestHeadParser::State::refused) {
    count(frontend_.counters().refused_requests);
    return refuse(parser_.status(), parser_.reason());
  }
  if (parser_.state() == RequestHeadParser::State::reading)
    return;
  ahead_.assign(rest.begin(), rest.end());
  handle_request();
}

void HttpConnection::handle_request()
{
  count(frontend_.counters().requests);
  ++requests_;
  state_ = State::handling;
  deadline_.cancel();
  const auto &head = request();
  // What follows the head of one who would send may be a body all the same.
  const bool may_send = head.expects_continue || (head.method == "SOURCE" && !head.has_length);
  keeps_alive_ = head.keeps_alive && !head.is_chunked && head.content_length == 0 && !may_send;
  frontend_.dispatch(*this);
}

void HttpConnection::refuse(unsigned status, std::string_view sentence)
{
  keeps_alive_ = false;
  state_ = State::handling;
  respond(error_response(status, sentence));
}

std::string HttpConnection::base_address() const
{
  const auto *host = request().find("host");
  const std::string scheme = frontend_.is_secure() ? "https://" : "http://";
  return scheme + (host && !host->empty() ? *host : local_.text());
}

void HttpConnection::respond(Response response)
{
  auto fields = std::move(response.fields);
  const bool has_body = response.status != 204 && response.status != 304;
  if (has_body && response.has_length)
    fields.emplace_back("Content-Length", std::to_string(response.body.size()));
  fields.emplace_back("X-Content-Type-Options", "nosniff");
  fields.emplace_back("Connection", keeps_alive_ ? "keep-alive" : "close");
  auto text = response_head(response.status, fields);
  if (has_body && request().method != "HEAD")
    text += response.body;
  state_ = State::answering;
  deadline_.set(frontend_.reactor().now() + frontend_.options().send_timeout_ns);
  connection_.write(as_bytes(text));
  if (connection_.queued() == 0)
    finish_answer();
}

void HttpConnection::finish_answer()
{
  if (!keeps_alive_) {
    state_ = State::closing;
    ahead_ = {};
    connection_.resume_reading();
    connection_.end_writing();
    return;
  }
  is_reused_ = true;
  begin_request(frontend_.options().idle_timeout_ns);
  connection_.resume_reading();
  if (ahead_.empty())
    return;
  // Not from within the answer to the one before, or a client could make that as deep as it
  // likes.
  frontend_.post(
      [&frontend = frontend_, number = number_] { frontend.decide(number, Verdict::none); });
}

void HttpConnection::converse(std::unique_ptr<Responder> responder, std::uint64_t max_body_size)
{
  const auto &options = frontend_.options();
  const bool is_last = options.max_requests > 0 && requests_ >= options.max_requests;
  state_ = State::conversing;
  conversation_ = std::make_unique<Conversation>(
      connection_, frontend_.reactor(), deadline_, request(), std::move(responder),
      Conversation::Options{max_body_size, options.request_timeout_ns, options.send_timeout_ns,
                            !is_last});
  conversation_->begin();
  if (!ahead_.empty()) {
    auto bytes = std::exchange(ahead_, {});
    read_body(bytes);
  }
}

void HttpConnection::finish_conversation()
{
  keeps_alive_ = conversation_->keeps_alive();
  conversation_.reset();
  finish_answer();
}

TakenConnection HttpConnection::take()
{
  state_ = State::taken;
  deadline_.cancel();
  frontend_.retire(number_);
  return {connection_.take_stream(), std::exchange(ahead_, {}), std::move(ticket_)};
}

std::uint64_t HttpConnection::wait()
{
  state_ = State::waiting;
  return number_;
}

void HttpConnection::decide(Verdict verdict)
{
  if (state_ == State::waiting && verdict != Verdict::none) {
    verdict_ = verdict;
    state_ = State::handling;
    frontend_.dispatch(*this);
  } else if (state_ == State::reading && verdict == Verdict::none) {
    auto bytes = std::exchange(ahead_, {});
    read(bytes);
  }
}

void HttpConnection::handle_end()
{
  // Who asked may have nothing more to say and still wait for the answer.
  if (state_ == State::reading)
    connection_.end_writing();
  else if (conversation_)
    conversation_->handle_peer_end();
}

void HttpConnection::handle_drained()
{
  if (state_ == State::answering)
    finish_answer();
  else if (conversation_)
    conversation_->handle_drained();
}

void HttpConnection::handle_closed(net::TcpConnection::Closing)
{
  frontend_.erase(number_);
}

void HttpConnection::handle_time(std::uint64_t now)
{
  if (conversation_) {
    if (conversation_->is_over())
      return finish_conversation();
    if (conversation_->handle_time(now))
      return;
    if (!conversation_->has_begun()) {
      count(frontend_.counters().timeouts);
      conversation_.reset();
      return refuse(408, "The request did not come in time");
    }
  }
  const auto send_by = connection_.last_progress() + frontend_.options().send_timeout_ns;
  if (state_ == State::answering && now < send_by) {
    deadline_.set(send_by);
    return;
  }
  count(frontend_.counters().timeouts);
  if (state_ == State::reading && parser_.has_begun())
    refuse(408, "The request did not come in time");
  else if (state_ == State::reading)
    connection_.end_writing();
  else
    connection_.abort(net::TcpConnection::Farewell::reset);
}

}  // namespace kam::http
