// SPDX-License-Identifier: LGPL-2.1-or-later
//   page: "OggS" <version 0> <flags> <granule position: 8> <serial: 4> <sequence: 4> <CRC: 4>
//         <number of segments n> <their sizes: n> <data>
#include "core/media/formats.hpp"

#include "core/media/big_endian.hpp"

#include <algorithm>
#include <numeric>

namespace kam::media {
namespace {

constexpr std::size_t fixed_size = 27;
constexpr unsigned flag_continued = 1;
constexpr unsigned flag_begin = 2;
constexpr unsigned flag_end = 4;
constexpr std::string_view capture_pattern{"OggS\0", 5};

std::uint32_t serial_of(Bytes page)
{
  return byte_at(page, 14) | byte_at(page, 15) << 8U | byte_at(page, 16) << 16U |
         byte_at(page, 17) << 24U;
}

}  // namespace

void OggIndexer::forget()
{
  logicals_.clear();
  collected_.clear();
  headers_ = nullptr;
  in_data_ = false;
}

void OggIndexer::begin_logical(std::uint32_t serial, Bytes packet)
{
  struct Codec {
    std::string_view mark;
    unsigned headers;
  };
  static constexpr std::array codecs{
      Codec{"OpusHead", 2}, Codec{"\x01vorbis", 3}, Codec{"\x80theora", 3},
      Codec{"Speex   ", 2}, Codec{"OVP80", 2},      Codec{"fishead", ~0U},
  };
  constexpr std::string_view flac{
      "\x7f"
      "FLAC"};
  const auto text = as_text(packet);
  Logical logical{.headers_left = ~0U, .by_position = true};
  for (const auto &codec : codecs)
    if (text.starts_with(codec.mark))
      logical = {codec.headers, false};
  if (text.starts_with(flac) && packet.size() >= 9)
    logical = {1 + static_cast<unsigned>(big_endian(packet, 7, 2)), false};
  logicals_[serial] = logical;
}

void OggIndexer::handle_header_page(Logical &logical, Bytes page, Bytes segments)
{
  if (collected_.size() + page.size() <= max_headers_size)
    collected_.insert(collected_.end(), page.begin(), page.end());
  const auto packets = static_cast<unsigned>(
      std::ranges::count_if(segments, [](std::byte size) { return size != std::byte{255}; }));
  if (logical.headers_left != ~0U)
    logical.headers_left -= std::min(logical.headers_left, packets);
  // Skeleton says when it ends, and is nothing but headers.
  if ((byte_at(page, 5) & flag_end) != 0)
    logical.headers_left = 0;
}

bool OggIndexer::has_headers()
{
  if (headers_)
    return true;
  const bool complete = !logicals_.empty() && std::ranges::all_of(logicals_, [](auto &entry) {
    return entry.second.headers_left == 0;
  });
  if (complete && !collected_.empty())
    headers_ = share(collected_);
  return static_cast<bool>(headers_);
}

Indexer::Step OggIndexer::step(Bytes window, std::uint64_t offset,
                               std::vector<JoinPoint> &joins)
{
  if (window.size() < fixed_size)
    return {.need = fixed_size};
  if (!as_text(window).starts_with(capture_pattern)) {
    const auto next = as_text(window).find(capture_pattern, 1);
    return {.take = next != std::string_view::npos
                        ? next
                        : window.size() - (capture_pattern.size() - 1)};
  }
  const std::size_t head_size = fixed_size + byte_at(window, 26);
  if (window.size() < head_size)
    return {.need = head_size};
  const auto segments = window.subspan(fixed_size, head_size - fixed_size);
  const auto body = std::accumulate(
      segments.begin(), segments.end(), std::size_t{0},
      [](std::size_t sum, std::byte size) { return sum + std::to_integer<std::size_t>(size); });
  const auto flags = byte_at(window, 5);
  const auto serial = serial_of(window);
  const bool begins = (flags & flag_begin) != 0;
  if (begins && window.size() < head_size + body)
    return {.need = head_size + body};
  if (begins) {
    if (in_data_)
      forget();
    constexpr std::size_t max_logicals = 32;
    if (logicals_.size() < max_logicals)
      begin_logical(serial, window.subspan(head_size, body));
  }
  const auto logical = logicals_.find(serial);
  if (logical != logicals_.end() && logical->second.headers_left > 0) {
    constexpr std::uint64_t nowhere = ~std::uint64_t{0};
    const auto position = big_endian(window, 6, 8);  // only compared with what is symmetric
    if (!logical->second.by_position || position == 0 || position == nowhere) {
      if (window.size() < head_size + body)
        return {.need = head_size + body};
      handle_header_page(logical->second, window.first(head_size + body), segments);
      return {.take = head_size + body};
    }
    logical->second.headers_left = 0;
  }
  in_data_ = true;
  if ((flags & flag_continued) == 0 && has_headers())
    joins.push_back({offset, headers_});
  return {.take = head_size, .skip = body};
}

}  // namespace kam::media
