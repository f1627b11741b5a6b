// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/frontend/httpconversation.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace kam::http {

Conversation::Conversation(net::TcpConnection &connection, const net::Reactor &reactor,
                           net::Timer &ending, const RequestHead &request,
                           std::unique_ptr<Responder> responder, const Options &options)
    : connection_{connection},
      reactor_{reactor},
      ending_{ending},
      request_{request},
      responder_{std::move(responder)},
      options_{options},
      body_{request, options.max_body_size},
      last_read_{reactor.now()}
{
}

// It may still ask for what became of its reply.
Conversation::~Conversation()
{
  responder_.reset();
}

void Conversation::begin()
{
  const bool waits = request_.expects_continue && body_.state() == RequestBody::State::reading;
  if (waits)
    connection_.write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
  responder_->begin(*this);
  if (body_.state() != RequestBody::State::reading)
    responder_->handle_body_end(body_.state());
  arm();
}

// --- the request's body -------------------------------------------------------------------

std::size_t Conversation::read(MutableBytes bytes)
{
  if (body_.state() != RequestBody::State::reading)
    return 0;
  last_read_ = reactor_.now();
  const auto taken = body_.feed(bytes);
  if (taken.data > 0)
    responder_->handle_body(Bytes{bytes}.first(taken.data));
  if (body_.state() != RequestBody::State::reading)
    responder_->handle_body_end(body_.state());
  arm();
  return taken.used;
}

void Conversation::handle_peer_end()
{
  if (body_.state() != RequestBody::State::reading)
    return;
  // It will never be whole.
  connection_.abort(net::TcpConnection::Farewell::normal);
}

void Conversation::resume_body()
{
  last_read_ = reactor_.now();
  connection_.resume_reading();
  arm();
}

// --- the answer ---------------------------------------------------------------------------

void Conversation::begin(ResponseHead head)
{
  if (std::exchange(has_begun_, true))
    return;
  status_ = head.status;
  // What a client still sends would have to be read before the next request.
  keeps_alive_ = options_.may_keep_alive && request_.keeps_alive &&
                 body_.state() == RequestBody::State::complete;
  const bool has_body = request_.method != "HEAD" && head.status != 204 && head.status != 304;
  auto &fields = head.fields;
  if (head.length && head.status != 204 && head.status != 304)
    fields.emplace_back("Content-Length", std::to_string(*head.length));
  if (has_body && head.length) {
    framing_ = Framing::length;
    left_ = *head.length;
  } else if (has_body && request_.minor_version == 1) {
    framing_ = Framing::chunks;
    fields.emplace_back("Transfer-Encoding", "chunked");
  } else if (has_body) {
    framing_ = Framing::closing;
    keeps_alive_ = false;
  }
  fields.emplace_back("X-Content-Type-Options", "nosniff");
  fields.emplace_back("Connection", keeps_alive_ ? "keep-alive" : "close");
  head_ = response_head(head.status, fields);
}

void Conversation::send_head()
{
  if (!head_.empty())
    connection_.write(as_bytes(std::exchange(head_, {})));
}

void Conversation::write(Bytes bytes)
{
  if (framing_ == Framing::none || has_ended_ || bytes.empty())
    return;
  if (framing_ == Framing::length) {
    bytes = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    left_ -= bytes.size();
  }
  body_sent_ += bytes.size();
  const auto head = std::exchange(head_, {});
  if (framing_ == Framing::chunks) {
    std::array<char, 20> size{};
    const auto digits = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    connection_.write(std::array{as_bytes(head),
                                 as_bytes({size.data(), static_cast<std::size_t>(digits)}),
                                 bytes, as_bytes("\r\n")});
  } else {
    connection_.write(std::array{as_bytes(head), bytes});
  }
  arm();
}

net::Stream::Status Conversation::send_file(int file, std::uint64_t offset, std::size_t size,
                                            std::size_t &sent)
{
  sent = 0;
  if (framing_ != Framing::length || has_ended_)
    return net::Stream::Status::failed;
  send_head();
  const auto status = connection_.send_file(
      file, offset, static_cast<std::size_t>(std::min<std::uint64_t>(left_, size)), sent);
  left_ -= sent;
  body_sent_ += sent;
  is_sending_file_ = status != net::Stream::Status::failed;
  arm();
  return status;
}

void Conversation::end()
{
  if (std::exchange(has_ended_, true))
    return;
  is_sending_file_ = false;
  if (framing_ == Framing::chunks)
    connection_.write(std::array{as_bytes(head_), as_bytes("0\r\n\r\n")});
  else
    send_head();
  // A body shorter than was said is not to be taken for whole.
  if (framing_ == Framing::length && left_ > 0)
    connection_.abort(net::TcpConnection::Farewell::reset);
  else
    arm();
}

void Conversation::abort()
{
  connection_.abort(net::TcpConnection::Farewell::reset);
}

void Conversation::handle_drained()
{
  if (has_ended_)
    arm();
  else
    responder_->handle_room();
}

// --- deadlines ----------------------------------------------------------------------------

std::uint64_t Conversation::next_deadline() const
{
  if (is_over())
    return 0;
  if (connection_.queued() > 0 || is_sending_file_)
    return connection_.last_progress() + options_.send_timeout_ns;
  if (body_.state() == RequestBody::State::reading && connection_.is_reading())
    return last_read_ + options_.body_timeout_ns;
  return UINT64_MAX;
}

void Conversation::arm()
{
  const auto deadline = next_deadline();
  if (deadline != UINT64_MAX && (!ending_.is_set() || ending_.deadline() > deadline))
    ending_.set(deadline);
}

bool Conversation::handle_time(std::uint64_t now)
{
  if (now >= next_deadline())
    return false;
  arm();
  return true;
}

}  // namespace kam::http
