// SPDX-License-Identifier: LGPL-2.1-or-later
// What a front end and the elements behind it have to say to each other. All of it is for the
// front end's thread.
#pragma once

#include "core/bytes.hpp"
#include "core/http/request_head.hpp"
#include "net/endpoint.hpp"
#include "net/stream.hpp"

#include <cstdint>
#include <map>
#include <memory>
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
  // The request is handled again when HttpFrontend::decide() is called with this number.
  virtual std::uint64_t wait() = 0;

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
