// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"
#include "core/torrent/series.hpp"
#include "elements/torrent/maker/outputfile.hpp"
#include "elements/torrent/maker/piecehasher.hpp"
#include "elements/torrent/maker/torrentmaker.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace kam {

// Where a torrent and its data are.
struct TorrentPlaces {
  std::string location;
  std::string torrent_location;
  std::uint64_t number = 0;  // in a series; 0 if it is none
};

// Writes what comes into a file, or a series of them, and makes the torrent of each. The data
// is hashed on its way, and never read.
class TorrentRecorder {
 public:
  using Problem = std::optional<torrent::Failure>;

  struct Options {
    std::string location;          // the file; of a series: its name with %d for the number
    std::string torrent_location;  // the .torrent; of a series: the folder for them
    std::uint64_t chunk_size = 0;  // bytes of a part; 0: all in one
    std::uint64_t first_number = 1;
    std::uint64_t max_files = 0;       // parts to keep; 0: all
    std::uint32_t piece_size = 0;      // bytes; 0: by the size of the file
    torrent::Description description;  // but for the name of the file
  };
  // In the thread that writes.
  struct Callbacks {
    std::function<void(const torrent::MadeTorrent &, const TorrentPlaces &)> made;
    // A part of the series is not kept any longer.
    std::function<void(std::uint64_t number)> dropped;
  };

  TorrentRecorder(Options options, Callbacks callbacks);

  // Makes the (first) file, so that what is wrong is known before there is data.
  Problem open();
  // How many bytes there will be, before the first of them; not needed for a series.
  void expect(std::optional<std::uint64_t> size) { expected_size_ = size; }
  // The next bytes, which stay as they are while `owner` lives.
  Problem write(Bytes bytes, const std::shared_ptr<const void> &owner);
  // There will be no more: makes the (last) torrent, and says so in the index of a series.
  Problem finish();

  // Of all parts.
  std::uint64_t total_bytes() const { return total_bytes_; }
  // Whether the file is too long for its pieces, so that it will have no torrent.
  bool is_too_long() const { return !is_series() && has_too_many_pieces_; }

 private:
  struct Part {
    TorrentPlaces places;
    OutputFile file;
    std::unique_ptr<torrent::PieceHasher> hasher;
    std::uint64_t bytes = 0;
  };

  bool is_series() const { return options_.chunk_size > 0; }
  Problem open_part();
  Problem begin_hashing();
  TorrentPlaces places_of(std::uint64_t number) const;
  Problem write_part(Bytes bytes, const std::shared_ptr<const void> &owner);
  Problem finish_part();
  Problem write_index(const torrent::SeriesIndex &index) const;
  Problem publish(const torrent::MadeTorrent &made, const TorrentPlaces &places);
  void drop_old_part(std::uint64_t newest);

  Options options_;
  Callbacks callbacks_;
  std::uint64_t next_number_;
  std::optional<Part> part_;
  std::optional<std::uint64_t> newest_;  // of a series, that is published
  std::optional<std::uint64_t> expected_size_;
  std::uint64_t total_bytes_ = 0;
  bool has_too_many_pieces_ = false;
};

}  // namespace kam
