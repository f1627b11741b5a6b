// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/frontend/httpconversation.hpp"
#include "elements/http/frontend/httpexchange.hpp"
#include "net/reactor.hpp"
#include "net/tcp_connection.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace kam::http {

class HttpFrontend;

// A client of a front end: one request after the other, each answered before the next is read.
//
//   reading --head complete--> handling --respond()--> answering --all sent--> reading
//                                 ├──converse()--> conversing --all sent--> reading
//                                 └──take(): the connection is somebody else's
class HttpConnection final : private net::TcpConnection::Handler,
                             private net::Timer::Handler,
                             private Exchange {
 public:
  HttpConnection(HttpFrontend &frontend, std::uint64_t number,
                 std::unique_ptr<net::Stream> stream, const net::Endpoint &peer,
                 ConnectionCount::Ticket ticket);
  HttpConnection(const HttpConnection &) = delete;
  HttpConnection &operator=(const HttpConnection &) = delete;

  // False if it cannot be waited for.
  bool start();
  void decide(Verdict verdict);

 private:
  enum class State { reading, handling, waiting, answering, conversing, closing, taken };

  std::span<std::byte> read_space() override;
  void handle_bytes(std::size_t count) override;
  void handle_end() override;
  void handle_drained() override;
  void handle_closed(net::TcpConnection::Closing closing) override;
  void handle_time(std::uint64_t now) override;

  const RequestHead &request() const override { return parser_.head(); }
  const net::Endpoint &peer() const override { return peer_; }
  std::string base_address() const override;
  Verdict verdict() const override { return verdict_; }
  void respond(Response response) override;
  TakenConnection take() override;
  void converse(std::unique_ptr<Responder> responder, std::uint64_t max_body_size) override;
  std::uint64_t wait() override;
  std::uint64_t number() const override { return number_; }

  void read(MutableBytes bytes);
  void read_body(MutableBytes bytes);
  void handle_request();
  void refuse(unsigned status, std::string_view sentence);
  void begin_request(std::uint64_t timeout_ns);
  void finish_answer();
  void finish_conversation();

  HttpFrontend &frontend_;
  std::uint64_t number_;
  net::Endpoint peer_;
  net::Endpoint local_;
  ConnectionCount::Ticket ticket_;
  net::TcpConnection connection_;
  net::Timer deadline_;
  RequestHeadParser parser_;
  State state_ = State::reading;
  Verdict verdict_ = Verdict::none;
  std::unique_ptr<Conversation> conversation_;
  ByteVector ahead_;  // what came after the head
  std::size_t requests_ = 0;
  bool keeps_alive_ = false;
  bool is_reused_ = false;  // it had a request before
};

}  // namespace kam::http
