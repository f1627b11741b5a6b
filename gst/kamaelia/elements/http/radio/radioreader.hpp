// SPDX-License-Identifier: LGPL-2.1-or-later
// A station from its address to audio and titles, through whatever happens on the way.
#pragma once

#include "core/icy/tuner.hpp"
#include "elements/http/radio/radioconnection.hpp"
#include "elements/http/radio/radiosound.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace kam::icy {

// Blocks in next() and nowhere else; the cancellable ends that. For one thread.
class RadioReader {
 public:
  struct Options {
    http::RadioConnection::Options connection;
    Tuner::Policy policy;
    RadioSound::Options sound;
    std::size_t block_size = std::size_t{256} * 1024;  // the most that a buffer has
  };

  RadioReader(std::string address, GCancellable *cancellable);
  RadioReader(const RadioReader &) = delete;
  RadioReader &operator=(const RadioReader &) = delete;

  RadioEvent next(const Options &options);

  const http::RadioConnection &connection() const { return connection_; }
  const RadioSound &sound() const { return sound_; }

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
  RadioSound sound_{pending_};
  std::optional<Ended> ended_;
  bool refuse_titles_ = false;  // the server says something about them that makes no sense
  bool has_data_ = false;       // from this connection
  bool had_data_ = false;       // from one before
  std::string playlist_;        // the last one that was read from the station's own address
  ByteVector beginning_;        // of a body that may be a playlist, or all of one
  std::size_t next_block_ = 4096;
};

}  // namespace kam::icy
