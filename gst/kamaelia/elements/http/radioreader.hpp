// SPDX-License-Identifier: LGPL-2.1-or-later
// A station from its address to audio and titles, through whatever happens on the way.
#pragma once

#include "core/icy/demuxer.hpp"
#include "core/icy/frame_sync.hpp"
#include "core/icy/metadata.hpp"
#include "core/icy/ogg_merger.hpp"
#include "core/icy/tuner.hpp"
#include "elements/http/radioconnection.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace kam::icy {

struct Connected {
  std::string address;   // behind playlists and redirects
  std::string playlist;  // the station's own address, if that was one
};
// A connection ended, or could not be made.
struct Disconnected {
  http::RadioFailure failure;
  bool had_data = false;
  bool will_retry = false;
};
struct Metadata {
  std::vector<MetadataField> fields;
};
// The comments of an Ogg stream whose headers are not passed on.
struct Comments {
  std::vector<std::string> lines;  // "KEY=value"
};
// Nothing follows: the end of a file, or a station for which there is no hope.
struct Ended {
  std::optional<http::RadioFailure> failure;
};
struct Interrupted {};
using RadioEvent = std::variant<glue::BufferPtr, Connected, Disconnected, Metadata, Comments,
                                Ended, Interrupted>;

// Blocks in next() and nowhere else; the cancellable ends that. For one thread.
class RadioReader {
 public:
  struct Options {
    http::RadioConnection::Options connection;
    Tuner::Policy policy;
    bool resync = true;
    bool merge_ogg_chains = true;
    std::size_t block_size = 65536;  // the most that a buffer has
  };

  RadioReader(std::string address, GCancellable *cancellable);

  RadioEvent next(const Options &options);

  const http::RadioConnection &connection() const { return connection_; }
  // Bytes of audio that were left out because no frame begins in them.
  std::uint64_t bytes_skipped() const { return bytes_skipped_; }
  std::uint64_t blocks() const { return blocks_; }
  // That had nothing of metadata in them.
  std::uint64_t bad_blocks() const { return bad_blocks_; }

 private:
  using Failure = http::RadioFailure;
  enum class Stage {
    closed,
    looking,   // whether this is a playlist
    playlist,  // reading it
    sounding,
  };

  void connect(const Options &options);
  void begin(const Options &options);
  void look(const Options &options);
  void decide(const Options &options, bool at_end);
  void end_playlist(const Options &options);
  void begin_sound();
  void receive(const Options &options);
  void handle_read_failure(const Failure &failure, const Options &options);
  void handle_end(const Options &options);
  void take(glue::BufferPtr block, std::size_t size);
  void take_audio(glue::BufferPtr audio);
  void take_ogg(GstBuffer *audio);
  void give_out(glue::BufferPtr audio);
  void hunt();
  void give_out_hunted(std::size_t skip);
  void fail(const Failure &failure, Tuner::Hope hope, const Options &options);
  void lose(const Failure &failure, const Options &options);
  void end(std::optional<Failure> failure);
  bool wait(Tuner::Duration pause) const;
  const std::string &content_type() const;

  glue::Ref<GCancellable> cancellable_;
  http::RadioConnection connection_;
  Tuner tuner_;
  std::optional<Tuner::Step> step_;  // that was not taken yet
  Stage stage_ = Stage::closed;
  std::deque<RadioEvent> pending_;
  std::optional<Ended> ended_;
  bool refuse_titles_ = false;  // the server says something about them that makes no sense
  bool has_data_ = false;       // from this connection
  bool had_data_ = false;       // from one before
  std::string playlist_;        // the last one that was read from the station's own address
  ByteVector beginning_;        // of a body that may be a playlist, or all of one

  Demuxer demuxer_{0};
  std::optional<OggMerger> ogg_;
  Framing framing_ = Framing::unknown;
  bool hunting_ = false;
  std::deque<RadioEvent> hunted_;  // what came since the hunt for a frame began
  bool discont_ = false;
  std::size_t next_block_ = 4096;
  std::uint64_t bytes_skipped_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t bad_blocks_ = 0;
};

}  // namespace kam::icy
