// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/piececheck.hpp"

#include "elements/torrent/swarm/piecedigest.hpp"
#include "elements/torrent/swarm/torrentfile.hpp"

#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace kam::torrent {

namespace {

constexpr std::size_t most_at_once = 256U << 10U;

lt::piece_index_t index_of(std::uint32_t piece)
{
  return lt::piece_index_t{static_cast<int>(piece)};
}

std::vector<lt::file_slice> slices_of(const lt::torrent_info &info, std::uint32_t piece)
{
  const auto index = index_of(piece);
  return info.files().map_block(index, 0, info.files().piece_size(index));
}

// Bytes of version 2's hash of a piece; none if it is not known. Its pieces have one file each.
std::optional<Sha256> v2_hash(const lt::torrent_info &info, const lt::file_slice &slice)
{
  const auto layer = info.piece_layer(slice.file_index);
  const auto at = static_cast<std::ptrdiff_t>(slice.offset / info.piece_length() *
                                              static_cast<std::int64_t>(sizeof(Sha256)));
  Sha256 hash{};
  if (layer.size() < at + static_cast<std::ptrdiff_t>(hash.size()))
    return std::nullopt;
  std::copy_n(layer.begin() + at, hash.size(), hash.begin());
  return hash;
}

bool add_file(PieceDigest &digest, const TorrentFile &file, const lt::file_slice &slice,
              Format format)
{
  ByteVector bytes(std::min(most_at_once, static_cast<std::size_t>(slice.size)));
  auto at = static_cast<std::uint64_t>(slice.offset);
  for (auto left = static_cast<std::size_t>(slice.size); left > 0;) {
    const auto part = MutableBytes{bytes}.first(std::min(left, bytes.size()));
    if (!file.read(part, at))
      return false;
    digest.add(part, format);
    at += part.size();
    left -= part.size();
  }
  return true;
}

void add_padding(PieceDigest &digest, std::int64_t size, Format format)
{
  const ByteVector zeros(std::min(most_at_once, static_cast<std::size_t>(size)));
  for (auto left = static_cast<std::size_t>(size); left > 0;) {
    const auto part = Bytes{zeros}.first(std::min(left, zeros.size()));
    digest.add(part, format);
    left -= part.size();
  }
}

bool is_hash(const lt::torrent_info &info, std::uint32_t piece, const PieceDigest &digest,
             Format format)
{
  if (format == Format::v1) {
    const auto hash = info.hash_for_piece(index_of(piece));
    return std::ranges::equal(digest.v1(), hash, [](char a, std::uint8_t b) {
      return static_cast<std::uint8_t>(a) == b;
    });
  }
  const auto slice = slices_of(info, piece).front();
  const auto is_whole_file = info.files().file_size(slice.file_index) <= info.piece_length();
  const auto width = static_cast<std::size_t>(info.piece_length()) / PieceDigest::leaf_size;
  return v2_hash(info, slice) == digest.v2(is_whole_file ? 0 : width);
}

Format format_of(const lt::torrent_info &info)
{
  return info.info_hashes().has_v1() ? Format::v1 : Format::v2;
}

}  // namespace

std::size_t files_without_hashes(const lt::torrent_info &info)
{
  if (format_of(info) == Format::v1)
    return 0;
  const auto &files = info.files();
  std::size_t count = 0;
  for (const auto i : files.file_range())
    if (files.file_size(i) > 0 && !files.pad_file_at(i) && info.piece_layer(i).empty())
      ++count;
  return count;
}

PieceCheck::PieceCheck(std::shared_ptr<const lt::torrent_info> info, std::string folder)
    : info_{std::move(info)}, folder_{std::move(folder)}
{
}

bool PieceCheck::knows_hash(std::uint32_t piece) const
{
  return format_of(*info_) == Format::v1 ||
         v2_hash(*info_, slices_of(*info_, piece).front()).has_value();
}

std::vector<bool> PieceCheck::possible(std::vector<bool> claimed) const
{
  const auto &files = info_->files();
  std::vector<std::int64_t> sizes;
  for (const auto i : files.file_range()) {
    const auto file = TorrentFile::open(folder_, files.file_path(i));
    sizes.push_back(file ? file->size() : -1);
  }
  const auto is_there = [&](const lt::file_slice &slice) {
    return files.pad_file_at(slice.file_index) ||
           slice.offset + slice.size <= sizes[static_cast<std::size_t>(int(slice.file_index))];
  };
  for (std::uint32_t piece = 0; piece < claimed.size(); ++piece)
    if (claimed[piece])
      claimed[piece] =
          knows_hash(piece) && std::ranges::all_of(slices_of(*info_, piece), is_there);
  return claimed;
}

PieceCheck::Verdict PieceCheck::look_at(std::uint32_t piece) const
{
  if (!knows_hash(piece))
    return Verdict::unknown;
  const auto format = format_of(*info_);
  const auto &files = info_->files();
  PieceDigest digest;
  for (const auto &slice : slices_of(*info_, piece)) {
    if (files.pad_file_at(slice.file_index)) {
      add_padding(digest, slice.size, format);
      continue;
    }
    const auto file = TorrentFile::open(folder_, files.file_path(slice.file_index));
    if (!file || !add_file(digest, *file, slice, format))
      return Verdict::unknown;
  }
  return is_hash(*info_, piece, digest, format) ? Verdict::right : Verdict::wrong;
}

}  // namespace kam::torrent
