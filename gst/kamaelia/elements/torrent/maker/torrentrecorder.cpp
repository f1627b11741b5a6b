// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/maker/torrentrecorder.hpp"

#include "core/torrent/safe_name.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace kam {

using torrent::Failure;

TorrentRecorder::TorrentRecorder(Options options, Callbacks callbacks)
    : options_{std::move(options)},
      callbacks_{std::move(callbacks)},
      next_number_{options_.first_number}
{
}

TorrentPlaces TorrentRecorder::places_of(std::uint64_t number) const
{
  if (!is_series())
    return {options_.location, options_.torrent_location, 0};
  const std::filesystem::path folder{options_.torrent_location};
  return {torrent::numbered(options_.location, number).value_or(options_.location),
          (folder / torrent::series_torrent_name(number)).string(), number};
}

TorrentRecorder::Problem TorrentRecorder::open()
{
  if (auto failure = open_part())
    return failure;
  // Whoever follows an earlier series of that place sees that this one is another.
  return is_series() ? write_index({.newest = options_.first_number - 1}) : Problem{};
}

TorrentRecorder::Problem TorrentRecorder::write_index(const torrent::SeriesIndex &index) const
{
  const auto path =
      std::filesystem::path{options_.torrent_location} / torrent::series_index_name;
  return replace_file(path.string(), as_bytes(torrent::series_index(index)));
}

TorrentRecorder::Problem TorrentRecorder::open_part()
{
  auto places = places_of(next_number_);
  auto created = OutputFile::create(places.location);
  if (const auto *failure = std::get_if<Failure>(&created))
    return *failure;
  part_ = Part{.places = std::move(places),
               .file = std::get<OutputFile>(std::move(created)),
               .hasher = nullptr};
  ++next_number_;
  return {};
}

// Only when there is data does upstream know how much.
TorrentRecorder::Problem TorrentRecorder::begin_hashing()
{
  const auto size = is_series() ? std::optional{options_.chunk_size} : expected_size_;
  const auto piece_size =
      options_.piece_size != 0 ? options_.piece_size : torrent::choose_piece_size(size);
  part_->hasher = torrent::PieceHasher::start(options_.description.format, piece_size);
  if (part_->hasher)
    return {};
  return Failure{Failure::Kind::read, "There is no thread to hash in.", "std::thread"};
}

TorrentRecorder::Problem TorrentRecorder::write(Bytes bytes,
                                                const std::shared_ptr<const void> &owner)
{
  while (!bytes.empty()) {
    if (!part_)
      if (auto failure = open_part())
        return failure;
    const auto room = is_series() ? options_.chunk_size - part_->bytes : bytes.size();
    const auto now = bytes.first(std::min<std::uint64_t>(bytes.size(), room));
    if (auto failure = write_part(now, owner))
      return failure;
    bytes = bytes.subspan(now.size());
    if (is_series() && part_->bytes == options_.chunk_size)
      if (auto failure = finish_part())
        return failure;
  }
  return {};
}

TorrentRecorder::Problem TorrentRecorder::write_part(Bytes bytes,
                                                     const std::shared_ptr<const void> &owner)
{
  if (part_->bytes == 0)
    if (auto failure = begin_hashing())
      return failure;
  // First, so that it is hashed while it is written.
  if (part_->hasher && part_->hasher->pieces() < torrent::max_pieces) {
    part_->hasher->add(bytes, owner);
  } else {
    // The data goes on, which is worth more than its torrent.
    part_->hasher.reset();
    has_too_many_pieces_ = true;
  }
  if (auto failure = part_->file.write(bytes))
    return failure;
  part_->bytes += bytes.size();
  total_bytes_ += bytes.size();
  return {};
}

TorrentRecorder::Problem TorrentRecorder::finish()
{
  if (part_)
    if (auto failure = finish_part())
      return failure;
  return newest_ ? write_index({.newest = *newest_, .has_ended = true}) : Problem{};
}

TorrentRecorder::Problem TorrentRecorder::finish_part()
{
  auto part = std::exchange(part_, std::nullopt);
  auto at_end = part->file.close();
  if (at_end)
    return at_end;
  if (part->bytes == 0) {
    if (is_series())
      unlink(part->places.location.c_str());
    return {};
  }
  if (!part->hasher)
    return {};
  auto description = options_.description;
  const auto name = std::filesystem::path{part->places.location}.filename().string();
  description.file_name = torrent::safe_name(name, "file");
  const auto result = torrent::make_torrent(part->hasher->finish(), description);
  if (const auto *reason = std::get_if<std::string>(&result))
    return Failure{Failure::Kind::format, "The torrent cannot be made.", *reason};
  return publish(std::get<torrent::MadeTorrent>(result), part->places);
}

// The number of the newest only when there is that torrent.
TorrentRecorder::Problem TorrentRecorder::publish(const torrent::MadeTorrent &made,
                                                  const TorrentPlaces &places)
{
  if (auto failure = replace_file(places.torrent_location, made.metainfo))
    return failure;
  if (is_series()) {
    if (auto failure = write_index({.newest = places.number}))
      return failure;
    newest_ = places.number;
  }
  callbacks_.made(made, places);
  drop_old_part(places.number);
  return {};
}

void TorrentRecorder::drop_old_part(std::uint64_t newest)
{
  if (!is_series() || options_.max_files == 0 ||
      newest < options_.first_number + options_.max_files)
    return;
  const auto old = newest - options_.max_files;
  callbacks_.dropped(old);
  const auto places = places_of(old);
  unlink(places.torrent_location.c_str());
  unlink(places.location.c_str());
}

}  // namespace kam
