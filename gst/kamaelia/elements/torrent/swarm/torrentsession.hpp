// SPDX-License-Identifier: LGPL-2.1-or-later
// One BitTorrent session for the whole process, shared by every element: Kamaelia's
// TorrentService and its patrons. Nothing of libtorrent is seen here.
//
// The session has one thread, and all of libtorrent is called there: what is below never waits
// for the network or the disk, but for the two functions named wait_for. It begins with the
// first who asks for it, and when the last has let it go it ends in the background.
#pragma once

#include "core/bytes.hpp"
#include "core/torrent/contents.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace kam::torrent {

// Why something cannot be done, for GST_ELEMENT_ERROR.
struct Failure {
  enum class Kind { not_found, no_space, open_write, read, format, settings };
  Kind kind = Kind::read;
  std::string text;    // a sentence for the user
  std::string detail;  // for the developer
};

enum class Encryption { off, allowed, forced };
enum class Utp { off, on, automatic };

// What holds for all torrents. The first one's are taken.
struct SessionSettings {
  std::string listen_interfaces = "0.0.0.0:0,[::]:0";
  bool dht = true;
  bool lsd = true;
  bool upnp = true;
  bool natpmp = true;
  bool pex = true;
  Utp utp = Utp::automatic;
  Encryption encryption = Encryption::allowed;
  std::string proxy;  // socks5://user:password@host:port, socks4, http
  bool anonymous = false;

  friend bool operator==(const SessionSettings &, const SessionSettings &) = default;
};

// A torrent that somebody names: a magnet link, or metadata. A value.
class TorrentSpec {
 public:
  static constexpr std::size_t largest_metainfo = 10'000'000;  // bytes
  static constexpr std::size_t most_trackers = 32;
  static constexpr std::size_t most_web_seeds = 32;
  static constexpr std::size_t most_peers = 256;

  // What is more than the limits is left out, if there can be less of it.
  static std::variant<TorrentSpec, Failure> from_magnet(std::string_view uri);
  static std::variant<TorrentSpec, Failure> from_metainfo(Bytes metainfo);

  void add_peers(const std::vector<std::string> &addresses);  // host:port, [::1]:port
  void add_trackers(const std::vector<std::string> &urls);
  void add_web_seeds(const std::vector<std::string> &urls);

  const std::string &info_hash() const;  // in hex: version 1's if it has one, else version 2's
  std::string name() const;              // for people; never a part of a path
  const std::vector<std::int32_t> &selected() const;  // a magnet's "so"
  const std::string &file_path() const;               // of magnet:PATH?; else empty
  std::shared_ptr<const Contents> contents() const;   // null for a magnet
  // Bytes of a .torrent file, and a magnet link. Empty if they are not known.
  ByteVector metainfo() const;
  std::string magnet() const;

  struct Parsed;  // libtorrent's
  const Parsed &parsed() const { return *parsed_; }

 private:
  TorrentSpec() = default;
  Parsed &own();
  std::shared_ptr<Parsed> parsed_;
};

// How a torrent is to be held. If it is held already, what was first said about its place
// counts.
struct TorrentOptions {
  std::string save_path;  // absolute; empty for a folder of its own in the user's cache
  bool keep_files =
      false;           // when nobody holds it any more; what was there before is kept anyway
  bool resume = true;  // believe what was noted when it was held before
  bool seed = false;   // all the data is in save_path, as whoever just made it knows
  std::optional<std::size_t> file;  // the one that will be read, if that is known already
};

// Bytes a second and connections; 0 for no limit.
struct TorrentLimits {
  std::uint32_t download = 0;
  std::uint32_t upload = 0;
  std::uint32_t connections = 0;
};

struct TorrentStatus {
  enum class State { starting, metadata, checking, downloading, finished, seeding, failed };
  State state = State::starting;
  double fraction_done = 0;         // of the bytes that are wanted
  std::uint64_t wanted = 0;         // bytes
  std::uint64_t wanted_done = 0;    // bytes
  std::uint64_t downloaded = 0;     // bytes of data, since it is held
  std::uint64_t uploaded = 0;       // bytes of data, since it is held
  std::uint64_t redundant = 0;      // bytes that came twice
  std::uint64_t failed = 0;         // bytes that did not have the right hash
  std::uint32_t download_rate = 0;  // bytes a second
  std::uint32_t upload_rate = 0;    // bytes a second
  std::uint32_t peers = 0;          // connected
  std::uint32_t seeds = 0;          // those of them that have everything
  std::uint32_t known_peers = 0;
  std::string tracker_error;  // what the last one said that did not work

  friend bool operator==(const TorrentStatus &, const TorrentStatus &) = default;
};

const char *name_of(TorrentStatus::State state);

// How a file is to be read.
struct Reading {
  std::size_t file = 0;                      // among Contents::files
  std::uint64_t read_ahead = 16U << 20U;     // bytes that are wanted before the rest
  std::uint64_t prefetch_edges = 1U << 20U;  // bytes at each end that are wanted first
  bool background_download = true;           // the rest of the file, too
  std::chrono::milliseconds late{600};       // a wait after which a piece is asked for at once
};

enum class Wait { ready, interrupted, timed_out, failed };

bool is_peer_address(const std::string &text);  // host:port, both as numbers

struct TorrentState;  // what the holders of one torrent share
class TorrentSession;

// One holder's share in a torrent, and one reader of it. When the last holder goes, the torrent
// goes, in the background. Any thread may call it.
class TorrentLease {
 public:
  using Clock = std::chrono::steady_clock;
  // In the session's thread, which holds no lock meanwhile: metadata has become known, a status
  // was renewed (each second), all that is wanted is there, or it failed.
  enum class Event { metadata, status, finished, failed };
  using Listener = std::function<void(Event)>;

  TorrentLease(std::shared_ptr<TorrentSession> session, std::shared_ptr<TorrentState> state,
               bool was_held);
  ~TorrentLease();
  TorrentLease(const TorrentLease &) = delete;
  TorrentLease &operator=(const TorrentLease &) = delete;

  // Ends the share now, and not when whoever is being told of it lets it go; nothing is waited
  // for then any more. More than once is once.
  void release();

  // Whether somebody else held it before.
  bool was_held() const { return was_held_; }
  std::string info_hash() const;
  std::string save_path() const;
  std::shared_ptr<const Contents> contents() const;  // null until it is known
  ByteVector metainfo() const;                       // a .torrent file; empty until it is known
  // What is wanted is the file that is read, if there is one.
  TorrentStatus status() const;
  std::optional<Failure> failure() const;
  // The ports at which peers can reach us; 0 if there is none (yet).
  std::uint16_t listen_port() const;

  // May be called more than once; a null listener ends it. A call may be on its way still.
  void listen(Listener listener);

  // --- reading ---
  // Waits for the metadata, or until `deadline`.
  Wait wait_for_contents(Clock::time_point deadline = Clock::time_point::max());
  // Begins to read a file; contents() has to be known. False if there is no such file.
  bool read_file(const Reading &reading);
  // Waits for bytes of the file that is read, and tells the session to hurry with them. What
  // has come can be read from the file at path_of() in save_path().
  Wait wait_for(Range bytes, Clock::time_point deadline = Clock::time_point::max());
  // Waits until so many bytes have been given away; with 0, until it is interrupted.
  Wait wait_for_upload(double bytes);
  // Ends every wait that there is, and those to come until it is called with false.
  void interrupt(bool on);
  // How long there has been a wait for bytes; zero if there is none.
  std::chrono::milliseconds stalled() const;
  // What has come of the file that is read, in runs of bytes.
  std::vector<Range> available() const;

  // --- the torrent ---
  void set_limits(const TorrentLimits &limits);
  bool add_peer(const std::string &address);  // host:port as numbers; false if it is none
  void reannounce();

 private:
  std::uint64_t reads_bytes() const;
  Wait wait_until_noted(Range bytes, Clock::time_point deadline);
  // Hashes the first piece of these bytes that nobody has hashed; false if there is none.
  bool look_at_doubtful(Range bytes);

  std::shared_ptr<TorrentSession> session_;
  std::shared_ptr<TorrentState> state_;
  std::uint32_t reader_ = 0;
  bool was_held_;
  bool is_released_ = false;     // under the lock of the session's list of torrents
  bool is_interrupted_ = false;  // both under the lock of the state
  std::uint64_t interruptions_ = 0;
};

// Held by a shared_ptr; the last of them ends it.
class TorrentSession : public std::enable_shared_from_this<TorrentSession> {
 public:
  // The one of this process; made with these settings if there is none.
  static std::shared_ptr<TorrentSession> acquire(const SessionSettings &settings);

  explicit TorrentSession(const SessionSettings &settings);
  ~TorrentSession();
  TorrentSession(const TorrentSession &) = delete;
  TorrentSession &operator=(const TorrentSession &) = delete;

  const SessionSettings &settings() const { return settings_; }

  std::unique_ptr<TorrentLease> hold(const TorrentSpec &spec, const TorrentOptions &options);

 private:
  friend TorrentLease;
  class Worker;

  SessionSettings settings_;
  std::shared_ptr<Worker> worker_;
};

}  // namespace kam::torrent
