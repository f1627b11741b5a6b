// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/http/broadcast.hpp"
#include "core/http/listener_cursor.hpp"
#include "core/http/station_documents.hpp"
#include "elements/http/frontend/httpexchange.hpp"
#include "glue/refs.hpp"
#include "net/reactor.hpp"

#include <gst/gst.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace kam::http {

enum class LagPolicy { disconnect, resync };
enum class Departure { left, lagged, removed, ended, stopped };
const char *name_of(Departure departure);

struct ListenerInfo {
  std::uint64_t id = 0;
  std::string mount;
  std::string peer;
  std::string user_agent;
};

// What a stream is, and how its listeners are treated.
struct MountSettings {
  std::string mount = "/stream";
  std::string name;
  std::string description;
  std::string genre;
  std::string url;
  std::string content_type;  // empty: from the caps
  std::string icy_charset;   // empty: UTF-8
  bool is_public = false;
  std::uint32_t metaint = 8192;
  Broadcast::Burst burst;
  Broadcast::Limits limits;
  LagPolicy lag_policy = LagPolicy::disconnect;
  std::uint64_t flush_interval_ns = 100'000'000;
  std::uint32_t max_listeners = 0;
  std::uint32_t place = 0;  // among the streams of a station; the first is the page's own
  std::string cors_origin = "*";
};

// What the stream itself says of the station; counts where the settings say nothing.
struct StationNote {
  std::string name;
  std::string description;
  std::string genre;
  std::string url;

  bool operator==(const StationNote &) const = default;
};

// What an element reads of it from any thread.
struct MountStats {
  std::atomic<std::uint64_t> listeners{0};
  std::atomic<std::uint64_t> peak_listeners{0};
  std::atomic<std::uint64_t> listeners_in_all{0};
  std::atomic<std::uint64_t> refused_listeners{0};
  std::atomic<std::uint64_t> lagged_listeners{0};
  std::atomic<std::uint64_t> resyncs{0};
  std::atomic<std::uint64_t> bytes_sent{0};
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> titles{0};
};

// A stream at an address: what comes from a pipeline on one side, all its listeners on the
// other.
class StreamMount final : private net::Timer::Handler {
 public:
  // Told in the reactor's thread.
  class Observer {
   public:
    // A number for another listener.
    virtual std::uint64_t next_listener() = 0;
    virtual void handle_listener_added(const ListenerInfo &listener) = 0;
    virtual void handle_listener_removed(const ListenerInfo &listener, Departure departure,
                                         std::uint64_t bytes, std::uint64_t duration_ns) = 0;
    // There is another title, or stream, or amount of listeners.
    virtual void handle_change() = 0;
    // The listener with this session hears another part of the stream, or for the first time.
    virtual void handle_session(const std::string &session) = 0;

   protected:
    ~Observer() = default;
  };

  StreamMount(net::Reactor &reactor, MountSettings settings, Observer &observer);
  ~StreamMount();
  StreamMount(const StreamMount &) = delete;
  StreamMount &operator=(const StreamMount &) = delete;

  // --- the pipeline's thread; each waits while too much of what it gave is not taken, and
  //     returns false if that was interrupted

  bool begin_format(std::string content_type, bool is_video, media::Format format,
                    ByteVector headers);
  bool push(glue::Ref<GstBuffer> buffer, Nanoseconds time, bool may_join);
  void set_title(std::string title, std::string url);
  void set_station(StationNote station);
  void set_bitrate(std::uint64_t bits_per_second) { bitrate_ = bits_per_second; }
  void end();

  // --- any thread

  void interrupt(bool is_interrupted);
  bool is_interrupted();
  const MountStats &stats() const { return stats_; }

  // --- the reactor's thread

  const MountSettings &settings() const { return settings_; }
  void change(MountSettings settings);
  // A listener, or why there cannot be one.
  std::optional<Response> refusal() const;
  void add(Exchange &exchange);
  bool remove(std::uint64_t id);
  void remove_all(Departure departure);
  std::vector<ListenerInfo> listeners() const;
  StreamFacts facts() const;
  // Takes what the pipeline gave, so that what is said here is the latest.
  void catch_up() { take_items(); }

  // A title, and when a listener hears it: seconds from its own beginning.
  struct HeardTitle {
    std::string text;
    double at = 0;
  };
  // Those that a session hears, from its first on; of no session those that are live.
  std::vector<HeardTitle> titles_for(const std::string &session) const;
  bool has_session(const std::string &session) const { return sessions_.contains(session); }

 private:
  class Listener;
  struct Sound {
    glue::Ref<GstBuffer> buffer;
    Nanoseconds time;
    bool may_join;
  };
  struct NewFormat {
    std::string content_type;
    bool is_video;
    media::Format format;
    ByteVector headers;
  };
  struct NewTitle {
    std::string text;
    std::string url;
  };
  struct End {};
  using Item = std::variant<Sound, NewFormat, NewTitle, StationNote, End>;

  void handle_time(std::uint64_t now) override;
  void flush();
  bool put(Item item, std::size_t size, bool may_wait);
  void take_items();
  void take(Sound &sound);
  void take(NewFormat &format);
  void take(NewTitle &title);
  void take(StationNote &station);
  void take(End &);
  // What is said to clients: what the settings say, or else the stream.
  StationNote station() const;
  Fields response_fields(bool with_titles) const;
  void send_to(Listener &listener);
  void begin(Listener &listener);
  void lose(std::uint64_t id, Departure departure);
  std::optional<Broadcast::Burst> resync_burst() const;

  net::Reactor &reactor_;
  MountSettings settings_;
  Observer &observer_;
  net::Timer timer_;
  Broadcast broadcast_;
  StationNote noted_;  // by the stream
  std::string content_type_;
  bool is_video_ = false;
  // Listeners wait for it outside, as what is said of a stream in tags comes behind its format.
  bool has_sound_ = false;
  bool has_ended_ = false;
  std::string started_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Listener>> listeners_;
  std::vector<Listener *> in_turn_;
  std::unordered_map<std::string, std::uint64_t> sessions_;
  MountStats stats_;
  std::atomic<std::uint64_t> bitrate_{0};

  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // as tasks on their way see it

  std::mutex mutex_;
  std::condition_variable taken_;
  std::vector<Item> items_;
  std::size_t items_size_ = 0;
  bool is_interrupted_ = false;
  bool is_flush_posted_ = false;
  bool flushes_at_once_ = false;
};

}  // namespace kam::http
