// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/http/request_body.hpp"
#include "elements/http/frontend/httpexchange.hpp"
#include "net/reactor.hpp"
#include "net/tcp_connection.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace kam::http {

// One request whose body, or answer, is not known as a whole: reads the one for a Responder,
// and puts the frame around the other.
//
//   begin() --write(), send_file()--> end() --all sent--> over
class Conversation final : private Reply {
 public:
  struct Options {
    std::uint64_t max_body_size = 0;  // 0: any
    std::uint64_t body_timeout_ns = 0;
    std::uint64_t send_timeout_ns = 0;
    bool may_keep_alive = true;
  };

  // `ending` is set when it is over, or a deadline may have changed.
  Conversation(net::TcpConnection &connection, const net::Reactor &reactor, net::Timer &ending,
               const RequestHead &request, std::unique_ptr<Responder> responder,
               const Options &options);
  ~Conversation();
  Conversation(const Conversation &) = delete;
  Conversation &operator=(const Conversation &) = delete;

  void begin();
  // From the client; returns how much of it is of this request.
  std::size_t read(MutableBytes bytes);
  void handle_peer_end();
  void handle_drained();
  // False: somebody waits too long for the other.
  bool handle_time(std::uint64_t now);

  // The answer is complete, and so is what the client has to take of it.
  bool is_over() const { return has_ended_ && connection_.queued() == 0; }
  bool keeps_alive() const { return keeps_alive_; }
  bool has_begun() const override { return has_begun_; }

 private:
  enum class Framing { none, length, chunks, closing };

  void begin(ResponseHead head) override;
  void write(Bytes bytes) override;
  net::Stream::Status send_file(int file, std::uint64_t offset, std::size_t size,
                                std::size_t &sent) override;
  std::size_t queued() const override { return connection_.queued(); }
  void end() override;
  void abort() override;
  void pause_body() override { connection_.pause_reading(); }
  void resume_body() override;
  unsigned status() const override { return status_; }
  std::uint64_t bytes_sent() const override { return body_sent_; }

  void send_head();
  void arm();
  std::uint64_t next_deadline() const;

  net::TcpConnection &connection_;
  const net::Reactor &reactor_;
  net::Timer &ending_;
  const RequestHead &request_;
  std::unique_ptr<Responder> responder_;
  Options options_;
  RequestBody body_;
  std::uint64_t last_read_ = 0;

  Framing framing_ = Framing::none;
  std::string head_;  // that goes out with what is written next
  std::uint64_t left_ = 0;
  std::uint64_t body_sent_ = 0;
  unsigned status_ = 0;
  bool has_begun_ = false;
  bool has_ended_ = false;
  bool keeps_alive_ = false;
  bool is_sending_file_ = false;
};

}  // namespace kam::http
