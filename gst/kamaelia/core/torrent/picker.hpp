// SPDX-License-Identifier: LGPL-2.1-or-later
// Which pieces of a torrent are wanted how much, so that readers of it do not wait.
//
// Made for a downloader that takes wanted pieces in their order, but those of the highest
// priority first (libtorrent's sequential_download). In that order only "not at all", "in turn"
// and "first of all" differ, so that is what the priorities below are for:
//   none    before the playhead, while there is something missing behind it
//   rest    behind the window: downloaded because the whole file is wanted
//   window  what is read soon
//   first   what is sought; the ends of a file, which players look at, while nobody waits for
//           anything else; and what is read next, where there are several readers, for the
//           order of the pieces can favour only one of them. Those few come in any order.
// A seek has what was asked for taken back, and what was begun elsewhere is not wanted until
// the sought piece is there: the downloader likes to complete what it has begun. A deadline
// makes a piece be asked for from several peers at once. It costs: what was asked for before is
// asked for again. So it is given only to one that keeps a reader waiting.
#pragma once

#include "core/torrent/contents.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace kam::torrent {

// One who reads a file, as it is now.
struct Reader {
  std::uint32_t id = 0;        // the same for its whole life, and nobody else's
  Range pieces;                // of the file
  std::uint32_t playhead = 0;  // the piece that is read
  std::uint32_t window = 1;    // how many pieces ahead are wanted soon
  std::uint32_t edge = 0;      // how many pieces at each end of the file are wanted early
  std::uint32_t seeks = 0;     // how often it went elsewhere than on
  bool wants_all = true;       // the whole file, when there is nothing more urgent
  bool is_waiting = false;     // for the piece at the playhead
  std::chrono::nanoseconds waiting_since{};
  std::chrono::nanoseconds late{std::chrono::milliseconds{600}};  // a wait longer than this
};

// What the downloader is to be told.
struct Orders {
  // Before all else: what has been asked for is taken back, and deadlines are, for this piece.
  std::optional<std::uint32_t> start_over;
  std::vector<std::pair<std::uint32_t, std::uint8_t>> priorities;  // of pieces, where changed
  std::vector<std::uint32_t> deadlines;  // pieces that are wanted at once, most urgent first

  bool empty() const { return !start_over && priorities.empty() && deadlines.empty(); }
};

class Picker {
 public:
  enum Priority : std::uint8_t { none = 0, rest = 1, window = 4, first = 7 };

  // How long a piece with a deadline may fail to come before everything is asked for anew.
  static constexpr std::chrono::seconds patience{4};
  // How many pieces at the place of a seek are wanted first of all.
  static constexpr std::uint32_t sought_pieces = 2;
  // How many pieces of each of several readers are wanted first of all.
  static constexpr std::uint32_t hot_pieces = 4;

  explicit Picker(std::uint32_t piece_count);

  void set_have(std::uint32_t piece);
  bool has(std::uint32_t piece) const { return have_[piece]; }

  // What is to change, given who reads where. Orders are taken to be carried out. Pieces that
  // are late get no deadline while there is nobody else to ask: it would only make the
  // downloader take back what it has asked for, and some peers (Transmission 3.00) then send
  // nothing for a while.
  Orders plan(std::span<const Reader> readers, std::chrono::nanoseconds now,
              bool has_others_to_ask = true);

  // Whether other pieces are urgent as soon as this one is there.
  bool is_awaited(std::uint32_t piece) const;

  // The downloader's priorities have become others than those ordered: all are told again.
  void forget_orders() { is_known_ = false; }

 private:
  // What is remembered of a reader between plans.
  struct Known {
    std::uint32_t id = 0;
    std::uint32_t seeks = 0;
    std::uint32_t base = 0;       // the piece from which the file is downloaded in order
    std::uint32_t anchor = 0;     // the piece where it began, or that it sought
    bool is_seeking = false;      // the anchor was sought, is not there, and is not late either
    std::vector<bool> left = {};  // what was begun elsewhere, while it is not to be completed
    bool is_present = true;
  };

  struct Deadline {
    std::uint32_t piece = 0;
    std::chrono::nanoseconds since{};
  };

  Known &known(const Reader &reader);
  bool follow(const Reader &reader, Known &memory, std::chrono::nanoseconds now);
  bool has_plenty(const Reader &reader) const;
  std::uint32_t next_missing(std::uint32_t from, std::uint32_t end) const;
  void want(std::uint32_t piece, Priority priority);
  void want_missing(std::uint32_t from, std::uint32_t end, std::uint32_t count, Priority);
  void want_for(const Reader &reader, const Known &known, bool is_alone);
  void want_edges(const Reader &reader, const Known &known);
  void hurry_late(const Reader &reader, Orders &orders, std::chrono::nanoseconds now);
  void set_deadline(std::uint32_t piece, Orders &orders, std::chrono::nanoseconds now);
  void start_over(std::uint32_t piece, Orders &orders);

  std::vector<bool> have_;
  std::vector<std::uint8_t> wanted_;   // by the plan being made
  std::vector<std::uint8_t> ordered_;  // by the plans before
  std::vector<bool> begun_;            // has been in a window: a part of it may be there
  bool is_known_ = false;              // that the downloader has what was ordered
  std::vector<Known> readers_;
  std::vector<Deadline> deadlines_;
};

}  // namespace kam::torrent
