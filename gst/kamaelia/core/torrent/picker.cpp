// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/picker.hpp"

#include <algorithm>
#include <cassert>

namespace kam::torrent {

namespace {

std::uint32_t begin_of(const Reader &reader)
{
  return static_cast<std::uint32_t>(reader.pieces.begin);
}

std::uint32_t end_of(const Reader &reader)
{
  return static_cast<std::uint32_t>(reader.pieces.end);
}

std::uint32_t head_end(const Reader &reader)
{
  return std::min(end_of(reader), begin_of(reader) + reader.edge);
}

std::uint32_t tail_begin(const Reader &reader)
{
  const auto size = end_of(reader) - begin_of(reader);
  return end_of(reader) - std::min(size, reader.edge);
}

// Players look at the ends of a file and come back; the rest goes on where it was.
bool is_at_an_edge(const Reader &reader)
{
  return reader.playhead < head_end(reader) || reader.playhead >= tail_begin(reader);
}

bool is_late(const Reader &reader, std::chrono::nanoseconds now)
{
  return reader.is_waiting && now - reader.waiting_since >= reader.late;
}

constexpr std::uint8_t unknown = 255;  // no priority

}  // namespace

Picker::Picker(std::uint32_t piece_count)
    : have_(piece_count), wanted_(piece_count), ordered_(piece_count), begun_(piece_count)
{
}

void Picker::set_have(std::uint32_t piece)
{
  assert(piece < have_.size());
  have_[piece] = true;
  std::erase_if(deadlines_, [piece](const Deadline &d) { return d.piece == piece; });
}

Picker::Known &Picker::known(const Reader &reader)
{
  auto found = std::ranges::find(readers_, reader.id, &Known::id);
  if (found == readers_.end()) {
    readers_.push_back({.id = reader.id,
                        .seeks = reader.seeks,
                        .base = reader.playhead,
                        .anchor = reader.playhead});
    found = readers_.end() - 1;
  }
  return *found;
}

bool Picker::is_awaited(std::uint32_t piece) const
{
  return std::ranges::find(readers_, piece, &Known::anchor) != readers_.end();
}

std::uint32_t Picker::next_missing(std::uint32_t from, std::uint32_t end) const
{
  while (from < end && have_[from])
    ++from;
  return from;
}

// Whether there is enough to do apart from what was begun, so that the downloader does not find
// that it has finished.
bool Picker::has_plenty(const Reader &reader) const
{
  auto count = reader.wants_all ? reader.window : 0;
  for (auto piece = begin_of(reader); piece < end_of(reader) && count > 0; ++piece)
    count -= have_[piece] || begun_[piece] ? 0 : 1;
  return reader.wants_all && count == 0;
}

void Picker::want(std::uint32_t piece, Priority priority)
{
  wanted_[piece] = std::max<std::uint8_t>(wanted_[piece], priority);
}

// The first `count` of those missing between the two.
void Picker::want_missing(std::uint32_t from, std::uint32_t end, std::uint32_t count,
                          Priority priority)
{
  for (auto piece = next_missing(from, end); piece < end && count > 0;
       piece = next_missing(piece + 1, end), --count)
    want(piece, priority);
}

void Picker::want_for(const Reader &reader, const Known &known, bool is_alone)
{
  const auto begin = begin_of(reader);
  const auto end = end_of(reader);
  const auto window_end = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(end, std::uint64_t{reader.playhead} + reader.window));
  // What is read next is, whoever began with it: else there would be enough of what comes later
  // for peers to be busy with, and it would come behind that.
  const auto near_end = reader.playhead + std::max(hot_pieces, reader.window / 8);
  const auto is_wanted = [&](std::uint32_t piece) {
    return known.left.empty() || !known.left[piece] ||
           (piece >= reader.playhead && piece < near_end);
  };
  for (auto piece = reader.playhead; piece < window_end; ++piece)
    if (is_wanted(piece))
      want(piece, window);
  if (known.is_seeking)
    want_missing(reader.playhead, window_end, sought_pieces, first);
  if (!is_alone)
    want_missing(reader.playhead, window_end, hot_pieces, first);
  if (reader.wants_all) {
    // What was jumped over has its turn when nothing is missing behind it.
    const auto from = next_missing(known.base, end) == end ? begin : known.base;
    for (auto piece = from; piece < end; ++piece)
      if (is_wanted(piece))
        want(piece, rest);
  }
  want_edges(reader, known);
}

// The ends may not hold up what is read now. What is read at the beginning comes in its order
// anyway; at the end the order would have all that is missing before it.
void Picker::want_edges(const Reader &reader, const Known &known)
{
  const auto end = end_of(reader);
  const auto head = head_end(reader);
  const auto tail = tail_begin(reader);
  if (reader.playhead >= tail)
    want_missing(reader.playhead, end, known.is_seeking ? sought_pieces : reader.edge, first);
  if (!have_[known.anchor] || reader.is_waiting)
    return;
  if (reader.playhead >= head)
    want_missing(begin_of(reader), head, reader.edge, first);
  if (reader.playhead < tail)
    want_missing(tail, end, reader.edge, first);
}

void Picker::start_over(std::uint32_t piece, Orders &orders)
{
  orders.start_over = piece;
  orders.deadlines.clear();
  deadlines_.push_back({piece, {}});
  // The downloader has priorities of its own for what had a deadline.
  for (const auto &deadline : deadlines_)
    ordered_[deadline.piece] = unknown;
  deadlines_.clear();
}

void Picker::set_deadline(std::uint32_t piece, Orders &orders, std::chrono::nanoseconds now)
{
  if (std::ranges::find(deadlines_, piece, &Deadline::piece) != deadlines_.end())
    return;
  deadlines_.push_back({piece, now});
  orders.deadlines.push_back(piece);
}

void Picker::hurry_late(const Reader &reader, Orders &orders, std::chrono::nanoseconds now)
{
  const auto piece = reader.playhead;
  if (have_[piece] || !is_late(reader, now))
    return;
  const auto given = std::ranges::find(deadlines_, piece, &Deadline::piece);
  if (given != deadlines_.end() && now - given->since >= patience)
    start_over(piece, orders);
  set_deadline(piece, orders, now);
}

// Notes where the reader is now; true if it has gone elsewhere than on.
bool Picker::follow(const Reader &reader, Known &memory, std::chrono::nanoseconds now)
{
  const bool went_elsewhere = std::exchange(memory.seeks, reader.seeks) != reader.seeks;
  if (went_elsewhere) {
    memory.anchor = reader.playhead;
    memory.is_seeking = true;
    if (has_plenty(reader))
      memory.left = begun_;
  }
  if (have_[memory.anchor] || is_late(reader, now)) {
    memory.is_seeking = false;
    memory.left.clear();
  }
  if (!is_at_an_edge(reader) || reader.playhead == memory.base + 1)
    memory.base = reader.playhead;
  return went_elsewhere;
}

Orders Picker::plan(std::span<const Reader> readers, std::chrono::nanoseconds now,
                    bool has_others_to_ask)
{
  Orders orders;
  std::ranges::fill(wanted_, none);
  for (auto &one : readers_)
    one.is_present = false;
  for (const auto &reader : readers) {
    assert(reader.pieces.end <= have_.size());
    if (reader.playhead < reader.pieces.begin || reader.playhead >= reader.pieces.end)
      continue;
    auto &memory = known(reader);
    memory.is_present = true;
    const bool went_elsewhere = follow(reader, memory, now);
    want_for(reader, memory, readers.size() == 1);
    if (went_elsewhere && !have_[reader.playhead])
      start_over(reader.playhead, orders);
    if (has_others_to_ask)
      hurry_late(reader, orders, now);
  }
  std::erase_if(readers_, [](const Known &one) { return !one.is_present; });
  for (std::uint32_t piece = 0; piece < have_.size(); ++piece) {
    if (have_[piece] || (is_known_ && ordered_[piece] == wanted_[piece]))
      continue;
    ordered_[piece] = wanted_[piece];
    if (wanted_[piece] >= window)
      begun_[piece] = true;
    orders.priorities.emplace_back(piece, wanted_[piece]);
  }
  is_known_ = true;
  return orders;
}

}  // namespace kam::torrent
