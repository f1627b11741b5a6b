// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/maker/torrentsinkvalues.hpp"

#include <filesystem>

namespace kam {

using torrent::Failure;

namespace {

std::optional<Failure> make_series(TorrentRecorder::Options &options,
                                   const TorrentSinkValues &values)
{
  const auto pattern = torrent::part_pattern(values.location);
  if (!pattern)
    return Failure{Failure::Kind::settings,
                   "\"" + values.location +
                       "\" is no name for parts: it has %d or %05d once, "
                       "and %% for a percent sign.",
                   ""};
  options.location = *pattern;
  if (values.torrent_location.empty())
    options.torrent_location = std::filesystem::path{values.location}.parent_path().string();
  options.chunk_size = values.chunk_size;
  options.first_number = values.first_number;
  options.max_files = values.max_files;
  return {};
}

}  // namespace

std::variant<TorrentRecorder::Options, Failure> recorder_options(
    const TorrentSinkValues &values)
{
  if (values.location.empty())
    return Failure{Failure::Kind::settings, "No file to write is named: set location.", ""};
  if (const auto problem = problem_of(values))
    return Failure{Failure::Kind::settings, *problem, ""};
  TorrentRecorder::Options options;
  options.location = values.location;
  options.torrent_location =
      values.torrent_location.empty() ? values.location + ".torrent" : values.torrent_location;
  options.description = description_of(values, {});
  options.piece_size = values.piece_size;
  if (values.chunk_size > 0)
    if (auto failure = make_series(options, values))
      return *failure;
  return options;
}

TorrentSeeder::Options seeder_options(const TorrentSinkValues &values)
{
  return {.ratio = values.seed_ratio,
          .time = std::chrono::nanoseconds{values.seed_time},
          .limits = torrent_limits(values)};
}

}  // namespace kam
