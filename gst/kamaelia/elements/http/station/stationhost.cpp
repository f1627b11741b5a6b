// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/stationhost.hpp"

#include "glue/stats.hpp"

#include <utility>

namespace kam::http {

bool StationHost::open(std::shared_ptr<HttpFrontend> frontend,
                       const HttpServerSinkValues &values, User &user)
{
  user_ = &user;
  auto station = Station::of(frontend);
  Running running{std::move(frontend), std::move(station), {}};
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
    station_->set_page(*running.mount, values.web_page, values.web_root);
    station_->set_judge(
        *running.mount,
        [this](StreamMount &mount, Exchange &exchange) {
          return user_->judge(mount.settings().mount, exchange);
        },
        values.auth_realm);
  });
  if (!is_free)
    return false;
  streamed_ = running.mount.get();
  *running_.lock() = std::move(running);
  return true;
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

void StationHost::change(const HttpServerSinkValues &values)
{
  run([&](StreamMount &mount) {
    auto changed = mount_settings(values);
    changed.mount = mount.settings().mount;
    mount.change(std::move(changed));
    station_->set_page(mount, values.web_page, values.web_root);
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

void StationHost::handle_listener_added(const ListenerInfo &listener)
{
  user_->handle_listener_added(listener);
}

void StationHost::handle_listener_removed(const ListenerInfo &listener, Departure departure,
                                          std::uint64_t bytes, std::uint64_t duration_ns)
{
  user_->handle_listener_removed(listener, departure, bytes, duration_ns);
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

glue::StructurePtr station_stats(const MountCount &count, const HttpFrontend *frontend)
{
  using Mount = MountStats;
  auto structure = glue::stats_structure(
      "httpserversink-stats", {{"listeners", count(&Mount::listeners)},
                               {"peak-listeners", count(&Mount::peak_listeners)},
                               {"listeners-in-all", count(&Mount::listeners_in_all)},
                               {"refused-listeners", count(&Mount::refused_listeners)},
                               {"lagged-listeners", count(&Mount::lagged_listeners)},
                               {"resyncs", count(&Mount::resyncs)},
                               {"titles", count(&Mount::titles)},
                               {"bytes-received", count(&Mount::bytes_received)},
                               {"bytes-sent", count(&Mount::bytes_sent)}});
  add_frontend_stats(structure.get(), frontend);
  return structure;
}

glue::StructurePtr structure_of(const std::vector<ListenerInfo> &listeners)
{
  glue::StructurePtr list{gst_structure_new_empty("listeners")};
  GValue array = G_VALUE_INIT;
  gst_value_array_init(&array, static_cast<guint>(listeners.size()));
  for (const auto &listener : listeners) {
    GValue item = G_VALUE_INIT;
    g_value_init(&item, GST_TYPE_STRUCTURE);
    g_value_take_boxed(
        &item, gst_structure_new("listener", "id", G_TYPE_UINT64, guint64{listener.id}, "mount",
                                 G_TYPE_STRING, listener.mount.c_str(), "peer", G_TYPE_STRING,
                                 listener.peer.c_str(), "user-agent", G_TYPE_STRING,
                                 listener.user_agent.c_str(), nullptr));
    gst_value_array_append_and_take_value(&array, &item);
  }
  gst_structure_take_value(list.get(), "listeners", &array);
  return list;
}

}  // namespace kam::http
