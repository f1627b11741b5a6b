// SPDX-License-Identifier: LGPL-2.1-or-later
// Where in a stream of bytes a listener can begin, and what has to be sent to it before.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace kam::media {

// Bytes that nobody changes any more and several may hold.
using SharedBytes = std::shared_ptr<const ByteVector>;

// A place at which a decoder can begin: a frame, a page, a cluster or fragment that starts with
// a key frame.
struct JoinPoint {
  std::uint64_t offset = 0;  // from the beginning of the stream
  SharedBytes headers;       // to be sent before; nothing if there are none
};

enum class Format { unknown, mpeg_audio, adts, ogg, webm, mp4, flac, mpeg_ts };

// From a media type or the name of GStreamer's caps; parameters are ignored.
Format format_of(std::string_view media_type);

// Finds the join points of one format.
class Indexer {
 public:
  virtual ~Indexer() = default;
  Indexer(const Indexer &) = delete;
  Indexer &operator=(const Indexer &) = delete;

  // Takes the next bytes and appends the join points that are known by now, in their order;
  // they may lie in bytes that came earlier. None comes before the headers are complete.
  void feed(Bytes input, std::vector<JoinPoint> &joins);

  // The bytes that follow begin a new stream, for which these are the headers as far as they do
  // not come in it.
  void restart(Bytes headers);

 protected:
  Indexer() = default;

  // What to do with a window of the stream.
  struct Step {
    std::size_t take = 0;    // bytes of the window that are done with
    std::uint64_t skip = 0;  // bytes after them that nobody has to look at
    std::size_t need = 0;    // if nothing is taken: how large a window it takes to go on
  };
  // `window` is not empty and begins at `offset`.
  virtual Step step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins) = 0;
  virtual void forget() = 0;

 private:
  ByteVector held_;  // too little to go on with
  std::size_t need_ = 1;
  std::uint64_t skip_ = 0;
  std::uint64_t offset_ = 0;  // of the first byte that is held, or comes next
};

// Nothing for Format::unknown.
std::unique_ptr<Indexer> make_indexer(Format format);

// Headers that are larger are not kept, so that nobody can join.
inline constexpr std::size_t max_headers_size = std::size_t{1} << 20U;

}  // namespace kam::media
