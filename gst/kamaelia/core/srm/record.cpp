// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/record.hpp"

#include <algorithm>
#include <cassert>

namespace kam::srm {

namespace {

constexpr std::byte magic{0x4b};
constexpr std::size_t fixed_size = 8;

// In the upper four bits of the flags.
constexpr unsigned has_pts = 0x1000;
constexpr unsigned has_dts = 0x2000;
constexpr unsigned has_duration = 0x4000;
constexpr unsigned buffer_flags_mask = 0x0fff;

template <class Unsigned>
Unsigned load(const std::byte *from)
{
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value = static_cast<Unsigned>(value << 8U | std::to_integer<Unsigned>(from[i]));
  return value;
}

template <class Unsigned>
void store(std::byte *to, Unsigned value)
{
  for (std::size_t i = sizeof value; i-- > 0; value = static_cast<Unsigned>(value >> 8U))
    to[i] = static_cast<std::byte>(value & 0xffU);
}

std::size_t header_size(unsigned flags)
{
  constexpr std::size_t time_size = 8;
  std::size_t size = fixed_size;
  for (const auto flag : {has_pts, has_dts, has_duration})
    size += (flags & flag) != 0 ? time_size : 0;
  return size;
}

}  // namespace

RecordHeaderBytes::RecordHeaderBytes(const RecordHeader &header)
{
  auto flags = header.buffer_flags & buffer_flags_mask;
  auto *to = bytes_.data() + fixed_size;
  const auto add_time = [&](const std::optional<std::uint64_t> &time, unsigned flag) {
    if (!time)
      return;
    flags |= flag;
    store(to, *time);
    to += sizeof *time;
  };
  add_time(header.pts, has_pts);
  add_time(header.dts, has_dts);
  add_time(header.duration, has_duration);
  bytes_[0] = magic;
  bytes_[1] = static_cast<std::byte>(header.kind);
  store(bytes_.data() + 2, static_cast<std::uint16_t>(flags));
  store(bytes_.data() + 4, header.length);
  size_ = header_size(flags);
}

std::optional<RecordHeader> parse_record_header(Bytes bytes, std::size_t &size)
{
  if (bytes.size() < fixed_size)
    return std::nullopt;
  const auto flags = load<std::uint16_t>(&bytes[2]);
  size = header_size(flags);
  if (bytes.size() < size)
    return std::nullopt;
  RecordHeader header;
  header.kind = static_cast<RecordKind>(bytes[1]);
  header.buffer_flags = flags & buffer_flags_mask;
  header.length = load<std::uint32_t>(&bytes[4]);
  const auto *from = bytes.data() + fixed_size;
  const auto take_time = [&](std::optional<std::uint64_t> &time, unsigned flag) {
    if ((flags & flag) == 0)
      return;
    time = load<std::uint64_t>(from);
    from += 8;
  };
  take_time(header.pts, has_pts);
  take_time(header.dts, has_dts);
  take_time(header.duration, has_duration);
  return header;
}

void RecordReader::handle_loss()
{
  if (state_ != State::lost)
    ++dropped_;
  if (state_ == State::header && header_filled_ == 0)
    --dropped_;  // between two records
  lose_step();
}

void RecordReader::lose_step()
{
  state_ = State::lost;
  header_filled_ = 0;
  record_ = {};
}

void RecordReader::push(const Piece &piece, std::optional<std::size_t> message_start)
{
  auto rest = piece.bytes;
  if (state_ == State::lost) {
    if (!message_start || *message_start >= rest.size())
      return;
    rest = rest.subspan(*message_start);
    state_ = State::header;
  }
  while (!rest.empty()) {
    if (state_ == State::header) {
      rest = rest.subspan(read_header(rest));
      if (state_ == State::lost)
        return;  // what follows cannot be told apart until the next message is marked
    } else {
      const auto taken = rest.first(std::min(rest.size(), missing_));
      record_.payload.push_back({taken, piece.owner});
      missing_ -= taken.size();
      rest = rest.subspan(taken.size());
    }
    if (state_ == State::payload && missing_ == 0)
      finish_record();
  }
}

// Takes what it needs of the bytes and says how many that was.
std::size_t RecordReader::read_header(Bytes bytes)
{
  std::size_t used = 0;
  const auto fill_to = [&](std::size_t size) {
    while (header_filled_ < size && used < bytes.size())
      header_[header_filled_++] = bytes[used++];
    return header_filled_ == size;
  };
  if (!fill_to(fixed_size))
    return used;
  const auto size = header_size(load<std::uint16_t>(&header_[2]));
  if (header_[0] != magic) {
    ++dropped_;
    lose_step();
    return used;
  }
  if (!fill_to(size))
    return used;
  std::size_t parsed_size = 0;
  record_.header = *parse_record_header(Bytes{header_}.first(size), parsed_size);
  if (record_.header.length > max_length_) {
    ++dropped_;
    lose_step();
    return used;
  }
  header_filled_ = 0;
  missing_ = record_.header.length;
  state_ = State::payload;
  return used;
}

void RecordReader::finish_record()
{
  records_.push_back(std::exchange(record_, {}));
  state_ = State::header;
}

std::optional<Record> RecordReader::poll()
{
  if (records_.empty())
    return std::nullopt;
  auto record = std::move(records_.front());
  records_.pop_front();
  return record;
}

}  // namespace kam::srm
