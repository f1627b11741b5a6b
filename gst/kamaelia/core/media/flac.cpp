// SPDX-License-Identifier: LGPL-2.1-or-later
//   "fLaC" <format> *( <block> )  *( frame )
//   block: <1: is last, 7: type> <size: 3> <data>; the format is one of type 0 and 34 bytes
//   frame: <14: sync, 1: 0, 1: sizes vary> <4: block size, 4: rate> <4: channels, 3: bits, 1:
//   0>
//          <number of the frame, or of its first sample, as UTF-8 would write it>
//          [<block size: 1 or 2>] [<rate: 1 or 2>] <CRC-8> …
#include "core/media/formats.hpp"

#include "core/media/big_endian.hpp"

#include <algorithm>
#include <bit>

namespace kam::media {
namespace {

constexpr std::string_view mark = "fLaC";
constexpr std::size_t block_head_size = 4;
constexpr std::size_t beginning_size = mark.size() + block_head_size;
constexpr unsigned type_format = 0;
constexpr unsigned type_comments = 4;
constexpr std::size_t largest_frame_head = 16;

// Whether a stream begins there, as far as can be seen. The mark alone is in the sound of a
// station once a day; the block that has to follow, of 34 bytes, makes it too rare to matter.
bool may_begin_stream(Bytes bytes)
{
  const auto text = as_text(bytes);
  constexpr std::string_view size_of_format{"\0\0\x22", 3};
  constexpr auto type_at = mark.size();
  return mark.starts_with(text.substr(0, mark.size())) &&
         (text.size() <= type_at || (byte_at(bytes, type_at) & 0x7fU) == type_format) &&
         (text.size() <= type_at + 1 ||
          size_of_format.starts_with(text.substr(type_at + 1, size_of_format.size())));
}

// Where a frame or a stream may begin; the size of `bytes` if nowhere.
std::size_t find_beginning(Bytes bytes)
{
  constexpr std::string_view firsts{"\xff\x66"};
  static_assert(firsts[1] == mark[0]);
  const auto text = as_text(bytes);
  auto at = text.find_first_of(firsts);
  while (at != std::string_view::npos && text[at] == mark[0] &&
         !may_begin_stream(bytes.subspan(at)))
    at = text.find_first_of(firsts, at + 1);
  return std::min(at, bytes.size());
}

std::uint8_t crc8(Bytes bytes)
{
  unsigned crc = 0;
  for (const auto byte : bytes) {
    crc ^= std::to_integer<unsigned>(byte);
    for (int i = 0; i < 8; ++i)
      crc = (crc & 0x80U) != 0 ? (crc << 1U ^ 0x07U) & 0xffU : crc << 1U;
  }
  return static_cast<std::uint8_t>(crc);
}

struct FrameHead {
  std::uint64_t number = 0;
  std::uint64_t next_number = 0;
};

std::uint64_t block_size_of(unsigned code, Bytes extra)
{
  if (code == 1)
    return 192;
  if (code >= 2 && code <= 5)
    return std::uint64_t{576} << (code - 2);
  if (code == 6 || code == 7)
    return big_endian(extra, 0, code - 5) + 1;
  return std::uint64_t{256} << (code - 8);
}

// `window` has at least `largest_frame_head` bytes.
std::optional<FrameHead> frame_head(Bytes window)
{
  const auto sizes = byte_at(window, 2) >> 4U;
  const auto rate = byte_at(window, 2) & 0xfU;
  const auto channels = byte_at(window, 3) >> 4U;
  if (byte_at(window, 0) != 0xff || (byte_at(window, 1) & 0xfeU) != 0xf8 || sizes == 0 ||
      rate == 15 || channels > 10 || (byte_at(window, 3) & 1U) != 0)
    return std::nullopt;
  std::size_t at = 4;
  const auto ones =
      static_cast<std::size_t>(std::countl_one(std::to_integer<unsigned char>(window[at])));
  if (ones == 1 || ones > 7)
    return std::nullopt;
  std::uint64_t number = byte_at(window, at++) & (0x7fU >> ones);
  for (std::size_t i = 1; i < ones; ++i, ++at) {
    if ((byte_at(window, at) & 0xc0U) != 0x80)
      return std::nullopt;
    number = number << 6U | (byte_at(window, at) & 0x3fU);
  }
  const auto block_size = block_size_of(sizes, window.subspan(at));
  at += sizes == 6 ? 1 : sizes == 7 ? 2 : 0;
  at += rate == 12 ? 1 : rate == 13 || rate == 14 ? 2 : 0;
  if (crc8(window.first(at)) != byte_at(window, at))
    return std::nullopt;
  const bool sizes_vary = (byte_at(window, 1) & 1U) != 0;
  return FrameHead{number, number + (sizes_vary ? block_size : 1)};
}

}  // namespace

void FlacIndexer::forget()
{
  state_ = State::lost;
  collected_.clear();
  headers_ = nullptr;
  next_number_.reset();
  candidate_.reset();
}

void FlacIndexer::end_metadata()
{
  collected_[last_block_] |= std::byte{0x80};
  headers_ = share(collected_);
  state_ = State::frames;
}

Indexer::Step FlacIndexer::handle_metadata(Bytes window)
{
  if (window.size() < block_head_size)
    return {.need = block_head_size};
  const auto type = byte_at(window, 0) & 0x7fU;
  const bool is_last = (byte_at(window, 0) & 0x80U) != 0;
  const auto whole = block_head_size + static_cast<std::size_t>(big_endian(window, 1, 3));
  const bool is_kept = (type == type_format || type == type_comments) &&
                       collected_.size() + whole <= max_headers_size;
  if (is_kept && window.size() < whole)
    return {.need = whole};
  if (is_kept) {
    last_block_ = collected_.size();
    collected_.insert(collected_.end(), window.begin(),
                      window.begin() + static_cast<std::ptrdiff_t>(whole));
    collected_[last_block_] &= std::byte{0x7f};
  }
  if (is_last)
    end_metadata();
  return {.take = block_head_size, .skip = whole - block_head_size};
}

Indexer::Step FlacIndexer::handle_frame(Bytes window, std::uint64_t offset,
                                        std::vector<JoinPoint> &joins)
{
  if (const auto beginning = find_beginning(window); beginning > 0)
    return {.take = beginning};
  if (window.size() < largest_frame_head)
    return {.need = largest_frame_head};
  const auto head = frame_head(window);
  if (!head)
    return {.take = 1};
  // A check sum of eight bits is right by chance too; a number that is the next one is not.
  const bool is_next = head->number == next_number_ || head->number == candidate_;
  (is_next ? next_number_ : candidate_) = head->next_number;
  if (is_next && headers_)
    joins.push_back({offset, headers_});
  return {.take = largest_frame_head / 2};
}

Indexer::Step FlacIndexer::step(Bytes window, std::uint64_t offset,
                                std::vector<JoinPoint> &joins)
{
  if (state_ == State::metadata)
    return handle_metadata(window);
  if (may_begin_stream(window)) {
    if (window.size() < beginning_size)
      return {.need = beginning_size};
    forget();
    const auto bytes = as_bytes(mark);
    collected_.assign(bytes.begin(), bytes.end());
    last_block_ = 0;
    state_ = State::metadata;
    next_number_ = 0;
    return {.take = mark.size()};
  }
  return handle_frame(window, offset, joins);
}

}  // namespace kam::media
