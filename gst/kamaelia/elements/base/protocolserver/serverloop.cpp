// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/protocolserver/serverloop.hpp"

#include "elements/base/protocolserver/serverhub.hpp"
#include "glue/bytes.hpp"
#include "net/wait.hpp"

#include <pthread.h>
#include <sys/socket.h>

#include <system_error>
#include <utility>

namespace kam {

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10U;
constexpr std::uint64_t millisecond = 1'000'000;

}  // namespace

ServerLoop::ServerLoop(ServerHub &hub)
    : hub_{hub},
      values_{hub.values()},
      reactor_{values_.context_wait * millisecond},
      pool_{reactor_,
            hub.workers(),
            hub.server(),
            hub.clock(),
            {values_.max_queued_bytes, values_.recycle},
            [this] { check_quiet(); }},
      acceptor_{reactor_, *this},
      accept_timer_{reactor_, *this},
      handshakes_{reactor_, hub.handshakers(), values_.handshake_timeout * millisecond}
{
}

ServerLoop::~ServerLoop() = default;

// --- for the owner ------------------------------------------------------------------------

bool ServerLoop::start()
{
  try {
    thread_ = std::thread{[this] {
      pthread_setname_np(pthread_self(), "kam-server");
      reactor_.run();
    }};
  } catch (const std::system_error &) {
    return false;
  }
  return true;
}

ClientBin::Made ServerLoop::make_bin()
{
  return pool_.make(hub_.launch());
}

void ServerLoop::accept(bool accepts)
{
  reactor_.post([this, accepts] {
    if (!accepts) {
      acceptor_.stop();
      accept_timer_.cancel();
    } else if (!is_shutting_down_) {
      if (const auto error = acceptor_.start(hub_.listener()->fd()))
        events().exhausted(error->what);
    }
  });
}

void ServerLoop::resume_accepting()
{
  reactor_.post([this] { acceptor_.resume(); });
}

void ServerLoop::stop_accepting()
{
  reactor_.post([this] { acceptor_.stop(); });
}

void ServerLoop::remove(guint64 id, Removal reason)
{
  reactor_.post([this, id, reason] {
    if (const auto found = clients_.find(id); found != clients_.end())
      found->second->remove(reason);
  });
}

void ServerLoop::remove_all(Removal reason)
{
  reactor_.post([this, reason] {
    for (const auto &[id, client] : clients_)
      client->remove(reason);
  });
}

void ServerLoop::shut_down()
{
  if (!thread_.joinable())
    return;
  reactor_.post([this] {
    is_shutting_down_ = true;
    pool_.close();
    acceptor_.stop();
    accept_timer_.cancel();
    handshakes_.cancel_all();
    for (const auto &[id, client] : clients_)
      client->remove(Removal::stopped);
    check_quiet();
  });
  {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return is_quiet_; });
  }
  reactor_.stop();
  thread_.join();
}

void ServerLoop::check_quiet()
{
  if (!is_shutting_down_ || !clients_.empty() || !handshakes_.is_empty() || !pool_.is_quiet())
    return;
  // With the lock, so that whoever waits does not destroy what is about to be notified.
  const std::lock_guard lock{mutex_};
  is_quiet_ = true;
  changed_.notify_all();
}

// --- accepting ----------------------------------------------------------------------------

bool ServerLoop::may_accept()
{
  is_refusing_ = false;
  if (!hub_.is_accepting())
    return false;
  const auto answer = hub_.admission().reserve(net::now_ns());
  switch (answer.verdict) {
  case net::Admission::Verdict::welcome: return true;
  case net::Admission::Verdict::over: hub_.stop_listening(); return false;
  case net::Admission::Verdict::held: accept_timer_.set(answer.retry_ns); return false;
  case net::Admission::Verdict::full:
  case net::Admission::Verdict::too_fast: break;
  }
  if (values_.overflow == Overflow::close) {
    is_refusing_ = true;
    return true;
  }
  if (answer.verdict == net::Admission::Verdict::too_fast)
    accept_timer_.set(answer.retry_ns);
  return false;
}

void ServerLoop::handle_time(std::uint64_t)
{
  acceptor_.resume();
}

void ServerLoop::handle_none()
{
  if (!is_refusing_)
    hub_.admission().give_back();
}

void ServerLoop::handle_exhausted(const net::Error &error)
{
  if (!std::exchange(is_exhausted_, true))
    events().exhausted(error.what);
}

void ServerLoop::handle_connection(net::FileDescriptor socket, const net::Endpoint &peer)
{
  is_exhausted_ = false;
  if (is_refusing_ || !hub_.admission().count(peer)) {
    counters_.rejected.add();
    return;
  }
  ClientInfo info;
  info.id = hub_.next_id();
  info.peer = peer;
  info.local = net::local_endpoint(socket.get());
  info.tls = hub_.tls() != nullptr;
  if (!events().accepts(info)) {
    reject(peer);
    return;
  }
  if (info.tls) {
    handshakes_.start(std::move(socket), hub_.tls(),
                      [this, info](std::unique_ptr<TlsStream> stream, const std::string &why) {
                        end_handshake(info, std::move(stream), why);
                        check_quiet();
                      });
    return;
  }
  counters_.accepted.add();
  welcome(std::make_unique<net::SocketStream>(std::move(socket)), info);
}

void ServerLoop::end_handshake(const ClientInfo &info, std::unique_ptr<TlsStream> stream,
                               const std::string &why_not)
{
  if (!stream || is_shutting_down_) {
    events().client_failed(info, why_not);
    reject(info.peer);
    return;
  }
  counters_.accepted.add();
  welcome(std::move(stream), info);
}

void ServerLoop::reject(const net::Endpoint &peer)
{
  counters_.rejected.add();
  free_place(peer);
}

void ServerLoop::free_place(const net::Endpoint &peer)
{
  if (hub_.admission().leave(peer))
    hub_.resume_accepting();
}

std::unique_ptr<ClientBin> ServerLoop::bin_for(const ClientInfo &info, bool &is_reusable)
{
  ClientBin::Made made;
  is_reusable = false;
  const bool always_threads = values_.client_threads == ClientThreads::always;
  if (auto *element = events().element_for(info)) {
    if (g_object_is_floating(element))
      gst_object_ref_sink(element);
    made = ClientBin::make_around(pool_.around(), element, always_threads);
    gst_object_unref(element);
  } else if (auto waiting = pool_.take()) {
    is_reusable = true;
    made = std::move(waiting);
  } else {
    is_reusable = true;
    made = make_bin();
  }
  if (auto *bin = std::get_if<std::unique_ptr<ClientBin>>(&made))
    return std::move(*bin);
  events().client_failed(info, std::get<std::string>(made));
  return nullptr;
}

void ServerLoop::welcome(std::unique_ptr<net::Stream> stream, const ClientInfo &info)
{
  bool is_reusable = false;
  auto bin = bin_for(info, is_reusable);
  if (!bin) {
    free_place(info.peer);
    return;
  }
  auto record = std::make_shared<ClientRecord>(info);
  hub_.enter(*this, record);
  auto &client = *clients_
                      .emplace(info.id, std::make_unique<ServerClient>(
                                            *this, std::move(record), std::move(stream),
                                            std::move(bin), is_reusable))
                      .first->second;
  client.begin();
}

// --- for the clients ----------------------------------------------------------------------

ServerEvents &ServerLoop::events()
{
  return hub_.events();
}

guint64 ServerLoop::seed_for(guint64 id) const
{
  return hub_.seed_for(id);
}

std::span<std::byte> ServerLoop::read_space()
{
  if (!read_buffer_) {
    read_buffer_ = glue::allocate(read_size);
    read_map_.emplace(read_buffer_.get());
  }
  return read_map_->bytes();
}

// Little is copied, so that it does not keep much memory; much is handed over as it is.
glue::BufferPtr ServerLoop::take_read(std::size_t count)
{
  if (count <= read_size / 4)
    return glue::copy(Bytes{read_map_->bytes()}.first(count));
  read_map_.reset();
  gst_buffer_set_size(read_buffer_.get(), static_cast<gssize>(count));
  return std::move(read_buffer_);
}

void ServerLoop::count_queued(std::size_t before, std::size_t now)
{
  counters_.queued_bytes.fetch_add(now - before, std::memory_order_relaxed);
}

void ServerLoop::forget(guint64 id, Removal reason, const std::string &detail)
{
  const auto record = hub_.leave(id);
  counters_.removed.at(static_cast<std::size_t>(reason)).add();
  clients_.erase(id);
  events().client_removed(*record, reason, detail);
  // Whoever sees that all places are free says that it is over, in another thread too.
  free_place(record->info.peer);
  if (hub_.admission().is_over())
    events().all_served();
  check_quiet();
}

}  // namespace kam
