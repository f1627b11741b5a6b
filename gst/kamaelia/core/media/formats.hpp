// SPDX-License-Identifier: LGPL-2.1-or-later
// The formats that have join points; a file for each.
#pragma once

#include "core/icy/frame_sync.hpp"
#include "core/media/indexer.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace kam::media {

// MPEG audio and AAC in ADTS: each frame. ID3 tags in between are passed over.
class FrameIndexer final : public Indexer {
 public:
  explicit FrameIndexer(icy::Framing framing) : framing_{framing} {}

 private:
  Step step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins) override;
  void forget() override { is_locked_ = false; }

  icy::Framing framing_;
  bool is_locked_ = false;  // the frame before led here
  ByteVector first_;        // a header that the others are like
};

// Ogg: each page that begins with a packet. A chain's links have their own headers.
class OggIndexer final : public Indexer {
 private:
  // How many packets of a logical stream are still headers.
  struct Logical {
    unsigned headers_left = 0;
    bool by_position = false;  // an unknown codec: those at granule position 0
  };
  Step step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins) override;
  void forget() override;
  void begin_logical(std::uint32_t serial, Bytes packet);
  void handle_header_page(Logical &logical, Bytes page, Bytes segments);
  bool has_headers();

  std::map<std::uint32_t, Logical> logicals_;
  ByteVector collected_;
  SharedBytes headers_;
  bool in_data_ = false;
};

// WebM and Matroska: each cluster; those with video, if their first picture is a key frame.
class WebmIndexer final : public Indexer {
 private:
  Step step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins) override;
  void forget() override;
  Step handle_block(Bytes element, std::uint64_t size, bool is_simple,
                    std::vector<JoinPoint> &joins);
  void collect(Bytes element);
  void read_tracks(Bytes tracks);

  ByteVector collected_;
  bool is_collecting_ = false;
  SharedBytes headers_;
  std::vector<std::uint64_t> video_tracks_;
  std::optional<std::uint64_t> cluster_;  // where one began that may be a join point
};

// Fragmented MP4: each fragment; those with video, if their first picture is a key frame.
class Mp4Indexer final : public Indexer {
 private:
  struct Track {
    bool is_video = false;
    std::uint32_t default_flags = 0;
  };
  Step step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins) override;
  void forget() override;
  void read_movie(Bytes moov);
  bool begins_with_key(Bytes moof) const;
  bool is_key(Bytes traf) const;

  ByteVector file_type_;
  SharedBytes headers_;
  std::map<std::uint32_t, Track> tracks_;
  bool has_video_ = false;
  std::optional<std::uint64_t> unit_;  // where boxes began that belong to the next fragment
};

// FLAC without a container: each frame. Of the metadata, format and comments are kept.
class FlacIndexer final : public Indexer {
 private:
  enum class State { lost, metadata, frames };
  Step step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins) override;
  void forget() override;
  Step handle_metadata(Bytes window);
  Step handle_frame(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins);
  void end_metadata();

  State state_ = State::lost;
  ByteVector collected_;
  std::size_t last_block_ = 0;  // in `collected_`
  SharedBytes headers_;
  std::optional<std::uint64_t> next_number_;  // of the frame that should come, or of its sample
  std::optional<std::uint64_t> candidate_;    // the same, if something odd was a frame
};

// MPEG transport streams: each picture marked as one to begin at, or each packet of audio if
// there is no video. The headers are the tables that say what is where.
class TsIndexer final : public Indexer {
 private:
  static constexpr std::size_t packet_size = 188;
  // A table as it came.
  struct Table {
    ByteVector packets;
    ByteVector section;
    ByteVector whole_packets;  // of the last one that was complete
    ByteVector whole_section;
  };
  Step step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins) override;
  void forget() override;
  void handle_packet(Bytes packet, std::uint64_t offset, std::vector<JoinPoint> &joins);
  static bool add_to(Table &table, Bytes packet, Bytes payload, bool begins);
  void read_programs();
  void read_map(const Table &map);
  void renew_headers();

  Table programs_;
  std::map<unsigned, Table> maps_;  // by PID
  SharedBytes headers_;
  std::optional<unsigned> leading_pid_;  // whose units are joined at
  bool leads_video_ = false;
  unsigned units_without_mark_ = 0;
};

}  // namespace kam::media
