// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/dechunker.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kam::framing {
namespace {

// Collected data grows by at most this much before its size is checked again.
constexpr std::size_t collect_step = std::size_t{64} << 10U;

std::vector<std::size_t> borders_of(Bytes sync)
{
  std::vector<std::size_t> borders(sync.size() + 1, 0);
  std::size_t border = 0;
  for (std::size_t i = 1; i < sync.size(); ++i) {
    while (border > 0 && sync[i] != sync[border])
      border = borders[border];
    if (sync[i] == sync[border])
      ++border;
    borders[i + 1] = border;
  }
  return borders;
}

}  // namespace

Dechunker::Dechunker(Sync sync, Limits limits)
    : sync_{std::move(sync)},
      borders_{borders_of(sync_.bytes())},
      limits_{limits},
      unescaper_{sync_}
{
  const auto period = sync_.size() - borders_.back();
  period_ = sync_.size() % period == 0 ? period : sync_.size();
}

void Dechunker::feed(Bytes input, bool end)
{
  input_ = input;
  end_of_stream_ = end;
  position_ = 0;
  body_begin_ = 0;
  carried_ = run_;
}

void Dechunker::reset()
{
  feed({});
  state_ = State::searching;
  run_ = 0;
  carried_ = 0;
  empty_chunks_ = 0;
  damaged_ = false;
  collected_ = {};
  collected_wire_size_ = 0;
  unescaper_.reset();
}

std::optional<Chunk> Dechunker::poll_chunk()
{
  for (;;) {
    if (empty_chunks_ > 0) {
      --empty_chunks_;
      ++stats_.chunks;
      return Chunk{};
    }
    scan();
    const bool at_end = position_ == input_.size();
    if (run_ >= sync_.size() && (!at_end || end_of_stream_)) {
      if (auto chunk = end_chunks_at_run())
        return chunk;
      continue;
    }
    if (!at_end) {
      leave_partial_sync(input_[position_]);
      continue;
    }
    if (!end_of_stream_) {
      keep_for_later(input_.size() - run_in_input());
      return std::nullopt;
    }
    // The last chunk: the start of a sync that never came is a part of it.
    damaged_ |= run_ > 0;
    append_to_body(sync_.bytes().first(std::exchange(carried_, 0)));
    run_ = 0;
    end_of_stream_ = false;
    auto chunk = end_chunk(input_.size());
    state_ = State::searching;
    return chunk;
  }
}

// Moves on to where a sync, or what looked like the start of one, ends.
void Dechunker::scan()
{
  const auto sync = sync_.bytes();
  if (run_ == 0) {
    if (position_ == input_.size())
      return;
    const auto *const found = static_cast<const std::byte *>(std::memchr(
        &input_[position_], std::to_integer<int>(sync.front()), input_.size() - position_));
    if (!found) {
      position_ = input_.size();
      return;
    }
    position_ = static_cast<std::size_t>(found - input_.data());
    const auto rest = input_.subspan(position_);
    run_ = rest.size() >= sync.size() && std::ranges::equal(rest.first(sync.size()), sync)
               ? sync.size()
               : 1;
    position_ += run_;
  }
  std::size_t phase = run_ % period_;
  while (position_ < input_.size() && input_[position_] == sync[phase]) {
    ++position_;
    ++run_;
    if (++phase == period_)
      phase = 0;
  }
}

// What looked like a sync is none, as `next` shows: all but the part of it that may still
// begin one is data.
void Dechunker::leave_partial_sync(std::byte next)
{
  const auto sync = sync_.bytes();
  auto kept = run_;
  while (kept > 0 && sync[kept] != next)
    kept = borders_[kept];
  const auto stray = run_ - kept;
  const auto stray_carried = std::min(stray, carried_);
  append_to_body(sync.first(stray_carried));
  carried_ -= stray_carried;
  run_ = kept;
  damaged_ |= stray > 0;
}

// One or more syncs end here. They are aligned to the end of the run, because what is lost
// or doubled of a sync shows as bytes too many before it.
std::optional<Chunk> Dechunker::end_chunks_at_run()
{
  const auto size = sync_.size();
  const auto tail = run_ % period_;
  const auto whole = run_ - tail;
  const auto syncs = whole / size;
  const auto stray = whole % size;

  const auto stray_carried = std::min(stray, carried_);
  damaged_ |= stray > 0;
  // A run begins with the sync's first byte, whatever its length is.
  for (std::size_t i = 0; i < stray_carried; ++i)
    append_to_body(sync_.bytes().subspan(i % period_, 1));
  const auto body_end = position_ - run_in_input() + (stray - stray_carried);
  auto chunk = end_chunk(body_end);

  state_ = State::collecting;
  empty_chunks_ = syncs - 1;
  run_ = tail;
  carried_ = tail > position_ ? tail - position_ : 0;
  body_begin_ = position_ - run_in_input();
  return chunk;
}

// The open chunk ends before `body_end` of the input.
std::optional<Chunk> Dechunker::end_chunk(std::size_t body_end)
{
  const auto body = input_.subspan(body_begin_, body_end - body_begin_);
  const bool begun_earlier = collected_wire_size_ > 0;
  if (begun_earlier || state_ != State::collecting || body.size() > limits_.max_chunk_size)
    append_to_body(body);
  const auto pending = unescaper_.finish();
  body_begin_ = body_end;
  const bool damaged = std::exchange(damaged_, false);
  if (state_ != State::collecting)
    return std::nullopt;

  Chunk chunk;
  chunk.damaged = damaged;
  if (begun_earlier || body.size() > limits_.max_chunk_size) {
    collected_.insert(collected_.end(), pending.begin(), pending.end());
    if (collected_.size() > limits_.max_chunk_size) {
      drop_oversize();
      return std::nullopt;
    }
    chunk.collected = std::exchange(collected_, {});
    collected_wire_size_ = 0;
    chunk.body = chunk.collected;
  } else {
    chunk.in_input = true;
    chunk.body = body;
    chunk.escaped = !body.empty() && std::memchr(body.data(), '%', body.size()) != nullptr;
  }
  ++stats_.chunks;
  stats_.damaged += damaged ? 1 : 0;
  return chunk;
}

void Dechunker::append_to_body(Bytes bytes)
{
  while (!bytes.empty() && state_ == State::collecting) {
    const auto step = bytes.first(std::min(bytes.size(), collect_step));
    const auto old_size = collected_.size();
    make_room(old_size + step.size() + 2);
    collected_.resize(old_size + step.size() + 2);
    const auto added = unescaper_.decode(step, MutableBytes{collected_}.subspan(old_size));
    collected_.resize(old_size + added);
    bytes = bytes.subspan(step.size());
    collected_wire_size_ += step.size();
    if (collected_.size() > limits_.max_chunk_size)
      drop_oversize();
  }
  if (state_ != State::collecting)
    stats_.bytes_skipped += bytes.size();
}

// Grows by doubling at first. A chunk that gets large is given all it may have in one step
// (pages that are not written cost nothing), so that outgrown blocks do not pile up.
void Dechunker::make_room(std::size_t size)
{
  constexpr std::size_t large = std::size_t{64} << 10U;
  constexpr std::size_t one_step = std::size_t{4} << 20U;
  const auto capacity = collected_.capacity();
  if (size <= capacity)
    return;
  const auto most = limits_.max_chunk_size + collect_step + 2;
  const auto next = std::max(size, 2 * capacity);
  collected_.reserve(std::min(most, size <= large ? next : std::max(next, one_step)));
}

void Dechunker::drop_oversize()
{
  stats_.bytes_skipped += std::exchange(collected_wire_size_, 0);
  ++stats_.oversize;
  collected_ = {};
  unescaper_.reset();
  state_ = State::oversize;
}

void Dechunker::keep_for_later(std::size_t body_end)
{
  append_to_body(input_.subspan(body_begin_, body_end - body_begin_));
  input_ = {};
  position_ = 0;
  body_begin_ = 0;
  carried_ = run_;
}

}  // namespace kam::framing
