// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/sourcehost.hpp"

#include "glue/stats.hpp"

#include <utility>

namespace kam::http {

std::optional<net::Error> SourceHost::open(const HttpServerSrcValues &values)
{
  auto opened = HttpFrontend::open(frontend_options(values));
  if (auto *error = std::get_if<net::Error>(&opened))
    return std::move(*error);
  Running running{*std::get_if<std::shared_ptr<HttpFrontend>>(&opened),
                  std::make_shared<std::unique_ptr<SourceDoor>>()};
  auto &frontend = *running.frontend;
  // Whoever has been told of room may find the door closed.
  queue_.start(values.queue_bytes, [&frontend, weak = std::weak_ptr{running.door}] {
    frontend.post([weak] {
      if (const auto door = weak.lock(); door && *door)
        (*door)->resume();
    });
  });
  *stats_.lock() = std::make_shared<SourceStats>();
  frontend.run([&] {
    *running.door = std::make_unique<SourceDoor>(frontend, door_settings(values), queue_,
                                                 **stats_.lock(), judge_);
  });
  *running_.lock() = std::move(running);
  return std::nullopt;
}

void SourceHost::close()
{
  const auto running = std::exchange(*running_.lock(), Running{});
  if (running.frontend)
    running.frontend->run([&] { running.door->reset(); });
  queue_.start(0, {});
}

void SourceHost::run(const std::function<void(SourceDoor &door)> &work)
{
  const auto running = *running_.lock();
  if (running.frontend)
    running.frontend->run([&] {
      if (*running.door)
        work(**running.door);
    });
}

int SourceHost::bound_port() const
{
  const auto frontend = running_.lock()->frontend;
  return frontend ? frontend->local().port() : 0;
}

void SourceHost::change(const HttpServerSrcValues &values)
{
  run([&](SourceDoor &door) { door.change(door_settings(values)); });
}

bool SourceHost::remove_source()
{
  bool was_there = false;
  run([&](SourceDoor &door) { was_there = door.remove_source(); });
  return was_there;
}

glue::StructurePtr SourceHost::stats() const
{
  const auto frontend = running_.lock()->frontend;
  auto stats = *stats_.lock();
  if (!stats)
    stats = std::make_shared<SourceStats>();
  auto structure = glue::stats_structure("httpserversrc-stats",
                                         {{"sources", stats->sources},
                                          {"refused-sources", stats->refused_sources},
                                          {"refused-passwords", stats->refused_passwords},
                                          {"lost-sources", stats->lost_sources},
                                          {"silent-sources", stats->silent_sources},
                                          {"titles", stats->titles},
                                          {"bytes", stats->bytes}});
  add_frontend_stats(structure.get(), frontend.get());
  return structure;
}

void SourceHost::decide(std::uint64_t number, Verdict verdict)
{
  const auto frontend = running_.lock()->frontend;
  if (frontend)
    frontend->run([&] { frontend->decide(number, verdict); });
}

}  // namespace kam::http
