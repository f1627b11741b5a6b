// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentsrcvalues.hpp"

#include "core/torrent/addresses.hpp"

#include <gio/gio.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace kam {

namespace {

using torrent::Failure;
using torrent::TorrentSpec;
using Spec = std::variant<TorrentSpec, Failure>;

bool has_scheme(const std::string &location, std::string_view scheme)
{
  return location.size() > scheme.size() && location[scheme.size()] == ':' &&
         g_ascii_strncasecmp(location.c_str(), scheme.data(), scheme.size()) == 0;
}

// The path that a location names; empty if it cannot be one.
std::string path_of(const std::string &location)
{
  std::string_view rest = location;
  if (has_scheme(location, "torrent"))
    rest.remove_prefix(std::string_view{"torrent:"}.size());
  else if (has_scheme(location, "file"))
    rest.remove_prefix(std::string_view{"file:"}.size());
  else
    return location;
  if (rest.starts_with("//"))
    rest.remove_prefix(2);
  if (rest.starts_with("localhost/"))
    rest.remove_prefix(std::string_view{"localhost"}.size());
  const glue::StringPtr path{g_uri_unescape_string(std::string{rest}.c_str(), nullptr)};
  return path ? path.get() : "";
}

Spec named(const TorrentSrcValues &values)
{
  if (values.torrent) {
    gsize size = 0;
    const auto *data = g_bytes_get_data(values.torrent.get(), &size);
    return TorrentSpec::from_metainfo({static_cast<const std::byte *>(data), size});
  }
  if (is_magnet(values))
    return TorrentSpec::from_magnet(values.location);
  return Failure{Failure::Kind::not_found, "There is no torrent to play.",
                 "neither location nor torrent is set"};
}

}  // namespace

bool is_magnet(const TorrentSrcValues &values)
{
  return !values.torrent && has_scheme(values.location, "magnet");
}

std::optional<TorrentPlace> place_of(const TorrentSrcValues &values)
{
  if (values.torrent || values.location.empty() || is_magnet(values))
    return {};
  const bool is_remote = has_scheme(values.location, "torrent+http") ||
                         has_scheme(values.location, "torrent+https");
  if (!is_remote) {
    const std::filesystem::path path{path_of(values.location)};
    std::error_code ec;
    const bool is_folder = std::filesystem::is_directory(path, ec);
    return TorrentPlace{(is_folder ? path / torrent::series_index_name : path).string(), false};
  }
  auto address = values.location.substr(std::string_view{"torrent+"}.size());
  const auto end = std::min(address.find_first_of("?#"), address.size());
  if (address[end - 1] == '/')
    address.insert(end, torrent::series_index_name);
  return TorrentPlace{std::move(address), true};
}

Spec spec_of(const TorrentSrcValues &values)
{
  auto spec = named(values);
  if (auto *good = std::get_if<TorrentSpec>(&spec)) {
    good->add_peers(torrent::split_addresses(values.peers));
    good->add_trackers(torrent::split_addresses(values.trackers));
    good->add_web_seeds(torrent::split_addresses(values.web_seeds));
  }
  return spec;
}

torrent::TorrentLimits limits_of(const TorrentSrcValues &values)
{
  auto limits = torrent_limits(values);
  limits.download = values.download_limit;
  return limits;
}

torrent::TorrentOptions torrent_options(const TorrentSrcValues &values)
{
  torrent::TorrentOptions options;
  options.save_path = values.save_path;
  options.keep_files = values.keep_files;
  options.resume = values.resume;
  return options;
}

torrent::Reading reading_of(const TorrentSrcValues &values, std::size_t file)
{
  return {.file = file,
          .read_ahead = values.read_ahead,
          .prefetch_edges = values.prefetch_edges,
          .background_download = values.background_download,
          .late = std::chrono::milliseconds{values.late_threshold}};
}

std::optional<std::size_t> wished_file(const TorrentSrcValues &values,
                                       const torrent::Contents &contents,
                                       const std::vector<std::int32_t> &selected)
{
  return torrent::choose_file(
      contents, {.index = values.file_index, .path = values.file_path, .indices = selected});
}

torrent::SeriesFollower::Options follower_options(const TorrentSeriesValues &values)
{
  return {.first_number = values.first_number,
          .last_number = values.last_number,
          .parts_ahead = values.parts_ahead,
          .parts_shared = values.parts_shared,
          .poll_interval = std::chrono::milliseconds{values.poll_interval}};
}

}  // namespace kam
