// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/icy/demuxer.hpp"
#include "core/icy/frame_sync.hpp"
#include "core/icy/ogg_merger.hpp"
#include "elements/http/radio/radioevents.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

namespace kam::icy {

// Makes audio and titles of what stations send: takes the titles out, joins the links of a
// chain, and begins with a frame after a reconnect.
class RadioSound {
 public:
  struct Options {
    bool resync = true;
    bool merge_ogg_chains = true;
  };

  // Events go into `out`, in their order.
  explicit RadioSound(std::deque<RadioEvent> &out) : out_{out} {}

  // A body begins. `metaint` 0 means that there is nothing but audio in it.
  void begin(std::uint64_t metaint, const std::string &content_type, bool is_first,
             const Options &options);
  // The next bytes of it are the first `size` of `block`.
  void take(glue::BufferPtr block, std::size_t size);
  // Nothing more of it comes.
  void end();

  // Bytes of audio that were left out because no frame begins in them.
  std::uint64_t bytes_skipped() const { return bytes_skipped_; }
  std::uint64_t blocks() const { return blocks_; }
  // That had nothing of metadata in them.
  std::uint64_t bad_blocks() const { return bad_blocks_; }

 private:
  void take_audio(glue::BufferPtr audio);
  void take_ogg(GstBuffer *audio);
  void give_out(glue::BufferPtr audio);
  void hunt();
  void give_out_hunted(std::size_t skip);

  std::deque<RadioEvent> &out_;
  Demuxer demuxer_{0};
  std::optional<OggMerger> ogg_;
  Framing framing_ = Framing::unknown;
  bool hunting_ = false;
  std::deque<RadioEvent> hunted_;  // what came since the hunt for a frame began
  bool discont_ = false;
  std::uint64_t bytes_skipped_ = 0;
  std::uint64_t blocks_ = 0;
  std::uint64_t bad_blocks_ = 0;
};

}  // namespace kam::icy
