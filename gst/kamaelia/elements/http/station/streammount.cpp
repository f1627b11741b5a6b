// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/station/streammount.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

namespace kam::http {
namespace {

// What a pipeline may be ahead of this thread.
constexpr std::size_t max_waiting = std::size_t{16} << 20U;
// What the kernel may hold for a listener that was not sent to it; it is shared out anew by
// what the network takes.
constexpr int unsent_limit = 128 << 10;
// While a stream pauses nothing is sent that would tell who has gone, or has lost its network.
// The kernel asks then: after so many seconds, so many times, so far apart.
constexpr int ask_after = 30;
constexpr int ask_times = 3;
constexpr int ask_every = 10;

void set_option(int socket, int level, int option, int value)
{
  setsockopt(socket, level, option, &value, sizeof value);
}

constexpr std::size_t max_session_size = 64;

std::string iso_time()
{
  auto *const now = g_date_time_new_now_utc();
  const glue::StringPtr text{g_date_time_format(now, "%Y-%m-%dT%H:%M:%S+0000")};
  g_date_time_unref(now);
  return text.get();
}

std::string session_of(const RequestHead &request)
{
  auto session = query_value(request.query, "sid").value_or("");
  return session.size() <= max_session_size ? session : std::string{};
}

std::size_t size_of(std::span<const Bytes> pieces)
{
  std::size_t size = 0;
  for (const auto &piece : pieces)
    size += piece.size();
  return size;
}

}  // namespace

const char *name_of(Departure departure)
{
  switch (departure) {
  case Departure::left: return "left";
  case Departure::lagged: return "lagged";
  case Departure::removed: return "removed";
  case Departure::ended: return "ended";
  case Departure::stopped: return "stopped";
  }
  return "";
}

// One connection that is sent the stream.
class StreamMount::Listener final : private net::ReadyHandler {
 public:
  Listener(StreamMount &mount, TakenConnection connection, ListenerInfo info,
           std::string session, ListenerCursor cursor)
      : mount_{mount},
        connection_{std::move(connection)},
        info_{std::move(info)},
        session_{std::move(session)},
        cursor_{std::move(cursor)},
        began_{mount.reactor_.now()}
  {
    set_option(fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_limit);
    set_option(fd(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd(), IPPROTO_TCP, TCP_KEEPIDLE, ask_after);
    set_option(fd(), IPPROTO_TCP, TCP_KEEPCNT, ask_times);
    set_option(fd(), IPPROTO_TCP, TCP_KEEPINTVL, ask_every);
  }
  ~Listener() { mount_.reactor_.remove(fd(), *this); }
  Listener(const Listener &) = delete;
  Listener &operator=(const Listener &) = delete;

  bool start() { return !mount_.reactor_.add(fd(), interest(), *this); }

  const ListenerInfo &info() const { return info_; }
  const std::string &session() const { return session_; }
  ListenerCursor &cursor() { return cursor_; }
  const ListenerCursor &cursor() const { return cursor_; }
  std::uint64_t began() const { return began_; }
  bool is_blocked() const { return is_blocked_; }
  bool is_gone() const { return is_gone_; }
  void prefetch() const
  {
    constexpr std::size_t cache_line = 64;
    for (std::size_t at = 0; at < sizeof *this; at += cache_line)
      __builtin_prefetch(reinterpret_cast<const std::byte *>(this) + at);
  }
  // Once this is there.
  void prefetch_stream() const { __builtin_prefetch(connection_.stream.get()); }

  // As much as the network takes.
  void send(const Broadcast &broadcast)
  {
    std::array<Bytes, 24> pieces;
    while (!is_blocked_ && !is_gone_) {
      const auto count = cursor_.gather(broadcast, pieces);
      if (count == 0)
        return;
      const auto offered = std::span{pieces}.first(count);
      const auto result = connection_.stream->write(offered);
      if (result.status == net::Stream::Status::failed)
        is_gone_ = true;
      else if (result.status == net::Stream::Status::blocked)
        set_blocked(true);
      cursor_.advance(broadcast, result.bytes);
      mount_.stats_.bytes_sent.fetch_add(result.bytes, std::memory_order_relaxed);
      if (count < pieces.size() && result.bytes == size_of(offered))
        return;
    }
  }
  void end_writing() const { connection_.stream->end_writing(); }

 private:
  int fd() const { return connection_.stream->fd(); }
  net::Interest interest() const
  {
    return static_cast<net::Interest>((has_peer_ended_ ? 0U : 1U) | (is_blocked_ ? 2U : 0U));
  }
  void set_blocked(bool is_blocked)
  {
    is_blocked_ = is_blocked;
    mount_.reactor_.change(fd(), interest(), *this);
  }

  // May destroy this.
  void handle_ready(net::Readiness ready) override
  {
    if (ready.is_broken)
      is_gone_ = true;
    if (ready.is_readable && !has_peer_ended_)
      discard_input();
    if (ready.is_writable && is_blocked_ && !is_gone_) {
      set_blocked(false);
      mount_.send_to(*this);
    } else if (is_gone_) {
      mount_.lose(info_.id, Departure::left);
    }
  }

  // A listener has nothing to say. One that sends no more may still listen.
  void discard_input()
  {
    std::array<std::byte, 4096> unused{};
    const auto result = connection_.stream->read(unused);
    if (result.status == net::Stream::Status::failed)
      is_gone_ = true;
    if (result.status == net::Stream::Status::ended) {
      has_peer_ended_ = true;
      mount_.reactor_.change(fd(), interest(), *this);
    }
  }

  StreamMount &mount_;
  TakenConnection connection_;
  ListenerInfo info_;
  std::string session_;
  ListenerCursor cursor_;
  std::uint64_t began_;
  bool is_blocked_ = false;
  bool is_gone_ = false;
  bool has_peer_ended_ = false;
};

// --- the pipeline's side ------------------------------------------------------------------

StreamMount::StreamMount(net::Reactor &reactor, MountSettings settings, Observer &observer)
    : reactor_{reactor}, observer_{observer}, timer_{reactor, *this}
{
  change(std::move(settings));
  timer_.set(reactor_.now());
}

StreamMount::~StreamMount()
{
  remove_all(Departure::stopped);
}

void StreamMount::change(MountSettings settings)
{
  settings_ = std::move(settings);
  broadcast_.set_limits(settings_.limits);
  const std::lock_guard lock{mutex_};
  flushes_at_once_ = settings_.flush_interval_ns == 0;
}

bool StreamMount::put(Item item, std::size_t size, bool may_wait)
{
  std::unique_lock lock{mutex_};
  if (may_wait)
    taken_.wait(lock, [this] { return is_interrupted_ || items_size_ < max_waiting; });
  if (may_wait && is_interrupted_)
    return false;
  items_.push_back(std::move(item));
  items_size_ += size;
  if ((flushes_at_once_ || items_size_ > max_waiting / 2) &&
      !std::exchange(is_flush_posted_, true))
    reactor_.post([this, weak = std::weak_ptr{alive_}] {
      if (!weak.expired())
        flush();
    });
  return true;
}

bool StreamMount::begin_format(std::string content_type, bool is_video, media::Format format,
                               ByteVector headers)
{
  return put(NewFormat{std::move(content_type), is_video, format, std::move(headers)}, 0, true);
}

bool StreamMount::push(glue::Ref<GstBuffer> buffer, Nanoseconds time, bool may_join)
{
  const auto size = gst_buffer_get_size(buffer.get());
  return put(Sound{std::move(buffer), time, may_join}, size, true);
}

void StreamMount::set_title(std::string title, std::string url)
{
  put(NewTitle{std::move(title), std::move(url)}, 0, false);
}

void StreamMount::set_station(StationNote station)
{
  put(std::move(station), 0, false);
}

void StreamMount::end()
{
  put(End{}, 0, false);
}

void StreamMount::interrupt(bool is_interrupted)
{
  const std::lock_guard lock{mutex_};
  is_interrupted_ = is_interrupted;
  taken_.notify_all();
}

bool StreamMount::is_interrupted()
{
  const std::lock_guard lock{mutex_};
  return is_interrupted_;
}

// --- the reactor's side -------------------------------------------------------------------

void StreamMount::handle_time(std::uint64_t now)
{
  // The next tick is as far from this one's due time as it should be, not from when it came.
  const auto interval = std::max<std::uint64_t>(settings_.flush_interval_ns, 20'000'000);
  timer_.set(now + interval);
  flush();
}

void StreamMount::take_items()
{
  std::vector<Item> items;
  {
    const std::lock_guard lock{mutex_};
    items.swap(items_);
    items_size_ = 0;
    is_flush_posted_ = false;
    taken_.notify_all();
  }
  for (auto &item : items)
    std::visit([this](auto &what) { take(what); }, item);
}

void StreamMount::take(Sound &sound)
{
  has_sound_ = true;
  const glue::ReadMap map{sound.buffer.get()};
  broadcast_.append(map.bytes(), sound.time, sound.may_join);
  stats_.bytes_received.fetch_add(map.bytes().size(), std::memory_order_relaxed);
}

void StreamMount::take(NewFormat &format)
{
  has_sound_ = has_ended_ = false;
  started_ = iso_time();
  content_type_ = settings_.content_type.empty() ? format.content_type : settings_.content_type;
  is_video_ = format.is_video;
  broadcast_.begin_format(format.format, format.headers);
  observer_.handle_change();
}

void StreamMount::take(NewTitle &title)
{
  const auto *last = broadcast_.titles().empty() ? nullptr : &broadcast_.titles().back();
  if (last && last->text == title.text && last->url == title.url)
    return;
  std::string block_text = title.text;
  if (!settings_.icy_charset.empty()) {
    const glue::StringPtr converted{g_convert_with_fallback(
        title.text.c_str(), static_cast<gssize>(title.text.size()),
        settings_.icy_charset.c_str(), "UTF-8", "?", nullptr, nullptr, nullptr)};
    if (converted)
      block_text = converted.get();
  }
  broadcast_.set_title(std::move(title.text), std::move(title.url), block_text);
  stats_.titles.fetch_add(1, std::memory_order_relaxed);
  observer_.handle_change();
}

void StreamMount::take(StationNote &station)
{
  noted_ = std::move(station);
  observer_.handle_change();
}

StationNote StreamMount::station() const
{
  const auto either = [](const std::string &set, const std::string &noted) {
    return set.empty() ? noted : set;
  };
  return {either(settings_.name, noted_.name),
          either(settings_.description, noted_.description),
          either(settings_.genre, noted_.genre), either(settings_.url, noted_.url)};
}

void StreamMount::take(End &)
{
  has_ended_ = true;
  content_type_.clear();
  observer_.handle_change();
}

void StreamMount::flush()
{
  take_items();
  std::vector<std::pair<std::uint64_t, Departure>> gone;
  for (std::size_t i = 0; i < in_turn_.size(); ++i) {
    // Most of the time that this takes is spent waiting for memory.
    if (i + 2 < in_turn_.size())
      in_turn_[i + 2]->prefetch();
    if (i + 1 < in_turn_.size())
      in_turn_[i + 1]->prefetch_stream();
    auto *const listener = in_turn_[i];
    const auto id = listener->info().id;
    auto &cursor = listener->cursor();
    if (!cursor.has_begun())
      begin(*listener);
    const auto lag = cursor.keep_up(broadcast_, resync_burst());
    if (lag == ListenerCursor::Lag::jumped) {
      stats_.resyncs.fetch_add(1, std::memory_order_relaxed);
      observer_.handle_session(listener->session());
    }
    listener->send(broadcast_);
    if (lag == ListenerCursor::Lag::lost)
      gone.emplace_back(id, Departure::lagged);
    else if (listener->is_gone())
      gone.emplace_back(id, Departure::left);
    else if (has_ended_ && cursor.is_at_end(broadcast_))
      gone.emplace_back(id, Departure::ended);
  }
  for (const auto &[id, departure] : gone)
    lose(id, departure);
}

std::optional<Broadcast::Burst> StreamMount::resync_burst() const
{
  if (settings_.lag_policy == LagPolicy::disconnect)
    return std::nullopt;
  return settings_.burst;
}

void StreamMount::begin(Listener &listener)
{
  const auto *join = broadcast_.join(settings_.burst);
  if (!join)
    return;
  listener.cursor().begin(*join);
  if (!listener.session().empty())
    observer_.handle_session(listener.session());
}

void StreamMount::send_to(Listener &listener)
{
  listener.send(broadcast_);
  if (listener.is_gone())
    lose(listener.info().id, Departure::left);
}

Fields StreamMount::response_fields(bool with_titles) const
{
  const bool is_charset_needed = content_type_.starts_with("text/");
  Fields fields{{"Content-Type", content_type_ + (is_charset_needed ? "; charset=utf-8" : "")},
                {"Cache-Control", "no-cache, no-store"},
                {"Accept-Ranges", "none"}};
  const auto add = [&](const char *name, const std::string &value) {
    if (!value.empty())
      fields.emplace_back(name, value);
  };
  const auto said = station();
  add("icy-name", said.name);
  add("icy-description", said.description);
  add("icy-genre", said.genre);
  add("icy-url", said.url);
  const auto bitrate = bitrate_.load(std::memory_order_relaxed);
  if (bitrate > 0)
    add("icy-br", std::to_string((bitrate + 500) / 1000));
  add("icy-pub", settings_.is_public ? "1" : "0");
  if (with_titles)
    add("icy-metaint", std::to_string(settings_.metaint));
  add("Access-Control-Allow-Origin", settings_.cors_origin);
  if (!settings_.cors_origin.empty())
    add("Access-Control-Expose-Headers",
        "icy-br, icy-description, icy-genre, icy-metaint, icy-name, icy-url");
  return fields;
}

std::optional<Response> StreamMount::refusal() const
{
  if (content_type_.empty() || !has_sound_) {
    auto response = error_response(503, "There is no sound here just now");
    response.fields.emplace_back("Retry-After", "2");
    return response;
  }
  if (settings_.max_listeners > 0 && listeners_.size() >= settings_.max_listeners) {
    auto response = error_response(503, "There are as many listeners as there may be");
    response.fields.emplace_back("Retry-After", "30");
    return response;
  }
  return std::nullopt;
}

void StreamMount::add(Exchange &exchange)
{
  take_items();
  if (auto response = refusal()) {
    stats_.refused_listeners.fetch_add(1, std::memory_order_relaxed);
    exchange.respond(std::move(*response));
    return;
  }
  const auto &request = exchange.request();
  const auto *wish = request.find("icy-metadata");
  const bool with_titles = settings_.metaint > 0 && wish && *wish == "1";
  if (request.method == "HEAD") {
    exchange.respond({200, response_fields(with_titles), {}, false});
    return;
  }
  const auto *agent = request.find("user-agent");
  ListenerInfo info{observer_.next_listener(), settings_.mount, exchange.peer().text(),
                    agent ? *agent : std::string{}};
  auto session = session_of(request);
  auto fields = response_fields(with_titles);
  fields.emplace_back("Connection", "close");
  ListenerCursor cursor{response_head(200, fields), with_titles ? settings_.metaint : 0};
  auto listener =
      std::make_unique<Listener>(*this, exchange.take(), info, session, std::move(cursor));
  if (!listener->start())
    return;
  auto &added = *listeners_.emplace(info.id, std::move(listener)).first->second;
  in_turn_.push_back(&added);
  if (!session.empty())
    sessions_[session] = info.id;
  stats_.listeners.store(listeners_.size(), std::memory_order_relaxed);
  stats_.listeners_in_all.fetch_add(1, std::memory_order_relaxed);
  if (listeners_.size() > stats_.peak_listeners.load(std::memory_order_relaxed))
    stats_.peak_listeners.store(listeners_.size(), std::memory_order_relaxed);
  observer_.handle_listener_added(info);
  observer_.handle_change();
  begin(added);
  send_to(added);
}

void StreamMount::lose(std::uint64_t id, Departure departure)
{
  const auto found = listeners_.find(id);
  if (found == listeners_.end())
    return;
  const auto listener = std::move(found->second);
  listeners_.erase(found);
  in_turn_.erase(std::ranges::find(in_turn_, listener.get()));
  if (const auto session = sessions_.find(listener->session());
      session != sessions_.end() && session->second == id)
    sessions_.erase(session);
  if (departure == Departure::ended)
    listener->end_writing();
  if (departure == Departure::lagged)
    stats_.lagged_listeners.fetch_add(1, std::memory_order_relaxed);
  stats_.listeners.store(listeners_.size(), std::memory_order_relaxed);
  observer_.handle_listener_removed(listener->info(), departure,
                                    listener->cursor().bytes_sent(),
                                    reactor_.now() - listener->began());
  observer_.handle_change();
}

bool StreamMount::remove(std::uint64_t id)
{
  const bool is_there = listeners_.contains(id);
  lose(id, Departure::removed);
  return is_there;
}

void StreamMount::remove_all(Departure departure)
{
  while (!listeners_.empty())
    lose(listeners_.begin()->first, departure);
}

std::vector<ListenerInfo> StreamMount::listeners() const
{
  std::vector<ListenerInfo> all;
  for (const auto &[id, listener] : listeners_)
    all.push_back(listener->info());
  std::ranges::sort(all, {}, &ListenerInfo::id);
  return all;
}

StreamFacts StreamMount::facts() const
{
  StreamFacts facts;
  facts.mount = settings_.mount;
  const auto said = station();
  facts.name = said.name.empty() ? settings_.mount.substr(1) : said.name;
  facts.description = said.description;
  facts.genre = said.genre;
  facts.url = said.url;
  facts.content_type = content_type_;
  if (!broadcast_.titles().empty())
    facts.title = broadcast_.titles().back().text;
  facts.bitrate = bitrate_.load(std::memory_order_relaxed);
  facts.listeners = listeners_.size();
  facts.peak_listeners = stats_.peak_listeners.load(std::memory_order_relaxed);
  facts.bytes_sent = stats_.bytes_sent.load(std::memory_order_relaxed);
  facts.started = started_;
  facts.is_video = is_video_;
  return facts;
}

std::vector<StreamMount::HeardTitle> StreamMount::titles_for(const std::string &session) const
{
  constexpr std::size_t max_told = 20;
  const auto found = sessions_.find(session);
  const auto *listener =
      found == sessions_.end() ? nullptr : listeners_.at(found->second).get();
  std::vector<HeardTitle> heard;
  const auto &titles = broadcast_.titles();
  const auto first = titles.size() > max_told ? titles.size() - max_told : 0;
  for (auto i = first; i < titles.size(); ++i) {
    const auto at = listener ? listener->cursor().heard_at(titles[i].time)
                             : titles[i].time - broadcast_.end_time();
    heard.push_back({titles[i].text, std::chrono::duration<double>{at}.count()});
  }
  return heard;
}

}  // namespace kam::http
