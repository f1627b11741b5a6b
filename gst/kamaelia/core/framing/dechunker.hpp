// SPDX-License-Identifier: LGPL-2.1-or-later
// Chunks as Kamaelia's DataChunker writes them (Kamaelia.Protocol.Framing):
//
//   <sync> <body, escaped so that no byte of the sync stands in it> <sync> <body> …
//
// A chunk ends where the next sync begins. The dechunker finds its place in a stream it
// joins in the middle, or that lost something, at the next sync.
#pragma once

#include "core/framing/escape.hpp"

#include <cstdint>
#include <optional>

namespace kam::framing {

struct Chunk {
  // As it stands in the input, if it lies there in one piece and has not been copied:
  // `escaped` says whether there is an escape to undo. Valid as long as the input is.
  Bytes body;
  bool escaped = false;
  // The body otherwise, with its escapes undone.
  ByteVector collected;
  bool in_input = false;
  // Something that cannot stand in a body stood in it: bytes were lost or changed.
  bool damaged = false;
};

// Finds chunks in a stream of bytes.
class Dechunker {
 public:
  struct Limits {
    std::size_t max_chunk_size = std::size_t{1} << 20U;  // of a body, unescaped
  };
  struct Stats {
    std::uint64_t chunks = 0;
    std::uint64_t bytes_skipped = 0;  // before the first sync, or of chunks too large
    std::uint64_t oversize = 0;       // chunks dropped because they were too large
    std::uint64_t damaged = 0;
  };

  Dechunker(Sync sync, Limits limits);
  Dechunker(const Dechunker &) = delete;
  Dechunker &operator=(const Dechunker &) = delete;

  // For the chunks that are not complete yet.
  void set_limits(Limits limits) { limits_ = limits; }

  // Takes the next bytes of the stream; they must stay until poll_chunk() has returned
  // nothing. With `end`, what is open when they are used up is a whole chunk.
  void feed(Bytes input, bool end = false);
  std::optional<Chunk> poll_chunk();

  // Whether a chunk is open: between two feeds, whether the next one has begun already.
  bool is_collecting() const { return state_ == State::collecting; }

  // Forgets what is open; the next chunk is the one after the next sync.
  void reset();

  const Sync &sync() const { return sync_; }
  const Stats &stats() const { return stats_; }

 private:
  enum class State {
    searching,   // no sync yet: everything is junk
    collecting,  // in a chunk
    oversize,    // in a chunk that is too large to keep
  };

  void scan();
  void leave_partial_sync(std::byte next);
  std::optional<Chunk> end_chunks_at_run();
  std::optional<Chunk> end_chunk(std::size_t body_end);
  void append_to_body(Bytes bytes);
  void make_room(std::size_t size);
  void keep_for_later(std::size_t body_end);
  void drop_oversize();
  std::size_t run_in_input() const { return run_ - carried_; }

  Sync sync_;
  std::size_t period_ = 0;  // the sync is so many bytes, repeated a whole number of times
  std::vector<std::size_t> borders_;  // Knuth-Morris-Pratt: longest border of each prefix
  Limits limits_;
  Stats stats_;

  Bytes input_;
  bool end_of_stream_ = false;
  std::size_t position_ = 0;    // next byte of the input to look at
  std::size_t body_begin_ = 0;  // first byte of the input that belongs to the body

  State state_ = State::searching;
  // How many bytes before position_ continue the sync repeated for ever, and how many of
  // them came with earlier inputs.
  std::size_t run_ = 0;
  std::size_t carried_ = 0;
  std::size_t empty_chunks_ = 0;  // found, to be polled
  bool damaged_ = false;
  ByteVector collected_;                 // of the open chunk, from earlier inputs
  std::size_t collected_wire_size_ = 0;  // and how many bytes that was with escapes
  Unescaper unescaper_;
};

}  // namespace kam::framing
