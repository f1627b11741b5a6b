// SPDX-License-Identifier: LGPL-2.1-or-later
// A live stream as its listeners share it: the latest bytes, the places where one can begin,
// and the titles, each where its sound begins. Offsets count the bytes of the stream.
#pragma once

#include "core/bytes.hpp"
#include "core/http/byte_log.hpp"
#include "core/media/indexer.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kam::http {

using Nanoseconds = std::chrono::nanoseconds;

class Broadcast {
 public:
  struct Limits {
    Nanoseconds lag = std::chrono::seconds{20};      // a listener may be behind by so much
    std::size_t max_bytes = std::size_t{32} << 20U;  // and by three quarters of this
    std::size_t min_bytes = std::size_t{64} << 10U;  // but by this in any case
  };
  // How much a listener gets at once, to begin with.
  struct Burst {
    Nanoseconds time = std::chrono::seconds{4};
    std::size_t bytes = 0;  // counts instead of the time, unless 0
  };
  struct Join {
    std::uint64_t offset = 0;
    Nanoseconds time{0};         // of the stream
    media::SharedBytes headers;  // to be sent before; may be nothing
  };
  // From `offset` on this is the title.
  struct Title {
    std::uint64_t number = 0;  // from 1
    std::uint64_t offset = 0;
    Nanoseconds time{0};
    std::string text;  // UTF-8
    std::string url;
    media::SharedBytes block;  // for players that want it between the audio
  };

  Broadcast() : Broadcast{Limits{}} {}
  explicit Broadcast(Limits limits) : limits_{limits} {}
  void set_limits(Limits limits) { limits_ = limits; }

  // What comes is of this format from now on; `headers` may be empty.
  void begin_format(media::Format format, Bytes headers);
  // `may_join`: a decoder can begin with this buffer. It counts where the bytes of a format do
  // not tell. `time` does not go back; if it does nevertheless, it stands still.
  void append(Bytes bytes, Nanoseconds time, bool may_join);
  // From the next byte on. `block_text` is the title in the character set of the block.
  void set_title(std::string text, std::string url, std::string_view block_text);

  // Where a new listener begins; nullptr if nobody can yet. The pointers here are valid until
  // the next append().
  const Join *join(Burst burst) const;
  // The first place to begin at that is not before `offset`; nullptr if it is not known yet.
  const Join *next_join(std::uint64_t offset) const;
  // The title at `offset`; nullptr if there is none yet.
  const Title *title_at(std::uint64_t offset) const;
  const std::deque<Title> &titles() const { return titles_; }

  const ByteLog &log() const { return log_; }
  // Who is not as far as this lags too much.
  std::uint64_t lag_limit() const { return lag_limit_; }
  Nanoseconds end_time() const { return end_time_; }

 private:
  // A buffer, as far as it matters for the places in it.
  struct Stamp {
    std::uint64_t offset;
    Nanoseconds time;
    bool may_join;
  };
  void add_stamp(Nanoseconds time, bool may_join);
  void add_join(std::uint64_t offset, const media::SharedBytes &headers);
  void forget();

  Limits limits_;
  ByteLog log_;
  media::Format format_ = media::Format::unknown;
  std::unique_ptr<media::Indexer> indexer_;
  media::SharedBytes headers_;  // of a format without an indexer
  std::vector<media::JoinPoint> found_;
  std::deque<Stamp> stamps_;
  std::deque<Join> joins_;
  std::deque<Title> titles_;
  std::uint64_t format_begin_ = 0;
  std::uint64_t lag_limit_ = 0;
  std::uint64_t last_title_ = 0;
  Nanoseconds end_time_{0};
  bool has_joined_ = false;  // since the format began
};

}  // namespace kam::http
