// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/listener_cursor.hpp"

#include "core/icy/muxer.hpp"

#include <algorithm>

namespace kam::http {
namespace {

// The rest of a unit up to this size is put aside for a listener that is taken somewhere else.
constexpr std::uint64_t largest_owed = 8192;

Bytes from(Bytes bytes, std::size_t at)
{
  return bytes.subspan(std::min(at, bytes.size()));
}

bool are_same(const media::SharedBytes &a, const media::SharedBytes &b)
{
  return a == b || (a && b && *a == *b);
}

}  // namespace

void ListenerCursor::begin(const Broadcast::Join &join)
{
  has_begun_ = true;
  headers_ = join.headers;
  next_.in_headers = 0;
  next_.offset = join.offset;
  origin_ = join.time;
}

ListenerCursor::Piece ListenerCursor::piece_at(const Broadcast &broadcast,
                                               const Position &position) const
{
  if (position.in_head < head_.size())
    return {Kind::head, from(as_bytes(head_), position.in_head), nullptr};
  if (!has_begun_)
    return {};
  if (metaint_ > 0 && position.until_block == 0) {
    if (block_ && position.in_block > 0)
      return {Kind::block, from(*block_, position.in_block), nullptr};
    const auto *title = broadcast.title_at(position.offset);
    if (title && title->number != position.last_title)
      return {Kind::block, *title->block, title};
    return {Kind::block, Bytes{&icy::empty_block, 1}, nullptr};
  }
  Piece piece;
  if (owed_.size() > position.in_owed)
    piece = {Kind::owed, from(owed_, position.in_owed), nullptr};
  else if (headers_ && position.in_headers < headers_->size())
    piece = {Kind::headers, from(*headers_, position.in_headers), nullptr};
  else if (!jump_ || position.offset != jump_from_)
    piece = {Kind::stream, broadcast.log().at(position.offset), nullptr};
  if (piece.kind == Kind::stream && jump_)
    piece.bytes = piece.bytes.first(static_cast<std::size_t>(
        std::min<std::uint64_t>(piece.bytes.size(), jump_from_ - position.offset)));
  if (metaint_ > 0)
    piece.bytes =
        piece.bytes.first(std::min<std::size_t>(piece.bytes.size(), position.until_block));
  return piece;
}

void ListenerCursor::pass(Position &position, const Piece &piece, std::size_t size) const
{
  switch (piece.kind) {
  case Kind::nothing: return;
  case Kind::head: position.in_head += size; return;
  case Kind::block:
    if (piece.title)
      position.last_title = piece.title->number;
    position.in_block += size;
    if (size == piece.bytes.size()) {
      position.in_block = 0;
      position.until_block = metaint_;
    }
    return;
  case Kind::headers: position.in_headers += size; break;
  case Kind::owed: position.in_owed += size; break;
  case Kind::stream: position.offset += size; break;
  }
  if (metaint_ > 0)
    position.until_block -= static_cast<std::uint32_t>(size);
}

std::size_t ListenerCursor::gather(const Broadcast &broadcast, std::span<Bytes> pieces) const
{
  auto position = next_;
  std::size_t count = 0;
  while (count < pieces.size()) {
    const auto piece = piece_at(broadcast, position);
    if (piece.bytes.empty())
      break;
    pieces[count++] = piece.bytes;
    pass(position, piece, piece.bytes.size());
  }
  return count;
}

void ListenerCursor::advance(const Broadcast &broadcast, std::size_t sent)
{
  bytes_sent_ += sent;
  while (sent > 0) {
    const auto piece = piece_at(broadcast, next_);
    const auto size = std::min(sent, piece.bytes.size());
    if (piece.title && size < piece.bytes.size())
      block_ = piece.title->block;
    pass(next_, piece, size);
    sent -= size;
  }
  if (!head_.empty() && next_.in_head == head_.size()) {
    head_ = {};
    next_.in_head = 0;
  }
  if (next_.in_block == 0)
    block_ = nullptr;
  jump_if_there();
}

bool ListenerCursor::is_at_end(const Broadcast &broadcast) const
{
  return piece_at(broadcast, next_).bytes.empty();
}

void ListenerCursor::jump_if_there()
{
  if (!owed_.empty() && next_.in_owed == owed_.size()) {
    owed_ = {};
    next_.in_owed = 0;
  }
  if (!jump_ || !owed_.empty() || next_.offset != jump_from_)
    return;
  if (!are_same(headers_, jump_->headers)) {
    headers_ = jump_->headers;
    next_.in_headers = 0;
  }
  next_.offset = jump_->offset;
  jump_.reset();
}

// Copies the rest of a unit, so that it can be sent whole after it was forgotten.
void ListenerCursor::put_aside(const ByteLog &log, std::uint64_t end)
{
  while (next_.offset < end) {
    const auto part = log.at(next_.offset);
    const auto size = std::min<std::uint64_t>(part.size(), end - next_.offset);
    owed_.insert(owed_.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(size));
    next_.offset += size;
  }
}

ListenerCursor::Lag ListenerCursor::keep_up(const Broadcast &broadcast,
                                            std::optional<Broadcast::Burst> burst)
{
  if (!has_begun_ || next_.offset >= broadcast.lag_limit())
    return Lag::none;
  const auto *target = burst ? broadcast.join(*burst) : nullptr;
  const bool is_fresh =
      !jump_ && (!head_.empty() || (headers_ && next_.in_headers < headers_->size()));
  const bool is_forgotten =
      next_.offset < broadcast.log().begin() && owed_.empty() && !is_fresh;
  if (!target || is_forgotten)
    return Lag::lost;
  if (jump_) {
    origin_ += target->time - jump_->time;
    jump_ = *target;
    return Lag::none;
  }
  if (is_fresh) {
    // Nothing of the stream was sent yet; but headers that were begun have to be the same.
    if (next_.in_headers > 0 && !are_same(headers_, target->headers))
      return Lag::lost;
    origin_ = target->time;
    jump_from_ = next_.offset;
  } else {
    const auto *unit_end = broadcast.next_join(next_.offset);
    if (!unit_end || target->offset <= unit_end->offset)
      return Lag::none;
    origin_ += target->time - unit_end->time;
    jump_from_ = unit_end->offset;
    if (jump_from_ - next_.offset <= largest_owed)
      put_aside(broadcast.log(), jump_from_);
  }
  jump_ = *target;
  jump_if_there();
  return Lag::jumped;
}

}  // namespace kam::http
