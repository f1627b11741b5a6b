// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"
#include "core/http/broadcast.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace kam::http {

// Where one listener is in a broadcast, and what it is sent next: the head of the response, the
// headers of the stream, the stream, and in it the titles where they belong.
class ListenerCursor {
 public:
  enum class Lag { none, jumped, lost };

  // `head` is sent before anything else. Titles come after each `metaint` bytes; 0: never.
  ListenerCursor(std::string head, std::uint32_t metaint)
      : head_{std::move(head)}, metaint_{metaint}
  {
    next_.until_block = metaint;
  }

  // Begins there. Only the head is sent before that.
  void begin(const Broadcast::Join &join);
  bool has_begun() const { return has_begun_; }

  // The bytes to send next, in at most as many pieces as there is room for. They are valid
  // until the broadcast, or this, changes.
  std::size_t gather(const Broadcast &broadcast, std::span<Bytes> pieces) const;
  // So many of them were sent.
  void advance(const Broadcast &broadcast, std::size_t sent);
  bool is_at_end(const Broadcast &broadcast) const;

  // Who lags too much is taken to where a new listener would begin, between two places at which
  // decoders can begin, if `burst` is given and that is possible; else it is lost.
  Lag keep_up(const Broadcast &broadcast, std::optional<Broadcast::Burst> burst);

  // Of the stream; meaningless before begin().
  std::uint64_t offset() const { return next_.offset; }
  // What the listener's own clock shows when it hears what is at this time of the stream.
  Nanoseconds heard_at(Nanoseconds time) const { return time - origin_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  enum class Kind { head, headers, owed, stream, block, nothing };
  // What there is to send at a position.
  struct Piece {
    Kind kind = Kind::nothing;
    Bytes bytes;
    const Broadcast::Title *title = nullptr;  // whose block it is
  };
  struct Position {
    std::size_t in_head = 0;
    std::size_t in_headers = 0;
    std::size_t in_owed = 0;
    std::size_t in_block = 0;
    std::uint64_t offset = 0;
    std::uint32_t until_block = 0;
    std::uint64_t last_title = 0;
  };
  Piece piece_at(const Broadcast &broadcast, const Position &position) const;
  void pass(Position &position, const Piece &piece, std::size_t size) const;
  void put_aside(const ByteLog &log, std::uint64_t end);
  void jump_if_there();

  std::string head_;
  std::uint32_t metaint_;
  bool has_begun_ = false;
  Position next_;
  media::SharedBytes headers_;
  ByteVector owed_;                      // the rest of a unit, before a jump
  std::optional<Broadcast::Join> jump_;  // where to go on from `jump_from_`
  std::uint64_t jump_from_ = 0;
  media::SharedBytes block_;  // one that is sent in part
  Nanoseconds origin_{0};     // the time of the stream at the listener's 0
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace kam::http
