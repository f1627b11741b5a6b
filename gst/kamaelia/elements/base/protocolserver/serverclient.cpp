// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/protocolserver/serverclient.hpp"

#include "elements/base/protocolserver/serverloop.hpp"

#include <algorithm>
#include <utility>

namespace kam {

namespace {

constexpr std::uint64_t never = UINT64_MAX;
constexpr std::uint64_t millisecond = 1'000'000;
// A launch in the reactor's thread cannot be made to wait within one push; what it makes of one
// read has a limit nevertheless.
constexpr std::size_t max_growth = 64;

net::TcpConnection::Options options_of(const ServerValues &values)
{
  return {values.linger_timeout * millisecond, values.max_bitrate / 8};
}

}  // namespace

ServerClient::ServerClient(ServerLoop &loop, std::shared_ptr<ClientRecord> record,
                           std::unique_ptr<net::Stream> stream, std::unique_ptr<ClientBin> bin,
                           bool is_reusable)
    : loop_{loop},
      record_{std::move(record)},
      bin_{std::move(bin)},
      connection_{loop.reactor(), std::move(stream), *this, options_of(loop.values())},
      timer_{loop.reactor(), *this},
      born_{loop.reactor().now()},
      last_activity_{born_},
      is_reusable_{is_reusable}
{
  record_->connected_ns = born_;
}

ServerClient::~ServerClient() = default;

// --- beginning ----------------------------------------------------------------------------

void ServerClient::begin()
{
  bin_->attach(*this, loop_.seed_for(id()));
  loop_.events().client_added(record_->info, bin_->element());
  arm();
  if (!bin_->has_threads()) {
    started(bin_->start());
    return;
  }
  is_starting_ = true;
  loop_.pool().work([this, bin = bin_.get()] {
    const bool is_playing = bin->start();
    loop_.pool().finish_work([this, is_playing] {
      is_starting_ = false;
      started(is_playing);
    });
  });
}

void ServerClient::started(bool is_playing)
{
  if (is_closed_) {
    wind_up();
    return;
  }
  if (!is_playing) {
    fail("The launch line's elements do not play");
    return;
  }
  if (auto error = connection_.start()) {
    fail(error->what);
    return;
  }
  bin_->collect();
}

// --- from the client ----------------------------------------------------------------------

std::span<std::byte> ServerClient::read_space()
{
  return loop_.read_space();
}

void ServerClient::handle_bytes(std::size_t count)
{
  last_activity_ = loop_.reactor().now();
  record_->bytes_received.store(connection_.bytes_received(), std::memory_order_relaxed);
  loop_.count_received(count);
  if (!bin_->takes_input())
    return;
  bin_->give(loop_.take_read(count));
  if (!bin_->wants_input())
    connection_.pause_reading();
}

void ServerClient::handle_end()
{
  if (!std::exchange(has_given_end_, true))
    bin_->give_end();
}

void ServerClient::handle_input_room()
{
  if (connection_.queued() == 0)
    connection_.resume_reading();
}

// --- to the client ------------------------------------------------------------------------

bool ServerClient::can_take_output()
{
  return connection_.queued() == 0 && !is_closed_;
}

void ServerClient::handle_output(Bytes bytes)
{
  connection_.write(bytes);
  last_activity_ = loop_.reactor().now();
  note_queue();
  const auto queued = connection_.queued();
  if (queued == 0)
    return;
  if (queued > max_growth * loop_.values().max_queued_bytes) {
    fail("The launch line makes too much of what the client sends");
    return;
  }
  bin_->seat().gate.close();
  connection_.pause_reading();
  arm();
}

void ServerClient::handle_drained()
{
  last_activity_ = loop_.reactor().now();
  note_queue();
  bin_->seat().gate.open();
  bin_->collect();
  if (connection_.queued() == 0 && bin_->wants_input())
    connection_.resume_reading();
}

void ServerClient::handle_output_end()
{
  connection_.end_writing();
}

void ServerClient::note_queue()
{
  const auto queued = connection_.queued();
  const auto before = record_->queued_bytes.exchange(queued, std::memory_order_relaxed);
  loop_.count_queued(before, queued);
  const auto sent = connection_.bytes_sent();
  loop_.count_sent(sent - record_->bytes_sent.exchange(sent, std::memory_order_relaxed));
}

// --- what goes wrong ----------------------------------------------------------------------

void ServerClient::note_reason(Removal reason)
{
  if (!std::exchange(has_reason_, true))
    reason_ = reason;
}

void ServerClient::fail(const std::string &what)
{
  if (detail_.empty())
    detail_ = what;
  note_reason(Removal::error);
  connection_.abort(net::TcpConnection::Farewell::reset);
}

void ServerClient::handle_bin_error(const std::string &what)
{
  if (!is_closed_)
    fail(what);
  else
    have_sinks_ended_ = true;
}

void ServerClient::remove(Removal reason)
{
  note_reason(reason);
  connection_.abort(reason == Removal::slow ? net::TcpConnection::Farewell::reset
                                            : net::TcpConnection::Farewell::normal);
}

// --- deadlines ----------------------------------------------------------------------------

std::uint64_t ServerClient::next_deadline() const
{
  if (is_closed_)
    return wound_up_by_;
  const auto &values = loop_.values();
  auto deadline = never;
  const auto consider = [&deadline](std::uint64_t since, guint timeout) {
    if (timeout > 0)
      deadline = std::min(deadline, since + timeout * millisecond);
  };
  consider(last_activity_, values.idle_timeout);
  consider(born_, values.max_lifetime);
  if (connection_.queued() > 0)
    consider(connection_.last_progress(), values.send_timeout);
  return deadline;
}

// Deadlines only move away but when a queue begins: what was set before wakes too early, and
// looks anew.
void ServerClient::arm()
{
  const auto deadline = next_deadline();
  if (deadline != never && (!timer_.is_set() || timer_.deadline() > deadline))
    timer_.set(deadline);
}

void ServerClient::handle_time(std::uint64_t now)
{
  const auto &values = loop_.values();
  const auto is_over = [now](std::uint64_t since, guint timeout) {
    return timeout > 0 && now >= since + timeout * millisecond;
  };
  if (is_closed_) {
    if (have_sinks_ended_ || now >= wound_up_by_)
      leave();
    else
      arm();
    return;
  }
  if (connection_.queued() > 0 && is_over(connection_.last_progress(), values.send_timeout))
    remove(Removal::slow);
  else if (is_over(born_, values.max_lifetime))
    remove(Removal::lifetime);
  else if (is_over(last_activity_, values.idle_timeout))
    remove(Removal::idle);
  else
    arm();
}

// --- the end ------------------------------------------------------------------------------

void ServerClient::handle_sinks_end()
{
  have_sinks_ended_ = true;
  if (wound_up_by_ != 0)
    timer_.set(0);
  else if (!bin_->gives_output())
    connection_.end_writing();
}

void ServerClient::handle_closed(net::TcpConnection::Closing closing)
{
  is_closed_ = true;
  note_queue();
  if (closing == net::TcpConnection::Closing::failed) {
    note_reason(Removal::peer);
    if (detail_.empty() && connection_.error())
      detail_ = connection_.error()->what;
  }
  if (!is_starting_)
    wind_up();
}

// What the launch's own sinks have begun they shall finish, if it does not take them too long.
void ServerClient::wind_up()
{
  const bool may_finish = bin_->has_own_sinks() && !have_sinks_ended_ && bin_->takes_input() &&
                          reason_ != Removal::error;
  if (!may_finish) {
    leave();
    return;
  }
  wound_up_by_ = loop_.reactor().now() + loop_.values().linger_timeout * millisecond;
  if (!std::exchange(has_given_end_, true))
    bin_->give_end();
  if (have_sinks_ended_)
    leave();
  else
    timer_.set(wound_up_by_);
}

void ServerClient::leave()
{
  if (std::exchange(is_leaving_, true))
    return;
  bin_->detach();
  auto bin = std::move(bin_);
  loop_.pool().retire(std::move(bin), is_reusable_ && reason_ != Removal::error);
  const auto detail = std::move(detail_);
  loop_.forget(id(), reason_, detail);
}

}  // namespace kam
