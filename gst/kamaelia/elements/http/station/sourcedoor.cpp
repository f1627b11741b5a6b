// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/sourcedoor.hpp"

#include "core/http/source_request.hpp"
#include "elements/http/frontend/gatekeeper.hpp"
#include "glue/bytes.hpp"
#include "net/tcp_connection.hpp"

#include <utility>

namespace kam::http {
namespace {

void count(std::atomic<std::uint64_t> &counter, std::uint64_t by = 1)
{
  counter.fetch_add(by, std::memory_order_relaxed);
}

bool is_of_this_host(const net::Endpoint &peer)
{
  if (peer.family() == net::Family::ipv4)
    return (ntohl(peer.ipv4().s_addr) >> 24U) == 127;
  const auto address = peer.ipv6();
  return peer.family() == net::Family::ipv6 && IN6_IS_ADDR_LOOPBACK(&address);
}

// A browser on this host may ask on behalf of any page in it.
bool is_of_a_page(const RequestHead &request)
{
  return request.find("origin") || request.find("sec-fetch-site");
}

}  // namespace

// One that sends a stream.
class SourceDoor::Source final : private net::TcpConnection::Handler,
                                 private net::Timer::Handler {
 public:
  Source(SourceDoor &door, std::uint64_t number, const RequestHead &request,
         TakenConnection connection)
      : door_{door},
        number_{number},
        welcome_{welcome_of(request)},
        body_{request},
        received_{std::move(connection.received)},
        ticket_{std::move(connection.ticket)},
        connection_{door.frontend_.reactor(),
                    std::move(connection.stream),
                    *this,
                    {.read_interval_ns = door.settings_.read_interval_ns}},
        silence_{door.frontend_.reactor(), *this}
  {
  }

  bool start()
  {
    if (connection_.start())
      return false;
    if (welcome_ == Welcome::go_ahead)
      connection_.write(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
    else if (welcome_ == Welcome::at_once)
      connection_.write(as_bytes(response_head(200, {{"Connection", "close"}})));
    if (!door_.may_read_)
      connection_.pause_reading();
    note_activity();
    auto received = std::exchange(received_, {});
    take(received);
    return true;
  }

  void resume()
  {
    connection_.resume_reading();
    note_activity();
  }

  void read_gathered() { connection_.read_gathered(); }

  void end(SourceEnd reason)
  {
    if (std::exchange(has_ended_, true))
      return;
    silence_.cancel();
    connection_.resume_reading();
    if (door_.current_ == this)
      door_.current_ = nullptr;
    door_.put(SourceEnded{reason, bytes_});
    if (reason == SourceEnd::lost)
      count(door_.stats_.lost_sources);
    if (reason == SourceEnd::timeout)
      count(door_.stats_.silent_sources);
    if (reason == SourceEnd::ended && welcome_ != Welcome::at_once)
      connection_.write(
          as_bytes(response_head(200, {{"Content-Length", "0"}, {"Connection", "close"}})));
    connection_.end_writing();
  }

 private:
  std::span<std::byte> read_space() override { return door_.frontend_.read_space(); }
  void handle_bytes(std::size_t size) override
  {
    if (!has_ended_)
      take(door_.frontend_.read_space().first(size));
  }
  void handle_end() override { end(body_.may_end() ? SourceEnd::ended : SourceEnd::lost); }
  void handle_drained() override {}
  void handle_closed(net::TcpConnection::Closing) override
  {
    end(SourceEnd::lost);
    door_.erase(number_);
  }
  void handle_time(std::uint64_t now) override
  {
    const auto deadline = last_activity_ + door_.settings_.timeout_ns;
    if (door_.settings_.timeout_ns == 0 || !door_.may_read_)
      return;
    if (now < deadline)
      silence_.set(deadline);
    else
      end(SourceEnd::timeout);
  }

  // The timer is not set anew for each piece that comes.
  void note_activity()
  {
    last_activity_ = door_.frontend_.reactor().now();
    if (!silence_.is_set() && door_.settings_.timeout_ns > 0)
      silence_.set(last_activity_ + door_.settings_.timeout_ns);
  }

  void take(MutableBytes bytes)
  {
    note_activity();
    const auto size = body_.decode(bytes);
    if (size > 0) {
      bytes_ += size;
      count(door_.stats_.bytes, size);
      door_.put(glue::copy(bytes.first(size)));
      if (!door_.may_read_)
        connection_.pause_reading();
    }
    if (body_.finished())
      end(SourceEnd::ended);
    else if (body_.broken())
      end(SourceEnd::broken);
  }

  SourceDoor &door_;
  std::uint64_t number_;
  Welcome welcome_;
  SourceBody body_;
  ByteVector received_;  // with the request
  ConnectionCount::Ticket ticket_;
  net::TcpConnection connection_;
  net::Timer silence_;
  std::uint64_t last_activity_ = 0;
  std::uint64_t bytes_ = 0;
  bool has_ended_ = false;
};

SourceDoor::SourceDoor(HttpFrontend &frontend, SourceDoorSettings settings, SourceQueue &queue,
                       SourceStats &stats, Judge &judge)
    : frontend_{frontend},
      settings_{std::move(settings)},
      queue_{queue},
      stats_{stats},
      judge_{judge}
{
  frontend_.add(*this, HttpFrontend::Precedence::sources);
}

SourceDoor::~SourceDoor()
{
  frontend_.remove(*this);
}

void SourceDoor::change(SourceDoorSettings settings)
{
  settings.mount = settings_.mount;
  settings_ = std::move(settings);
}

void SourceDoor::erase(std::uint64_t number)
{
  sources_.erase(number);
}

void SourceDoor::put(SourceItem item)
{
  may_read_ = queue_.put(std::move(item));
}

void SourceDoor::resume()
{
  may_read_ = true;
  if (current_)
    current_->resume();
}

bool SourceDoor::remove_source()
{
  if (!current_)
    return false;
  current_->end(SourceEnd::removed);
  return true;
}

std::vector<std::string> SourceDoor::methods() const
{
  return {"GET", "OPTIONS", "POST", "PUT", "SOURCE"};
}

bool SourceDoor::handle(Exchange &exchange)
{
  const auto &request = exchange.request();
  if (request.path == title_update_path) {
    const auto update = title_update(request);
    const bool is_here = !update || !update->mount || *update->mount == settings_.mount;
    if (is_here && is_granted(exchange))
      handle_title(exchange);
    return is_here;
  }
  if (!is_source_method(request.method) ||
      percent_decoded(request.path, Plus::is_plus) != settings_.mount)
    return false;
  if (is_granted(exchange))
    begin_source(exchange);
  return true;
}

bool SourceDoor::is_granted(Exchange &exchange)
{
  auto verdict = exchange.verdict();
  if (verdict == Verdict::none && judge_.is_only_for_this_host()) {
    if (is_of_this_host(exchange.peer()) && !is_of_a_page(exchange.request()))
      return true;
    count(stats_.refused_passwords);
    exchange.respond(error_response(403, "Without a password, only this host itself may send"));
    return false;
  }
  if (verdict == Verdict::none)
    verdict = judge_.judge(exchange);
  if (verdict == Verdict::refused) {
    count(stats_.refused_passwords);
    exchange.respond(password_response(settings_.realm, "Who sends needs the password"));
  }
  return verdict == Verdict::granted;
}

void SourceDoor::begin_source(Exchange &exchange)
{
  const auto &request = exchange.request();
  if (is_source_probe(request)) {
    exchange.respond({200, {}, {}});
    return;
  }
  // It may have ended before this one came.
  if (current_)
    current_->read_gathered();
  if (current_ && settings_.takeover) {
    queue_.drop_sound();
    current_->end(SourceEnd::replaced);
  }
  if (current_) {
    count(stats_.refused_sources);
    exchange.respond(error_response(409, "Somebody else is sending here"));
    return;
  }
  if (!may_read_) {
    count(stats_.refused_sources);
    auto response = error_response(503, "The pipeline takes nothing just now");
    response.fields.emplace_back("Retry-After", "2");
    exchange.respond(std::move(response));
    return;
  }
  count(stats_.sources);
  put(SourceBegan{request, exchange.peer().text()});
  const auto number = ++last_number_;
  auto source = std::make_unique<Source>(*this, number, request, exchange.take());
  current_ = source.get();
  if (source->start())
    sources_.emplace(number, std::move(source));
  else
    source->end(SourceEnd::lost);
}

void SourceDoor::handle_title(Exchange &exchange)
{
  if (exchange.request().method != "GET") {
    auto response = error_response(405, "That cannot be done with this address");
    response.fields.emplace_back("Allow", "GET");
    exchange.respond(std::move(response));
    return;
  }
  const auto update = title_update(exchange.request());
  if (!update) {
    exchange.respond(error_response(400, "There is no title in this"));
    return;
  }
  // The title belongs behind what its source had sent before.
  if (current_)
    current_->read_gathered();
  count(stats_.titles);
  put(SourceTitle{{{"StreamTitle", update->title}, {"StreamUrl", update->url}},
                  update->charset});
  exchange.respond(
      {200,
       {{"Content-Type", "text/xml; charset=utf-8"}, {"Cache-Control", "no-store"}},
       "<?xml version=\"1.0\"?>\n<iceresponse><message>Metadata update "
       "successful</message><return>1</return></iceresponse>\n"});
}

}  // namespace kam::http
