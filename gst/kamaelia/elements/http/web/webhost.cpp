// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/web/webhost.hpp"

#include "glue/stats.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace kam::http {
namespace {

// Threads that start and stop pipelines, wait for disks and look into folders.
constexpr std::size_t max_workers = 8;

glue::Ref<GstClock> monotonic_clock()
{
  return glue::Ref<GstClock>::adopt(GST_CLOCK(gst_object_ref_sink(
      g_object_new(GST_TYPE_SYSTEM_CLOCK, "clock-type", GST_CLOCK_TYPE_MONOTONIC, nullptr))));
}

}  // namespace

// All of it but what is said to be otherwise is the front end's thread's.
class WebHost::Service final : private WebServer::Observer {
 public:
  Service(std::shared_ptr<HttpFrontend> frontend, GstElement *element, User &user,
          const HttpServerValues &values, net::FileDescriptor log)
      : frontend_{std::move(frontend)},
        element_{element},
        user_{user},
        pool_options_{values.max_queued_bytes, values.recycle},
        log_{std::move(log)},
        server_{*frontend_, workers_, *this}
  {
    server_.change(web_settings(values));
  }

  // In the owner's thread. All routes are there before anybody is answered.
  std::optional<std::string> begin(const std::vector<Route> &routes, bool request_threads)
  {
    std::optional<std::string> why;
    frontend_->run([&] {
      routes_.emplace(
          server_, user_, [this] { return make_pool(); }, request_threads);
      for (const auto &route : routes)
        if (!why)
          why = routes_->add(route);
    });
    return why;
  }

  // --- any thread

  HttpFrontend &frontend() const { return *frontend_; }
  WebServer &server() { return server_; }
  const WebServer &server() const { return server_; }
  void run(const std::function<void(WebRoutes &routes)> &work)
  {
    frontend_->run([&] {
      if (routes_)
        work(*routes_);
    });
  }

  // In the owner's thread: aborts what is being answered, and waits until its pipelines have
  // stopped.
  void close()
  {
    frontend_->run([this] {
      is_closing_ = true;
      routes_.reset();
      for (const auto &pool : pools_)
        pool->close();
      server_.abort_all();
      handle_quiet();
    });
    {
      std::unique_lock lock{mutex_};
      changed_.wait(lock, [this] { return is_quiet_; });
    }
    workers_.join();
    frontend_->run([this] { pools_.clear(); });
  }

 private:
  std::shared_ptr<ClientBinPool> make_pool()
  {
    // Those whose route has gone, and what they had to do.
    std::erase_if(pools_,
                  [](const auto &pool) { return pool.use_count() == 1 && pool->is_quiet(); });
    pools_.push_back(std::make_shared<ClientBinPool>(frontend_->reactor(), workers_, element_,
                                                     clock_.get(), pool_options_,
                                                     [this] { handle_quiet(); }));
    return pools_.back();
  }

  void handle_answered(const LoggedRequest &request, std::uint64_t duration_ns) override
  {
    if (log_) {
      const auto line = log_line(request);
      // A full disk must not keep anybody from being served.
      [[maybe_unused]] const auto size = ::write(log_.get(), line.data(), line.size());
    }
    user_.handle_answered(request, duration_ns);
  }
  void handle_quiet() override
  {
    const bool is_working =
        std::ranges::any_of(pools_, [](const auto &pool) { return !pool->is_quiet(); });
    if (!is_closing_ || !server_.is_quiet() || is_working)
      return;
    // With the lock, so that whoever waits does not destroy what is about to be notified.
    const std::lock_guard lock{mutex_};
    is_quiet_ = true;
    changed_.notify_all();
  }

  std::shared_ptr<HttpFrontend> frontend_;
  GstElement *element_;
  User &user_;
  glue::Ref<GstClock> clock_ = monotonic_clock();
  ClientBinPool::Options pool_options_;
  net::FileDescriptor log_;
  Workers workers_{max_workers};
  WebServer server_;
  std::vector<std::shared_ptr<ClientBinPool>> pools_;
  std::optional<WebRoutes> routes_;
  bool is_closing_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_quiet_ = false;
};

std::optional<std::string> WebHost::open(const HttpServerValues &values,
                                         const std::vector<Route> &routes)
{
  net::FileDescriptor log;
  if (!values.access_log.empty()) {
    log = net::FileDescriptor::own(
        ::open(values.access_log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
    if (!log)
      return net::last_error("The access log \"" + values.access_log + "\" cannot be written")
          .what;
  }
  auto opened = HttpFrontend::open(frontend_options(values));
  if (const auto *error = std::get_if<net::Error>(&opened))
    return error->what;
  auto service =
      std::make_shared<Service>(std::get<std::shared_ptr<HttpFrontend>>(std::move(opened)),
                                server_, user_, values, std::move(log));
  if (auto why = service->begin(routes, values.request_threads)) {
    service->close();
    return why;
  }
  *service_.lock() = std::move(service);
  return std::nullopt;
}

void WebHost::close()
{
  if (const auto service = std::exchange(*service_.lock(), nullptr))
    service->close();
}

int WebHost::bound_port() const
{
  const auto service = *service_.lock();
  return service ? service->frontend().local().port() : 0;
}

bool WebHost::is_in_own_thread() const
{
  const auto service = *service_.lock();
  return service && service->frontend().reactor().is_in_thread();
}

void WebHost::change(const HttpServerValues &values)
{
  if (const auto service = *service_.lock())
    service->run([&](WebRoutes &) { service->server().change(web_settings(values)); });
}

std::optional<std::string> WebHost::add(const Route &route)
{
  std::optional<std::string> why;
  if (const auto service = *service_.lock())
    service->run([&](WebRoutes &routes) { why = routes.add(route); });
  return why;
}

void WebHost::remove(const Route &route)
{
  if (const auto service = *service_.lock())
    service->run([&](WebRoutes &routes) { routes.remove(route.prefix); });
}

void WebHost::advise(std::uint64_t number, glue::StructurePtr answer)
{
  if (const auto service = *service_.lock())
    service->run([&](WebRoutes &routes) { routes.advise(number, std::move(answer)); });
}

glue::StructurePtr WebHost::stats(guint64 messages_dropped) const
{
  const auto service = *service_.lock();
  const WebStats no_requests;
  const auto &web = service ? service->server().stats() : no_requests;
  glue::StructurePtr structure{gst_structure_new_empty("httpserver-stats")};
  add_frontend_stats(structure.get(), service ? &service->frontend() : nullptr);
  // "requests" are ours alone.
  glue::add_stats(structure.get(), {{"requests", web.requests.value()},
                                    {"responses-2xx", web.responses[2].value()},
                                    {"responses-3xx", web.responses[3].value()},
                                    {"responses-4xx", web.responses[4].value()},
                                    {"responses-5xx", web.responses[5].value()},
                                    {"unanswered-requests", web.responses[0].value()},
                                    {"bytes-sent", web.bytes_sent.value()},
                                    {"bytes-received", web.bytes_received.value()},
                                    {"pipelines", web.pipelines.load()},
                                    {"refused-pipelines", web.refused_pipelines.value()},
                                    {"messages-dropped", messages_dropped}});
  return structure;
}

}  // namespace kam::http
