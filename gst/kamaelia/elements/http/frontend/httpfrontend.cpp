// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/frontend/httpfrontend.hpp"

#include "elements/http/frontend/httpconnection.hpp"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

namespace kam::http {
namespace {

// Those that listen, by "address:port". Several elements of a process may share one.
struct Registry {
  std::mutex mutex;
  std::unordered_map<std::string, std::weak_ptr<HttpFrontend>> frontends;
};

Registry &registry()
{
  static Registry instance;
  return instance;
}

std::string place(const std::string &address, std::uint16_t port)
{
  return address + ':' + std::to_string(port);
}

std::size_t connections_that_fit()
{
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return 100'000;
  return std::max<std::size_t>(limit.rlim_cur / 10 * 9, 8);
}

}  // namespace

std::variant<std::shared_ptr<HttpFrontend>, net::Error> HttpFrontend::open(
    const FrontendOptions &options)
{
  const std::lock_guard lock{registry().mutex};
  std::erase_if(registry().frontends, [](const auto &entry) { return entry.second.expired(); });
  if (const auto found = registry().frontends.find(place(options.address, options.port));
      found != registry().frontends.end())
    if (auto frontend = found->second.lock())
      return frontend;
  auto made = RenewedTls::make(options.tls);
  if (const auto *why_not = std::get_if<std::string>(&made))
    return net::Error{std::make_error_code(std::errc::invalid_argument), *why_not};
  auto *tls = std::get_if<std::unique_ptr<RenewedTls>>(&made);
  net::ListenOptions listen;
  listen.host = options.address;
  listen.port = options.port;
  listen.backlog = options.backlog;
  auto opened = net::TcpListener::open(listen);
  if (auto *error = std::get_if<net::Error>(&opened))
    return std::move(*error);
  std::shared_ptr<HttpFrontend> frontend{new HttpFrontend{
      options, std::move(std::get<net::TcpListener>(opened)), tls ? std::move(*tls) : nullptr}};
  if (frontend->reactor_.error())
    return *frontend->reactor_.error();
  if (!frontend->start())
    return net::error_of(EAGAIN, "Cannot start a thread for the web server");
  registry().frontends[place(options.address, frontend->local().port())] = frontend;
  return frontend;
}

HttpFrontend::HttpFrontend(FrontendOptions options, net::TcpListener listener,
                           std::unique_ptr<RenewedTls> tls)
    : options_{std::move(options)},
      listener_{std::move(listener)},
      acceptor_{reactor_, *this},
      tls_{std::move(tls)},
      read_space_(std::size_t{64} << 10U)
{
  if (options_.max_connections == 0)
    options_.max_connections = connections_that_fit();
  if (tls_)
    handshakes_ =
        std::make_unique<Handshakes>(reactor_, handshakers_, options_.request_timeout_ns);
}

bool HttpFrontend::start()
{
  if (acceptor_.start(listener_.fd()))
    return false;
  try {
    thread_ = std::thread{[this] { reactor_.run(); }};
  } catch (const std::system_error &) {
    acceptor_.stop();
    return false;
  }
  return true;
}

// The last of those who share it may be one whom this very thread has told something.
HttpFrontend::~HttpFrontend()
{
  if (thread_.joinable()) {
    reactor_.post([this] {
      acceptor_.stop();
      handshakes_.reset();
      connections_.clear();
    });
    reactor_.stop();
    thread_.join();
  }
}

void HttpFrontend::run(const std::function<void()> &work)
{
  if (reactor_.is_in_thread())
    return work();
  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  reactor_.post([&] {
    work();
    const std::lock_guard lock{mutex};
    is_done = true;
    changed.notify_one();
  });
  std::unique_lock lock{mutex};
  changed.wait(lock, [&] { return is_done; });
}

void HttpFrontend::handle_exhausted(const net::Error &) {}

void HttpFrontend::handle_connection(net::FileDescriptor socket, const net::Endpoint &peer)
{
  stats_.connections.fetch_add(1, std::memory_order_relaxed);
  const auto per_address = options_.max_connections_per_address;
  const bool is_too_many = count_->total() >= options_.max_connections;
  if (is_too_many || (per_address > 0 && count_->of(peer) >= per_address)) {
    stats_.refused_connections.fetch_add(1, std::memory_order_relaxed);
    if (tls_)
      return;
    const auto answer =
        response_head(is_too_many ? 503 : 429,
                      {{"Content-Length", "0"}, {"Connection", "close"}, {"Retry-After", "5"}});
    (void)!send(socket.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    return;
  }
  ConnectionCount::Ticket ticket{count_, peer};
  if (!tls_)
    return welcome(std::make_unique<net::SocketStream>(std::move(socket)), peer,
                   std::move(ticket));
  // What is told later can be copied, a ticket cannot.
  auto kept = std::make_shared<ConnectionCount::Ticket>(std::move(ticket));
  handshakes_->start(std::move(socket), tls_->current(reactor_.now()),
                     [this, peer, kept](std::unique_ptr<TlsStream> stream, const auto &) {
                       if (stream)
                         return welcome(std::move(stream), peer, std::move(*kept));
                       stats_.failed_handshakes.fetch_add(1, std::memory_order_relaxed);
                     });
}

void HttpFrontend::welcome(std::unique_ptr<net::Stream> stream, const net::Endpoint &peer,
                           ConnectionCount::Ticket ticket)
{
  const auto number = ++last_number_;
  auto connection = std::make_unique<HttpConnection>(*this, number, std::move(stream), peer,
                                                     std::move(ticket));
  if (connection->start())
    connections_.emplace(number, std::move(connection));
}

void HttpFrontend::add(RequestHandler &handler, Precedence precedence)
{
  const auto after = std::ranges::upper_bound(handlers_, precedence, {},
                                              [](const auto &entry) { return entry.first; });
  handlers_.insert(after, {precedence, &handler});
  acceptor_.resume();
}

void HttpFrontend::remove(RequestHandler &handler)
{
  std::erase_if(handlers_, [&](const auto &entry) { return entry.second == &handler; });
}

std::string HttpFrontend::allowed_methods() const
{
  std::set<std::string> methods;
  for (const auto &[precedence, handler] : handlers_)
    for (auto &method : handler->methods())
      methods.insert(std::move(method));
  std::string list;
  for (const auto &method : methods)
    list += (list.empty() ? "" : ", ") + method;
  return list;
}

void HttpFrontend::dispatch(Exchange &exchange)
{
  // Of the server as a whole, as libshout asks before it sends.
  if (exchange.request().path == "*")
    return exchange.respond({204, {{"Allow", allowed_methods()}}, {}});
  for (const auto &[precedence, handler] : handlers_)
    if (handler->handle(exchange))
      return;
  exchange.respond(error_response(404, "There is nothing at this address"));
}

void HttpFrontend::decide(std::uint64_t number, Verdict verdict)
{
  const auto found = connections_.find(number);
  if (found != connections_.end())
    found->second->decide(verdict);
}

void HttpFrontend::erase(std::uint64_t number)
{
  connections_.erase(number);
}

void HttpFrontend::retire(std::uint64_t number)
{
  reactor_.post([this, number] { connections_.erase(number); });
}

}  // namespace kam::http
