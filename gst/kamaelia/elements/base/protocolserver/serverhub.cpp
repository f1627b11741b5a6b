// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/protocolserver/serverhub.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace kam {

namespace {

// Descriptors that are left to the rest of the process.
constexpr std::uint64_t spare_descriptors = 64;
// Threads that start and stop what has threads of its own.
constexpr std::size_t max_workers = 8;
constexpr guint max_automatic_threads = 4;

std::uint64_t most_clients(guint wanted)
{
  rlimit limit{};
  std::uint64_t possible = UINT64_MAX;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    possible = limit.rlim_cur > 2 * spare_descriptors ? limit.rlim_cur - spare_descriptors
                                                      : limit.rlim_cur / 2 + 1;
  return wanted == 0 ? possible : std::min<std::uint64_t>(wanted, possible);
}

net::Admission::Limits limits_of(const ServerValues &values)
{
  net::Admission::Limits limits;
  limits.clients = most_clients(values.max_clients);
  if (values.max_clients_per_address > 0)
    limits.per_address = values.max_clients_per_address;
  limits.rate = values.accept_rate;
  if (values.num_clients >= 0)
    limits.total = static_cast<std::uint64_t>(values.num_clients);
  return limits;
}

std::size_t thread_count(const ServerValues &values)
{
  if (values.max_threads > 0)
    return values.max_threads;
  return std::clamp(std::thread::hardware_concurrency(), 1U, max_automatic_threads);
}

// A step of SplitMix64: other numbers for neighbours.
guint64 mixed(guint64 number)
{
  number += 0x9e3779b97f4a7c15U;
  number = (number ^ (number >> 30U)) * 0xbf58476d1ce4e5b9U;
  number = (number ^ (number >> 27U)) * 0x94d049bb133111ebU;
  return number ^ (number >> 31U);
}

}  // namespace

ServerHub::ServerHub(GstElement *server, ServerEvents &events, const ServerValues &values,
                     ClientLaunch launch)
    : server_{server},
      events_{events},
      values_{values},
      launch_{std::move(launch)},
      clock_{glue::Ref<GstClock>::adopt(GST_CLOCK(gst_object_ref_sink(g_object_new(
          GST_TYPE_SYSTEM_CLOCK, "clock-type", GST_CLOCK_TYPE_MONOTONIC, nullptr))))},
      admission_{limits_of(values)},
      workers_{max_workers},
      handshakers_{Handshakes::max_threads}
{
  for (std::size_t i = 0; i < thread_count(values_); ++i)
    loops_.push_back(std::make_unique<ServerLoop>(*this));
}

ServerHub::~ServerHub()
{
  close();
}

std::optional<std::string> ServerHub::check_launch()
{
  auto made = loops_.front()->make_bin();
  if (auto *why = std::get_if<std::string>(&made))
    return std::move(*why);
  auto &bin = std::get<std::unique_ptr<ClientBin>>(made);
  if (auto why = bin->prepare())
    return why;
  if (values_.recycle > 0)
    loops_.front()->keep(std::move(bin));
  return std::nullopt;
}

std::optional<net::Error> ServerHub::open()
{
  for (const auto &loop : loops_)
    if (loop->error())
      return loop->error();
  net::ListenOptions options;
  options.host = values_.host;
  options.port = static_cast<std::uint16_t>(values_.port);
  options.backlog = static_cast<int>(values_.backlog);
  options.reuse_port = values_.reuse_port;
  options.no_delay = values_.tcp_nodelay;
  options.dscp = values_.qos_dscp;
  auto opened = net::TcpListener::open(options);
  if (auto *error = std::get_if<net::Error>(&opened))
    return std::move(*error);
  listener_.emplace(std::get<net::TcpListener>(std::move(opened)));
  are_loops_running_ = true;
  for (const auto &loop : loops_)
    if (!loop->start())
      return net::error_of(EAGAIN, "There is no thread to serve clients with");
  return std::nullopt;
}

void ServerHub::accept(bool accepts)
{
  is_accepting_ = accepts;
  for (const auto &loop : loops_)
    loop->accept(accepts);
}

void ServerHub::close()
{
  if (std::exchange(are_loops_running_, false))
    for (const auto &loop : loops_)
      loop->shut_down();
  workers_.join();
  handshakers_.join();
  listener_.reset();
}

bool ServerHub::is_in_own_thread() const
{
  return std::any_of(loops_.begin(), loops_.end(),
                     [](const auto &loop) { return loop->is_in_thread(); });
}

guint64 ServerHub::seed_for(guint64 id) const
{
  if (values_.seed == 0)
    return 0;
  const auto seed = values_.seed ^ mixed(id);
  return seed != 0 ? seed : 1;  // 0 means entropy
}

void ServerHub::enter(ServerLoop &loop, std::shared_ptr<ClientRecord> record)
{
  const std::lock_guard lock{mutex_};
  const auto id = record->info.id;
  clients_.emplace_hint(clients_.end(), id, Entry{&loop, std::move(record)});
}

std::shared_ptr<const ClientRecord> ServerHub::leave(guint64 id)
{
  const std::lock_guard lock{mutex_};
  return std::move(clients_.extract(id).mapped().record);
}

void ServerHub::resume_accepting()
{
  for (const auto &loop : loops_)
    loop->resume_accepting();
}

// Not closed: another thread may be about to use the descriptor.
void ServerHub::stop_listening()
{
  if (!is_listening_over_.exchange(true))
    shutdown(listener_->fd(), SHUT_RDWR);
}

void ServerHub::finish()
{
  admission_.close();
  stop_listening();
  remove_all(Removal::stopped);
  if (admission_.is_over())
    events_.all_served();
}

void ServerHub::remove(guint64 id, Removal reason)
{
  const std::lock_guard lock{mutex_};
  if (const auto found = clients_.find(id); found != clients_.end())
    found->second.loop->remove(id, reason);
}

void ServerHub::remove_all(Removal reason)
{
  for (const auto &loop : loops_)
    loop->remove_all(reason);
}

std::shared_ptr<const ClientRecord> ServerHub::find(guint64 id)
{
  const std::lock_guard lock{mutex_};
  const auto found = clients_.find(id);
  return found != clients_.end() ? found->second.record : nullptr;
}

std::vector<guint64> ServerHub::clients()
{
  const std::lock_guard lock{mutex_};
  std::vector<guint64> ids;
  for (const auto &[id, entry] : clients_)
    ids.push_back(id);
  return ids;
}

ServerStats ServerHub::stats()
{
  ServerStats sum;
  sum.clients = clients().size();
  for (const auto &loop : loops_) {
    const auto &counters = loop->counters();
    sum.accepted += counters.accepted.value();
    sum.rejected += counters.rejected.value();
    sum.bytes_sent += counters.bytes_sent.value();
    sum.bytes_received += counters.bytes_received.value();
    sum.queued_bytes += counters.queued_bytes.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < removal_count; ++i)
      sum.removed.at(i) += counters.removed.at(i).value();
  }
  return sum;
}

}  // namespace kam
