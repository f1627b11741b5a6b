// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/stationhost.hpp"

#include "glue/stats.hpp"

#include <utility>

namespace kam::http {

std::optional<StationHost::Trouble> StationHost::open(const HttpServerSinkValues &values)
{
  auto opened = HttpFrontend::open(frontend_options(values));
  if (const auto *error = std::get_if<net::Error>(&opened))
    return Trouble{Failure::cannot_listen, error->what + "."};
  Running running{std::get<std::shared_ptr<HttpFrontend>>(opened), {}, {}};
  running.station = Station::of(running.frontend);
  bool is_free = false;
  running.frontend->run([&] {
    StreamMount::Observer &observer = *this;
    running.mount = std::make_unique<StreamMount>(running.frontend->reactor(),
                                                  mount_settings(values), observer);
    is_free = running.station->add(*running.mount);
    if (!is_free) {
      running.mount.reset();
      return;
    }
    station_ = running.station.get();
    served_ = running.mount.get();
    station_->set_page(values.web_page, values.web_root);
    station_->set_judge(
        *running.mount,
        [this](StreamMount &, Exchange &exchange) { return user_.judge(exchange); },
        values.auth_realm);
  });
  if (!is_free)
    return Trouble{Failure::taken, "Another stream is at " + values.mount + " already."};
  streamed_ = running.mount.get();
  *running_.lock() = std::move(running);
  return std::nullopt;
}

void StationHost::close()
{
  auto running = std::exchange(*running_.lock(), Running{});
  streamed_ = nullptr;
  if (!running.frontend)
    return;
  running.frontend->run([&] {
    running.station->remove(*running.mount);
    running.mount->remove_all(Departure::stopped);
    running.mount.reset();
    station_ = nullptr;
    served_ = nullptr;
  });
}

void StationHost::run(const std::function<void(StreamMount &mount)> &work)
{
  const auto frontend = running_.lock()->frontend;
  if (frontend)
    frontend->run([&] {
      if (served_)
        work(*served_);
    });
}

int StationHost::bound_port() const
{
  const auto frontend = running_.lock()->frontend;
  return frontend ? frontend->local().port() : 0;
}

void StationHost::change(const HttpServerSinkValues &values)
{
  run([&](StreamMount &mount) {
    auto changed = mount_settings(values);
    changed.mount = mount.settings().mount;
    mount.change(std::move(changed));
    station_->set_page(values.web_page, values.web_root);
    station_->announce_change();
  });
}

void StationHost::set_title(const std::string &title, const std::string &url)
{
  auto running = running_.lock();
  if (running->mount)
    running->mount->set_title(title, url);
}

bool StationHost::remove(std::uint64_t id)
{
  bool was_there = false;
  run([&](StreamMount &mount) { was_there = mount.remove(id); });
  return was_there;
}

void StationHost::clear()
{
  run([](StreamMount &mount) { mount.remove_all(Departure::removed); });
}

std::vector<ListenerInfo> StationHost::listeners()
{
  std::vector<ListenerInfo> all;
  run([&](StreamMount &mount) { all = mount.listeners(); });
  return all;
}

std::uint64_t StationHost::count(std::atomic<std::uint64_t> MountStats::*member) const
{
  auto running = running_.lock();
  return running->mount ? (running->mount->stats().*member).load() : 0;
}

glue::StructurePtr StationHost::stats() const
{
  auto running = running_.lock();
  const MountStats no_stream;
  const FrontendStats no_requests;
  const auto &mount = running->mount ? running->mount->stats() : no_stream;
  const auto &front = running->frontend ? running->frontend->stats() : no_requests;
  return glue::stats_structure("httpserversink-stats",
                               {{"listeners", mount.listeners},
                                {"peak-listeners", mount.peak_listeners},
                                {"listeners-in-all", mount.listeners_in_all},
                                {"refused-listeners", mount.refused_listeners},
                                {"lagged-listeners", mount.lagged_listeners},
                                {"resyncs", mount.resyncs},
                                {"titles", mount.titles},
                                {"bytes-received", mount.bytes_received},
                                {"bytes-sent", mount.bytes_sent},
                                {"connections", front.connections},
                                {"requests", front.requests},
                                {"refused-requests", front.refused_requests},
                                {"refused-connections", front.refused_connections},
                                {"failed-handshakes", front.failed_handshakes},
                                {"timeouts", front.timeouts}});
}

void StationHost::decide(std::uint64_t number, Verdict verdict)
{
  const auto frontend = running_.lock()->frontend;
  if (frontend)
    frontend->run([&] { frontend->decide(number, verdict); });
}

void StationHost::handle_listener_added(const ListenerInfo &listener)
{
  user_.handle_listener_added(listener);
}

void StationHost::handle_listener_removed(const ListenerInfo &listener, Departure departure,
                                          std::uint64_t bytes, std::uint64_t duration_ns)
{
  user_.handle_listener_removed(listener, departure, bytes, duration_ns);
}

void StationHost::handle_change()
{
  if (station_)
    station_->announce_change();
}

void StationHost::handle_session(const std::string &session)
{
  if (station_)
    station_->announce_session(session);
}

}  // namespace kam::http
