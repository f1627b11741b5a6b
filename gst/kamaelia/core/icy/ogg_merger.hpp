// SPDX-License-Identifier: LGPL-2.1-or-later
// Ogg stations begin a new stream at each title, and at each connection. That is right by
// RFC 3533, which calls it a chain, but a pipeline without a demuxer that adds pads stops
// there. Here the links of a chain become one stream without an end:
//
//   page: "OggS" <version 0> <flags> <granule position: 8> <serial: 4> <sequence: 4> <CRC: 4>
//         <number of segments n> <their sizes: n> <data>
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace kam::icy {

// The comment lines of the second header of Vorbis, Opus or FLAC in Ogg; nothing if it is none.
std::optional<std::vector<std::string>> parse_ogg_comments(Bytes packet);

enum class OggCodec { other, vorbis, opus, flac };

// One stream of a chain: what is known of it from its headers.
struct OggLink {
  OggCodec codec = OggCodec::other;
  std::uint32_t serial = 0;
  ByteVector identification;          // its first packet
  ByteVector setup;                   // of Vorbis, its third
  unsigned headers = 0;               // packets that came
  unsigned headers_in_all = 0;        // packets that are no audio
  ByteVector packet;                  // a header that is not whole
  ByteVector held;                    // header pages, until it is known what becomes of them
  std::size_t header_size = 0;        // bytes of the pages that have headers
  bool after_gap = false;             // it may have been joined in the middle
  std::optional<std::uint64_t> base;  // what is added to its granule positions
};

// Passes the first link with its headers, and of the others what follows their headers, as one
// stream: serial and sequence numbers go on, and so do granule positions. Comments of the
// headers left out are told. Links that cannot be joined are passed as they are: several
// streams side by side, another codec, other codec parameters.
class OggMerger {
 public:
  struct Stats {
    std::uint64_t links = 0;  // that began
    std::uint64_t links_merged = 0;
    std::uint64_t bytes_skipped = 0;  // in search of a page
  };

  // What comes out for these bytes, in their order.
  struct Output {
    ByteVector pages;
    // The comments of links that began, and how many bytes of `pages` stand before each.
    struct Comments {
      std::size_t offset;
      std::vector<std::string> lines;
    };
    std::vector<Comments> comments;
  };
  Output feed(Bytes input);

  // Bytes are missing here: what is open is left out.
  void handle_gap();

  const Stats &stats() const { return stats_; }

 private:
  void handle_page(MutableBytes page, Output &output);
  void begin_link(Bytes page, Output &output);
  void handle_header_page(Bytes page, Output &output);
  void handle_header_packet(Output &output);
  void end_headers(Output &output);
  void stop_merging(Output &output);
  void pass_joined(MutableBytes page, Output &output);
  static void pass(Bytes page, Output &output);
  std::uint64_t start_of(Bytes page) const;
  static bool are_alike(const OggLink &a, const OggLink &b);

  Stats stats_;
  ByteVector input_;              // of a page that is not whole
  std::optional<OggLink> first_;  // the one that the others are joined to
  std::optional<OggLink> link_;   // the current one
  bool separate_ = false;         // what comes is passed as it is
  bool after_begin_ = false;      // the page before began a link
  bool after_gap_ = false;
  std::uint32_t next_sequence_ = 0;
  std::uint64_t last_granule_ = 0;
  std::uint64_t last_step_ = 0;  // by which a page moved it
};

}  // namespace kam::icy
