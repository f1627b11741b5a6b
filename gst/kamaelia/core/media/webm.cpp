// SPDX-License-Identifier: LGPL-2.1-or-later
//   element: <id: 1 to 4 bytes> <size: 1 to 8 bytes> <data>
//   EBML, Segment { Info, Tracks, Cluster { Timecode, SimpleBlock …, BlockGroup { Block } } … }
//
// Segments, clusters and block groups are entered, not skipped; so it does not matter whether
// they say how large they are.
#include "core/media/formats.hpp"

#include "core/media/big_endian.hpp"

#include <algorithm>
#include <bit>

namespace kam::media {
namespace {

constexpr std::uint64_t id_ebml = 0x1a45dfa3;
constexpr std::uint64_t id_segment = 0x18538067;
constexpr std::uint64_t id_info = 0x1549a966;
constexpr std::uint64_t id_tracks = 0x1654ae6b;
constexpr std::uint64_t id_tags = 0x1254c367;
constexpr std::uint64_t id_cluster = 0x1f43b675;
constexpr std::uint64_t id_block_group = 0xa0;
constexpr std::uint64_t id_block = 0xa1;
constexpr std::uint64_t id_simple_block = 0xa3;
constexpr std::uint64_t id_track_entry = 0xae;
constexpr std::uint64_t id_track_number = 0xd7;
constexpr std::uint64_t id_track_type = 0x83;
constexpr unsigned track_type_video = 1;
constexpr unsigned flag_key = 0x80;

// How many bytes a number has that begins with this one; 9 if none does.
std::size_t number_size(Bytes bytes)
{
  return static_cast<std::size_t>(
             std::countl_zero(std::to_integer<unsigned char>(bytes.front()))) +
         1;
}

struct Element {
  std::uint64_t id = 0;
  std::uint64_t size = 0;
  bool has_size = false;      // else it ends where something else begins
  std::size_t head_size = 0;  // 0: not all of it is there; more than that: no element
  std::size_t id_size = 0;
};
constexpr std::size_t no_element = ~std::size_t{0};

Element element_at(Bytes bytes)
{
  Element element;
  element.id_size = number_size(bytes);
  if (element.id_size > 4)
    return {.head_size = no_element};
  if (bytes.size() <= element.id_size)
    return {};
  const auto size_size = number_size(bytes.subspan(element.id_size));
  if (size_size > 8)
    return {.head_size = no_element};
  if (bytes.size() < element.id_size + size_size)
    return {};
  const auto mask = (std::uint64_t{1} << (7 * size_size)) - 1;
  element.id = big_endian(bytes, 0, element.id_size);
  element.size = big_endian(bytes, element.id_size, size_size) & mask;
  element.has_size = element.size != mask;
  element.head_size = element.id_size + size_size;
  return element;
}

// Calls `take(element, its data)` for each element in `bytes` that is there in whole.
template <class Take>
void for_each_element(Bytes bytes, Take take)
{
  while (!bytes.empty()) {
    const auto element = element_at(bytes);
    if (element.head_size == 0 || element.head_size == no_element ||
        element.size > bytes.size() - element.head_size)
      return;
    take(element, bytes.subspan(element.head_size, static_cast<std::size_t>(element.size)));
    bytes = bytes.subspan(element.head_size + static_cast<std::size_t>(element.size));
  }
}

bool is_kept(std::uint64_t id)
{
  // Where things are in the file (SeekHead, Cues) means nothing to who joins later.
  return id == id_ebml || id == id_info || id == id_tracks || id == id_tags;
}

}  // namespace

void WebmIndexer::forget()
{
  collected_.clear();
  is_collecting_ = false;
  headers_ = nullptr;
  video_tracks_.clear();
  cluster_.reset();
}

void WebmIndexer::collect(Bytes element)
{
  if (collected_.size() + element.size() <= max_headers_size)
    collected_.insert(collected_.end(), element.begin(), element.end());
}

void WebmIndexer::read_tracks(Bytes tracks)
{
  video_tracks_.clear();
  for_each_element(tracks, [this](const Element &entry, Bytes fields) {
    if (entry.id != id_track_entry)
      return;
    std::uint64_t number = 0;
    std::uint64_t type = 0;
    for_each_element(fields, [&](const Element &field, Bytes value) {
      if (value.size() > 8)
        return;
      if (field.id == id_track_number)
        number = big_endian(value, 0, value.size());
      else if (field.id == id_track_type)
        type = big_endian(value, 0, value.size());
    });
    if (type == track_type_video)
      video_tracks_.push_back(number);
  });
}

// The first picture of a cluster decides about it.
Indexer::Step WebmIndexer::handle_block(Bytes element, std::uint64_t size, bool is_simple,
                                        std::vector<JoinPoint> &joins)
{
  const auto head_size = element_at(element).head_size;
  constexpr std::size_t largest_block_head = 8 + 2 + 1;  // track, time, flags
  const auto needed =
      head_size + static_cast<std::size_t>(std::min<std::uint64_t>(size, largest_block_head));
  if (element.size() < needed)
    return {.need = needed};
  const auto block = element.subspan(head_size, needed - head_size);
  const Step passed{.take = head_size, .skip = size};
  if (!cluster_ || block.empty())
    return passed;
  const auto track_size = number_size(block);
  if (track_size > 8 || block.size() < track_size + 3)
    return passed;
  const auto track =
      big_endian(block, 0, track_size) & ((std::uint64_t{1} << (7 * track_size)) - 1);
  const bool is_video = std::ranges::find(video_tracks_, track) != video_tracks_.end();
  if (!video_tracks_.empty() && !is_video)
    return passed;
  const bool is_key = !is_simple || (byte_at(block, track_size + 2) & flag_key) != 0;
  if (headers_ && (video_tracks_.empty() || is_key))
    joins.push_back({*cluster_, headers_});
  cluster_.reset();
  return passed;
}

Indexer::Step WebmIndexer::step(Bytes window, std::uint64_t offset,
                                std::vector<JoinPoint> &joins)
{
  const auto element = element_at(window);
  if (element.head_size == no_element)
    return {.take = 1};
  if (element.head_size == 0)
    return {.need = window.size() + 1};
  const Step entered{.take = element.head_size};
  switch (element.id) {
  case id_segment: {
    // Who joins later gets another amount than this says, so it says nothing any more.
    collect(window.first(element.id_size));
    constexpr std::array unknown{std::byte{0x01}, std::byte{0xff}, std::byte{0xff},
                                 std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                 std::byte{0xff}, std::byte{0xff}};
    collect(unknown);
    return entered;
  }
  case id_cluster:
    if (is_collecting_)
      headers_ = share(collected_);
    is_collecting_ = false;
    cluster_ = offset;
    return entered;
  case id_block_group: return entered;
  case id_block:
  case id_simple_block:
    if (!element.has_size)
      return {.take = 1};
    return handle_block(window, element.size, element.id == id_simple_block, joins);
  default: break;
  }
  if (!element.has_size)
    return {.take = 1};
  if (element.id == id_ebml) {
    forget();
    is_collecting_ = true;
  }
  if (!is_collecting_ || !is_kept(element.id) || element.size > max_headers_size)
    return {.take = element.head_size, .skip = element.size};
  const auto whole = element.head_size + static_cast<std::size_t>(element.size);
  if (window.size() < whole)
    return {.need = whole};
  collect(window.first(whole));
  if (element.id == id_tracks)
    read_tracks(window.subspan(element.head_size, whole - element.head_size));
  return {.take = whole};
}

}  // namespace kam::media
