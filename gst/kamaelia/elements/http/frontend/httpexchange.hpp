// SPDX-License-Identifier: LGPL-2.1-or-later
// What a front end and the elements behind it have to say to each other. All of it is for the
// front end's thread.
#pragma once

#include "core/bytes.hpp"
#include "core/http/request_body.hpp"
#include "core/http/request_head.hpp"
#include "net/endpoint.hpp"
#include "net/stream.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kam::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

// An answer that is known as a whole.
struct Response {
  unsigned status = 200;
  Fields fields;
  std::string body;
  bool has_length = true;  // else nobody knows it, as of a stream that was only asked about
};

// A page that says what went wrong, in a sentence without a full stop.
Response error_response(unsigned status, std::string_view sentence);

// The head of an answer, up to the empty line; `fields` must have what delimits the body. Line
// ends in values become blanks.
std::string response_head(unsigned status, const Fields &fields);

// Counts connections, in all and by address: of IPv6 by the first 64 bits, because that is what
// one customer gets. Only for one thread.
class ConnectionCount {
 public:
  using Key = std::pair<std::uint64_t, std::uint64_t>;

  // A place that is given back when this is destroyed.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(std::shared_ptr<ConnectionCount> count, const net::Endpoint &peer);
    Ticket(Ticket &&other) noexcept = default;
    Ticket &operator=(Ticket &&other) noexcept
    {
      std::swap(count_, other.count_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Ticket();

   private:
    std::shared_ptr<ConnectionCount> count_;
    Key key_{};
  };

  std::size_t total() const { return total_; }
  std::size_t of(const net::Endpoint &peer) const;

 private:
  static Key key_of(const net::Endpoint &peer);

  std::map<Key, std::size_t> by_address_;
  std::size_t total_ = 0;
};

// A connection that belongs to somebody else from now on.
struct TakenConnection {
  std::unique_ptr<net::Stream> stream;
  ByteVector received;  // what came after the head
  ConnectionCount::Ticket ticket;
};

// How an answer begins that is not known as a whole.
struct ResponseHead {
  unsigned status = 200;
  Fields fields;
  std::optional<std::uint64_t> length;  // of the body; else its end is told when it comes
};

// What a Responder says to its client. What is written to a client that wants no body (HEAD),
// or with a status that has none, goes nowhere.
class Reply {
 public:
  // Goes out with what is written next, or the end.
  virtual void begin(ResponseHead head) = 0;
  // Sends or queues, as a whole.
  virtual void write(Bytes bytes) = 0;
  // Sends so much of an open file, or less; nothing unless there is room. handle_room() tells
  // when it goes on, in any case. `ended`: the file has no more. Only with a length.
  virtual net::Stream::Status send_file(int file, std::uint64_t offset, std::size_t size,
                                        std::size_t &sent) = 0;
  // How much was written that the client has not taken; there is room if it is nothing.
  virtual std::size_t queued() const = 0;
  bool has_room() const { return queued() == 0; }
  virtual void end() = 0;
  // What has begun cannot be ended: the client is not to take it for whole.
  virtual void abort() = 0;
  // The client is to wait with its body.
  virtual void pause_body() = 0;
  virtual void resume_body() = 0;

  virtual bool has_begun() const = 0;
  virtual unsigned status() const = 0;
  // Of the answer's body.
  virtual std::uint64_t bytes_sent() const = 0;

 protected:
  ~Reply() = default;
};

// Answers a request in pieces. It is destroyed when that is done or the client is gone; until
// then it may use its reply whenever it likes.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void begin(Reply &reply) = 0;
  // Some more of what the client sends.
  virtual void handle_body(Bytes bytes) = 0;
  // There is no more: it is complete, or cannot be read on.
  virtual void handle_body_end(RequestBody::State state) = 0;
  // There is room for more of the answer.
  virtual void handle_room() = 0;
};

// Whether a request may have what it asks for.
enum class Verdict { none, granted, refused };

// One request, for as long as a handler looks at it.
class Exchange {
 public:
  virtual const RequestHead &request() const = 0;
  virtual const net::Endpoint &peer() const = 0;
  // Where the client found this server, as "http://example.org:8000"; without a host that
  // can be trusted to be one, by this end's address.
  virtual std::string base_address() const = 0;
  // What was found out since the handler said wait().
  virtual Verdict verdict() const = 0;

  // One of these, once.
  virtual void respond(Response response) = 0;
  virtual TakenConnection take() = 0;
  // `max_body_size`: what a client may send at most; 0: any.
  virtual void converse(std::unique_ptr<Responder> responder, std::uint64_t max_body_size) = 0;
  // The request is handled again when HttpFrontend::decide() is called with this number.
  virtual std::uint64_t wait() = 0;
  virtual std::uint64_t number() const = 0;

 protected:
  ~Exchange() = default;
};

class RequestHandler {
 public:
  // False: somebody else's.
  virtual bool handle(Exchange &exchange) = 0;
  // What can be done with some address of its.
  virtual std::vector<std::string> methods() const { return {"GET", "HEAD", "OPTIONS"}; }

 protected:
  ~RequestHandler() = default;
};

}  // namespace kam::http
