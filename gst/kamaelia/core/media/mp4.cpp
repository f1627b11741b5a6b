// SPDX-License-Identifier: LGPL-2.1-or-later
//   box: <size: 4> <type: 4> [<size: 8>] <data>
//   ftyp, moov { trak { tkhd, mdia { hdlr } }, mvex { trex } },
//   [styp] [sidx] moof { traf { tfhd, trun } } mdat, moof mdat …
#include "core/media/formats.hpp"

#include "core/media/big_endian.hpp"

#include <algorithm>

namespace kam::media {
namespace {

constexpr std::size_t small_head_size = 8;
constexpr std::size_t large_head_size = 16;
constexpr std::uint32_t flag_is_no_sync_sample = 0x10000;

struct Box {
  std::string_view type;
  Bytes data;
};

// Calls `take(box)` for each box in `bytes` that is there in whole.
template <class Take>
void for_each_box(Bytes bytes, Take take)
{
  while (bytes.size() >= small_head_size) {
    const auto size = big_endian(bytes, 0, 4);
    if (size < small_head_size || size > bytes.size())
      return;
    const auto whole = bytes.first(static_cast<std::size_t>(size));
    take(Box{as_text(whole.subspan(4, 4)), whole.subspan(small_head_size)});
    bytes = bytes.subspan(whole.size());
  }
}

// Nothing if it is not there.
Bytes find_box(Bytes bytes, std::string_view type)
{
  Bytes found;
  for_each_box(bytes, [&](const Box &box) {
    if (found.empty() && box.type == type)
      found = box.data;
  });
  return found;
}

std::uint32_t number_at(Bytes bytes, std::size_t at)
{
  return bytes.size() < at + 4 ? 0 : static_cast<std::uint32_t>(big_endian(bytes, at, 4));
}

bool belongs_to_next(std::string_view type)
{
  return type == "styp" || type == "sidx" || type == "emsg" || type == "prft";
}

}  // namespace

void Mp4Indexer::forget()
{
  file_type_.clear();
  headers_ = nullptr;
  tracks_.clear();
  has_video_ = false;
  unit_.reset();
}

void Mp4Indexer::read_movie(Bytes moov)
{
  constexpr std::size_t max_tracks = 64;
  tracks_.clear();
  has_video_ = false;
  for_each_box(moov, [this](const Box &box) {
    if (box.type == "trak" && tracks_.size() < max_tracks) {
      const auto header = find_box(box.data, "tkhd");
      const auto handler = find_box(find_box(box.data, "mdia"), "hdlr");
      const bool is_long = !header.empty() && header[0] == std::byte{1};
      const bool is_video = handler.size() >= 12 && as_text(handler.subspan(8, 4)) == "vide";
      tracks_[number_at(header, is_long ? 20 : 12)].is_video = is_video;
      has_video_ = has_video_ || is_video;
    }
    if (box.type == "mvex")
      for_each_box(box.data, [this](const Box &extends) {
        const auto track = tracks_.find(number_at(extends.data, 4));
        if (extends.type == "trex" && track != tracks_.end())
          track->second.default_flags = number_at(extends.data, 20);
      });
  });
}

// Whether the first sample of a track's run is one to begin at.
bool Mp4Indexer::is_key(Bytes traf) const
{
  const auto header = find_box(traf, "tfhd");
  const auto run = find_box(traf, "trun");
  const auto track = tracks_.find(number_at(header, 4));
  if (track == tracks_.end() || !track->second.is_video || run.empty())
    return false;
  auto flags = track->second.default_flags;
  const auto header_flags = number_at(header, 0);
  if ((header_flags & 0x20U) != 0) {
    std::size_t at = 8;
    for (const auto &[bit, size] :
         {std::pair{0x01U, 8U}, {0x02U, 4U}, {0x08U, 4U}, {0x10U, 4U}})
      at += (header_flags & bit) != 0 ? size : 0;
    flags = number_at(header, at);
  }
  const auto run_flags = number_at(run, 0);
  const std::size_t first_flags = (run_flags & 0x01U) != 0 ? 12 : 8;
  if ((run_flags & 0x04U) != 0)
    flags = number_at(run, first_flags);
  else if ((run_flags & 0x400U) != 0)
    flags = number_at(run, first_flags + ((run_flags & 0x100U) != 0 ? 4 : 0) +
                               ((run_flags & 0x200U) != 0 ? 4 : 0));
  return (flags & flag_is_no_sync_sample) == 0;
}

bool Mp4Indexer::begins_with_key(Bytes moof) const
{
  bool found = !has_video_;
  for_each_box(
      moof, [&](const Box &box) { found = found || (box.type == "traf" && is_key(box.data)); });
  return found;
}

Indexer::Step Mp4Indexer::step(Bytes window, std::uint64_t offset,
                               std::vector<JoinPoint> &joins)
{
  if (window.size() < small_head_size)
    return {.need = small_head_size};
  auto size = big_endian(window, 0, 4);
  const auto type = as_text(window.subspan(4, 4));
  std::size_t head_size = small_head_size;
  if (size == 1) {
    head_size = large_head_size;
    if (window.size() < head_size)
      return {.need = head_size};
    size = big_endian(window, 8, 8);
  } else if (size == 0) {
    size = ~std::uint64_t{0};  // to the end
  }
  if (size < head_size)
    return {.take = 1};
  const bool is_read = type == "ftyp" || type == "moov" || type == "moof";
  if (is_read && size <= max_headers_size && head_size == small_head_size) {
    const auto whole_size = static_cast<std::size_t>(size);
    if (window.size() < whole_size)
      return {.need = whole_size};
    const auto whole = window.first(whole_size);
    const auto data = whole.subspan(head_size);
    if (type == "ftyp") {
      forget();
      file_type_.assign(whole.begin(), whole.end());
    } else if (type == "moov") {
      auto headers = file_type_;
      headers.insert(headers.end(), whole.begin(), whole.end());
      headers_ = share(headers);
      read_movie(data);
    } else if (headers_ && begins_with_key(data)) {
      joins.push_back({unit_.value_or(offset), headers_});
    }
    unit_.reset();
    return {.take = whole_size};
  }
  if (belongs_to_next(type))
    unit_ = unit_.value_or(offset);
  else
    unit_.reset();
  return {.take = head_size, .skip = size - head_size};
}

}  // namespace kam::media
