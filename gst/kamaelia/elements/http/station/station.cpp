// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/station.hpp"

#include "config.h"

#include "elements/http/frontend/gatekeeper.hpp"
#include "net/tcp_connection.hpp"

#include <gio/gio.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

// The built-in page, of which the build makes C.
extern "C" GResource *station_page_get_resource();

namespace kam::http {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
// Pages are told of changes as often as this, at most, and that all is well as often as that.
constexpr std::uint64_t news_interval_ns = second / 5;
constexpr std::uint64_t sign_of_life_ns = 15 * second;
constexpr std::size_t max_pages = 10'000;
// A page that does not take what it is told comes back when it can.
constexpr std::size_t max_queued_news = std::size_t{256} << 10U;

std::string iso_time()
{
  auto *const now = g_date_time_new_now_utc();
  const glue::StringPtr text{g_date_time_format(now, "%Y-%m-%dT%H:%M:%S+0000")};
  g_date_time_unref(now);
  return text.get();
}

Response document(std::string content_type, std::string body)
{
  return {200,
          {{"Content-Type", std::move(content_type)},
           {"Cache-Control", "no-cache"},
           {"Access-Control-Allow-Origin", "*"}},
          std::move(body)};
}

const char *content_type_of(std::string_view path)
{
  if (path.ends_with(".css"))
    return "text/css; charset=utf-8";
  if (path.ends_with(".js"))
    return "text/javascript; charset=utf-8";
  if (path.ends_with(".svg"))
    return "image/svg+xml";
  return "text/html; charset=utf-8";
}

// Nothing a page loads may come from elsewhere, and nothing but this server is talked to.
constexpr auto content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

std::string replaced(std::string text, std::string_view what, std::string_view with)
{
  for (auto at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::string built_in(const std::string &name)
{
  const auto path = "/org/kamaelia/station/" + name;
  auto *bytes = g_resource_lookup_data(station_page_get_resource(), path.c_str(),
                                       G_RESOURCE_LOOKUP_FLAGS_NONE, nullptr);
  if (!bytes)
    return {};
  gsize size = 0;
  const auto *data = static_cast<const char *>(g_bytes_get_data(bytes, &size));
  std::string text{data, size};
  g_bytes_unref(bytes);
  return text;
}

// A file in the folder, which no address leads out of.
std::string file_in(const std::string &folder, const std::string &name)
{
  constexpr gsize max_size = gsize{16} << 20U;
  const auto plain = std::ranges::all_of(
      name, [](char c) { return g_ascii_isalnum(c) || c == '.' || c == '-' || c == '_'; });
  if (!plain || name.empty() || name.front() == '.')
    return {};
  gchar *contents = nullptr;
  gsize size = 0;
  if (!g_file_get_contents((folder + '/' + name).c_str(), &contents, &size, nullptr))
    return {};
  const glue::StringPtr owned{contents};
  return size > max_size ? std::string{} : std::string{contents, size};
}

Response not_allowed(const char *allowed)
{
  auto response = error_response(405, "That cannot be done with this address");
  response.fields.emplace_back("Allow", allowed);
  return response;
}

}  // namespace

// A page that is open somewhere, and is told what is going on.
class Station::Page final : private net::TcpConnection::Handler {
 public:
  Page(Station &station, std::uint64_t number, TakenConnection connection, std::string mount,
       std::string session)
      : mount{std::move(mount)},
        session{std::move(session)},
        station_{station},
        number_{number},
        ticket_{std::move(connection.ticket)},
        connection_{station.frontend_.reactor(), std::move(connection.stream), *this, {}}
  {
  }
  bool start() { return !connection_.start(); }

  void tell(std::string_view text)
  {
    connection_.write(as_bytes(text));
    if (connection_.queued() > max_queued_news)
      connection_.abort(net::TcpConnection::Farewell::reset);
  }

  const std::string mount;
  const std::string session;
  std::string last_news;

 private:
  std::span<std::byte> read_space() override { return station_.frontend_.read_space(); }
  void handle_bytes(std::size_t) override {}
  void handle_end() override { connection_.end_writing(); }
  void handle_drained() override {}
  void handle_closed(net::TcpConnection::Closing) override { station_.pages_.erase(number_); }

  Station &station_;
  std::uint64_t number_;
  ConnectionCount::Ticket ticket_;
  net::TcpConnection connection_;
};

std::shared_ptr<Station> Station::of(const std::shared_ptr<HttpFrontend> &frontend)
{
  static std::mutex mutex;
  static std::unordered_map<HttpFrontend *, std::weak_ptr<Station>> stations;
  const std::lock_guard lock{mutex};
  std::erase_if(stations, [](const auto &entry) { return entry.second.expired(); });
  if (const auto found = stations.find(frontend.get()); found != stations.end())
    if (auto station = found->second.lock())
      return station;
  // It goes away in the front end's thread, and the front end after it.
  std::shared_ptr<Station> station{new Station{*frontend}, [frontend](Station *unused) {
                                     frontend->run([unused] { delete unused; });
                                   }};
  frontend->run([&] {
    frontend->add(*station, HttpFrontend::Precedence::streams);
    station->timer_.set(frontend->reactor().now());
  });
  stations[frontend.get()] = station;
  return station;
}

Station::Station(HttpFrontend &frontend)
    : frontend_{frontend}, timer_{frontend.reactor(), *this}, started_{iso_time()}
{
}

Station::~Station()
{
  frontend_.remove(*this);
}

bool Station::add(StreamMount &mount)
{
  if (find(mount.settings().mount))
    return false;
  const auto place_of = [](const Entry &entry) { return entry.mount->settings().place; };
  const auto at = std::ranges::upper_bound(entries_, mount.settings().place, {}, place_of);
  entries_.insert(at, Entry{&mount, {}, {}, false, {}});
  has_changed_ = true;
  return true;
}

void Station::remove(StreamMount &mount)
{
  std::erase_if(entries_, [&](const Entry &entry) { return entry.mount == &mount; });
  has_changed_ = true;
}

void Station::set_page(StreamMount &mount, bool is_shown, std::string web_root)
{
  if (auto *entry = find(mount.settings().mount)) {
    entry->shows_page = is_shown;
    entry->web_root = std::move(web_root);
  }
}

std::string Station::web_root() const
{
  const auto found = std::ranges::find_if(
      entries_, [](const Entry &entry) { return entry.shows_page && !entry.web_root.empty(); });
  return found == entries_.end() ? std::string{} : found->web_root;
}

void Station::set_judge(StreamMount &mount, Judge judge, std::string realm)
{
  if (auto *entry = find(mount.settings().mount)) {
    entry->judge = std::move(judge);
    entry->realm = std::move(realm);
  }
}

Station::Entry *Station::find(const std::string &mount)
{
  const auto found = std::ranges::find_if(
      entries_, [&](const Entry &entry) { return entry.mount->settings().mount == mount; });
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<StreamFacts> Station::facts() const
{
  std::vector<StreamFacts> facts;
  for (const auto &entry : entries_)
    facts.push_back(entry.mount->facts());
  return facts;
}

// --- requests -----------------------------------------------------------------------------

bool Station::handle(Exchange &exchange)
{
  const auto &request = exchange.request();
  const auto path = percent_decoded(request.path, Plus::is_plus);
  if (!path)
    return false;
  for (const auto &entry : entries_)
    entry.mount->catch_up();
  return handle_stream(exchange, *path) || handle_playlist(exchange, *path) ||
         handle_page(exchange, *path);
}

bool Station::handle_stream(Exchange &exchange, const std::string &path)
{
  auto *entry = find(path);
  if (!entry)
    return false;
  const auto &method = exchange.request().method;
  const auto &origin = entry->mount->settings().cors_origin;
  if (method == "OPTIONS") {
    Fields fields{{"Allow", "GET, HEAD, OPTIONS"}};
    if (!origin.empty())
      fields.insert(fields.end(),
                    {{"Access-Control-Allow-Origin", origin},
                     {"Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"},
                     {"Access-Control-Allow-Headers", "Authorization, Icy-MetaData, Range"},
                     {"Access-Control-Max-Age", "86400"}});
    exchange.respond({204, std::move(fields), {}});
    return true;
  }
  if (method != "GET" && method != "HEAD") {
    exchange.respond(not_allowed("GET, HEAD, OPTIONS"));
    return true;
  }
  auto verdict = exchange.verdict();
  if (verdict == Verdict::none)
    verdict = entry->judge ? entry->judge(*entry->mount, exchange) : Verdict::granted;
  if (verdict == Verdict::granted) {
    entry->mount->add(exchange);
  } else if (verdict == Verdict::refused) {
    exchange.respond(
        password_response(entry->realm, "This stream is for those who have a password"));
  }
  return true;
}

bool Station::handle_playlist(Exchange &exchange, const std::string &path)
{
  struct Kind {
    std::string_view suffix;
    const char *content_type;
    std::string (*make)(const StreamFacts &, std::string_view);
  };
  static constexpr std::array kinds{
      Kind{".m3u", "audio/x-mpegurl; charset=utf-8", m3u_of},
      Kind{".pls", "audio/x-scpls; charset=utf-8", pls_of},
      Kind{".xspf", "application/xspf+xml; charset=utf-8", xspf_of},
  };
  for (const auto &kind : kinds) {
    if (!path.ends_with(kind.suffix))
      continue;
    const auto *entry = find(path.substr(0, path.size() - kind.suffix.size()));
    if (!entry)
      continue;
    const auto stream = entry->mount->facts();
    const glue::StringPtr escaped{
        g_uri_escape_string(stream.mount.c_str(), G_URI_RESERVED_CHARS_ALLOWED_IN_PATH, FALSE)};
    exchange.respond(document(kind.content_type,
                              kind.make(stream, exchange.base_address() + escaped.get())));
    return true;
  }
  return false;
}

bool Station::handle_page(Exchange &exchange, const std::string &path)
{
  const auto &method = exchange.request().method;
  const bool is_status = path == "/status-json.xsl";
  const bool is_events = path == "/events";
  if (!is_status && !is_events && !shows_page())
    return false;
  if (method != "GET" && method != "HEAD") {
    if (!is_status && !is_events && path != "/")
      return false;
    exchange.respond(not_allowed("GET, HEAD"));
    return true;
  }
  if (is_status) {
    exchange.respond(
        document("application/json; charset=utf-8",
                 status_json(facts(), exchange.base_address(), PACKAGE "/" VERSION, started_)));
    return true;
  }
  return is_events ? handle_events(exchange) : handle_file(exchange, path);
}

bool Station::handle_file(Exchange &exchange, const std::string &path)
{
  const auto name = path == "/" ? std::string{"index.html"} : path.substr(1);
  const auto folder = web_root();
  auto text = folder.empty() ? built_in(name) : file_in(folder, name);
  if (text.empty())
    return false;
  if (name == "index.html" && !entries_.empty()) {
    const auto stream = entries_.front().mount->facts();
    text = replaced(std::move(text), "{{name}}", xml_text(stream.name));
    text = replaced(std::move(text), "{{description}}", xml_text(stream.description));
    text = replaced(std::move(text), "{{mount}}", xml_text(stream.mount));
  }
  Fields fields{{"Content-Type", content_type_of(name)}, {"Cache-Control", "no-cache"}};
  if (folder.empty()) {
    fields.emplace_back("Content-Security-Policy", content_policy);
    fields.emplace_back("Referrer-Policy", "no-referrer");
  }
  exchange.respond({200, std::move(fields), std::move(text)});
  return true;
}

// --- what pages are told ------------------------------------------------------------------

bool Station::handle_events(Exchange &exchange)
{
  const auto &request = exchange.request();
  if (pages_.size() >= max_pages) {
    exchange.respond(error_response(503, "Too many pages are open"));
    return true;
  }
  const Fields fields{{"Content-Type", "text/event-stream; charset=utf-8"},
                      {"Cache-Control", "no-store"},
                      {"X-Accel-Buffering", "no"},
                      {"Access-Control-Allow-Origin", "*"}};
  if (request.method == "HEAD") {
    exchange.respond({200, fields, {}, false});
    return true;
  }
  auto mount = query_value(request.query, "mount").value_or("");
  if (mount.empty() && !entries_.empty())
    mount = entries_.front().mount->settings().mount;
  const auto number = ++last_page_;
  auto page = std::make_unique<Page>(*this, number, exchange.take(), std::move(mount),
                                     query_value(request.query, "sid").value_or(""));
  if (!page->start())
    return true;
  auto &added = *pages_.emplace(number, std::move(page)).first->second;
  added.tell(response_head(200, fields) + "retry: 2000\n\n");
  send_news(added);
  return true;
}

std::string Station::news_for(const std::string &mount, const std::string &session) const
{
  std::string streams;
  std::string titles;
  bool is_heard = false;
  for (const auto &entry : entries_) {
    const auto stream = entry.mount->facts();
    streams += (streams.empty() ? "" : ",") + std::string{"{\"mount\":"} +
               json_string(stream.mount) + ",\"name\":" + json_string(stream.name) +
               ",\"description\":" + json_string(stream.description) +
               ",\"genre\":" + json_string(stream.genre) +
               ",\"url\":" + json_string(stream.url) +
               ",\"type\":" + json_string(stream.content_type) +
               ",\"video\":" + (stream.is_video ? "true" : "false") +
               ",\"bitrate\":" + std::to_string(stream.bitrate) +
               ",\"listeners\":" + std::to_string(stream.listeners) + '}';
    if (stream.mount != mount)
      continue;
    is_heard = entry.mount->has_session(session);
    for (const auto &title : entry.mount->titles_for(session)) {
      std::array<char, 32> at{};
      g_ascii_formatd(at.data(), at.size(), "%.3f", title.at);
      titles += (titles.empty() ? "" : ",") + std::string{"{\"title\":"} +
                json_string(title.text) + ",\"at\":" + at.data() + '}';
    }
  }
  return "{\"streams\":[" + streams + "],\"mount\":" + json_string(mount) +
         ",\"heard\":" + (is_heard ? "true" : "false") + ",\"titles\":[" + titles + "]}";
}

void Station::send_news(Page &page)
{
  auto news = news_for(page.mount, page.session);
  if (news == page.last_news)
    return;
  page.tell("event: station\ndata: " + news + "\n\n");
  page.last_news = std::move(news);
}

void Station::announce_session(const std::string &session)
{
  for (const auto &[number, page] : pages_)
    if (page->session == session)
      send_news(*page);
}

void Station::handle_time(std::uint64_t now)
{
  timer_.set(now + news_interval_ns);
  if (std::exchange(has_changed_, false))
    for (const auto &[number, page] : pages_)
      send_news(*page);
  if (now < last_sign_of_life_ + sign_of_life_ns)
    return;
  last_sign_of_life_ = now;
  for (const auto &[number, page] : pages_)
    page->tell(": \n\n");
}

}  // namespace kam::http
