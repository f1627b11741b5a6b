// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/web/webroutes.hpp"

#include <utility>

namespace kam::http {
namespace {

std::string body_of(const GstStructure *answer)
{
  const auto *value = gst_structure_get_value(answer, "body");
  if (!value)
    return {};
  if (G_VALUE_HOLDS_STRING(value)) {
    const auto *text = g_value_get_string(value);
    return text ? text : "";
  }
  if (G_VALUE_HOLDS(value, G_TYPE_BYTES)) {
    gsize size = 0;
    const auto *data = g_bytes_get_data(static_cast<GBytes *>(g_value_get_boxed(value)), &size);
    return {static_cast<const char *>(data), size};
  }
  if (GST_VALUE_HOLDS_BUFFER(value)) {
    const glue::ReadMap map{gst_value_get_buffer(value)};
    return std::string{as_text(map.bytes())};
  }
  return {};
}

}  // namespace

WebRoutes::WebRoutes(WebServer &server, Adviser &adviser, MakePool make_pool,
                     bool always_threads)
    : server_{server},
      adviser_{adviser},
      make_pool_{std::move(make_pool)},
      always_threads_{always_threads}
{
  server_.frontend().add(*this, HttpFrontend::Precedence::others);
}

WebRoutes::~WebRoutes()
{
  server_.frontend().remove(*this);
}

std::optional<std::string> WebRoutes::add(const Route &route)
{
  if (std::ranges::any_of(
          entries_, [&](const Entry &entry) { return entry.route.prefix == route.prefix; }))
    return "there is a route for " + route.address() + " already";
  Entry entry{route, {}};
  if (route.kind == Route::Kind::directory) {
    auto opened = net::Folder::open(route.target);
    if (const auto *error = std::get_if<net::Error>(&opened))
      return error->what;
    entry.target =
        std::make_unique<WebFolder>(server_, std::move(std::get<net::Folder>(opened)));
  } else if (route.kind == Route::Kind::launch) {
    ClientLaunch launch;
    launch.line = route.target;
    launch.always_threads = always_threads_;
    auto made = WebPipeline::make(server_, make_pool_(), std::move(launch));
    if (const auto *why = std::get_if<std::string>(&made))
      return "\"" + route.target + "\" cannot answer requests: " + *why;
    entry.target = std::move(std::get<std::unique_ptr<WebPipeline>>(made));
  }
  entries_.push_back(std::move(entry));
  return std::nullopt;
}

bool WebRoutes::remove(const std::vector<std::string> &prefix)
{
  return std::erase_if(entries_,
                       [&](const Entry &entry) { return entry.route.prefix == prefix; }) > 0;
}

std::vector<std::string> WebRoutes::methods() const
{
  return {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};
}

// --- what the application says ------------------------------------------------------------

void WebRoutes::advise(std::uint64_t number, glue::StructurePtr answer)
{
  advice_[number] = std::move(answer);
  server_.frontend().decide(number, Verdict::granted);
  // Nobody is left who wants to know.
  advice_.erase(number);
}

bool WebRoutes::handle_advice(Exchange &exchange, const GstStructure *answer)
{
  if (!answer)
    return false;
  const auto *element = gst_structure_get_value(answer, "element");
  if (element && G_VALUE_HOLDS(element, GST_TYPE_ELEMENT) && g_value_get_object(element)) {
    WebPipeline::serve_with(server_, make_pool_(), exchange,
                            GST_ELEMENT(g_value_get_object(element)), always_threads_);
    return true;
  }
  AnswerHints hints;
  const glue::StructurePtr named{gst_structure_copy(answer)};
  gst_structure_set_name(named.get(), "http-response");
  hints.take(named.get());
  auto body = body_of(answer);
  if (hints.status == 0)
    hints.status = body.empty() ? 204 : 200;
  if (body.empty() && hints.status >= 400) {
    auto response = failure(exchange.request(), hints.status, "It was not granted");
    response.fields.insert(response.fields.end(), hints.fields.begin(), hints.fields.end());
    server_.respond(exchange, std::move(response));
    return true;
  }
  if (!body.empty())
    hints.fields.emplace_back("Content-Type", hints.content_type.empty()
                                                  ? "text/plain; charset=utf-8"
                                                  : hints.content_type);
  server_.respond(exchange, {hints.status, std::move(hints.fields), std::move(body)});
  return true;
}

// --- requests -----------------------------------------------------------------------------

bool WebRoutes::handle(Exchange &exchange)
{
  const bool is_advised = exchange.verdict() != Verdict::none;
  if (!is_advised && adviser_.wants_requests()) {
    const auto number = exchange.wait();
    adviser_.ask(number, request_structure(exchange));
    return true;
  }
  if (is_advised) {
    const auto advice = advice_.find(exchange.number());
    if (advice != advice_.end() && handle_advice(exchange, advice->second.get()))
      return true;
  }
  return handle_by_route(exchange);
}

bool WebRoutes::handle_by_route(Exchange &exchange)
{
  const auto &request = exchange.request();
  const auto path = resource_path(request.path);
  if (!path) {
    // Somebody else's, as "*" is.
    if (!request.path.starts_with('/'))
      return false;
    server_.respond(exchange, failure(request, 400, "No file or pipeline has such an address"));
    return true;
  }
  const auto entry = best_route(
      entries_, *path, [](const Entry &found) -> const Route & { return found.route; });
  if (entry == entries_.end())
    return false;
  if (const auto *folder = std::get_if<std::unique_ptr<WebFolder>>(&entry->target))
    (*folder)->serve(exchange, *path, entry->route.prefix.size());
  else if (const auto *pipeline = std::get_if<std::unique_ptr<WebPipeline>>(&entry->target))
    (*pipeline)->serve(exchange);
  else if (path->names.size() > entry->route.prefix.size())
    return false;
  else
    server_.respond(exchange,
                    failure(request, 503, "The pipeline of this address does not run"));
  return true;
}

}  // namespace kam::http
