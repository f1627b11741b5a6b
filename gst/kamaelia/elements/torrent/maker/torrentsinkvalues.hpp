// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on torrentsink.
#pragma once

#include "core/torrent/series.hpp"
#include "elements/torrent/maker/makerproperties.hpp"
#include "elements/torrent/maker/torrentrecorder.hpp"
#include "elements/torrent/maker/torrentseeder.hpp"
#include "elements/torrent/torrentvalues.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace kam {

struct TorrentSinkValues : MakerValues, TorrentNetworkValues {
  std::string location;
  std::string torrent_location;
  guint64 chunk_size = 0;
  guint first_number = 1;
  guint max_files = 0;
  bool seed = true;
  double seed_ratio = 0;
  guint64 seed_time = 0;
  bool linger = false;
};

// Or what is wrong with them.
std::variant<TorrentRecorder::Options, torrent::Failure> recorder_options(
    const TorrentSinkValues &values);
TorrentSeeder::Options seeder_options(const TorrentSinkValues &values);

// All properties that are set; those that only report are the element's.
template <class Impl>
glue::Properties<Impl, TorrentSinkValues> torrentsink_properties();

}  // namespace kam

template <class Impl>
kam::glue::Properties<Impl, kam::TorrentSinkValues> kam::torrentsink_properties()
{
  using V = TorrentSinkValues;
  using glue::Mutable;
  glue::Properties<Impl, V> properties;
  properties
      .add("location", &V::location,
           "File to write; of a series: with %d for the number of the part, which otherwise "
           "stands before the extension",
           Mutable::in_ready)
      .add("torrent-location", &V::torrent_location,
           "Torrent to write; of a series: the folder for them. Not set: beside the file",
           Mutable::in_ready)
      .add("chunk-size", &V::chunk_size,
           "Bytes of a part, each of which has a torrent of its own, as soon as it is there; "
           "0: all in one, at EOS",
           Mutable::in_ready, {0, G_MAXINT64})
      .add("first-number", &V::first_number, "Number of the first part of a series",
           Mutable::in_ready, {1, guint{torrent::max_series_number}})
      .add("max-files", &V::max_files,
           "Number of parts to keep; older ones are deleted, and seeded no longer. 0: all",
           Mutable::in_ready);
  add_maker(properties);
  properties
      .add("seed", &V::seed, "Give what was made to whoever wants it, until READY",
           Mutable::in_ready)
      .add("seed-ratio", &V::seed_ratio,
           "How many times the data is given away before seeding ends; 0: any number",
           Mutable::in_ready, {0, 10'000})
      .add("seed-time", &V::seed_time, "Nanoseconds after which seeding ends; 0: it does not",
           Mutable::in_ready, {0, G_MAXINT64})
      .add("linger", &V::linger,
           "Let EOS wait until seeding has ended, by seed-ratio or seed-time; with neither it "
           "never comes",
           Mutable::in_ready);
  add_torrent_network(properties);
  return properties;
}
