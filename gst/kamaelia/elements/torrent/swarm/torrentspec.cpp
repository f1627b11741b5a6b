// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentspec.hpp"

#include <libtorrent/address.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/file_storage.hpp>
#include <libtorrent/hex.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/span.hpp>
#include <libtorrent/write_resume_data.hpp>

#include <glib.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

namespace kam::torrent {

namespace {

constexpr std::size_t longest_magnet = 262'144;

Failure bad_torrent(std::string text, std::string detail)
{
  return {Failure::Kind::format, std::move(text), std::move(detail)};
}

template <class List>
void shorten(List &list, std::size_t most)
{
  if (list.size() > most)
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(most), list.end());
}

// A name from anybody, for people to read.
std::string readable(std::string name)
{
  for (auto &c : name)
    if (c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = '_';
  shorten(name, 250);
  return name;
}

void limit(lt::torrent_info &info)
{
  auto trackers = info.trackers();
  if (trackers.size() > TorrentSpec::most_trackers) {
    shorten(trackers, TorrentSpec::most_trackers);
    info.clear_trackers();
    for (const auto &tracker : trackers)
      info.add_tracker(tracker.url, tracker.tier);
  }
  auto seeds = info.web_seeds();
  if (seeds.size() > TorrentSpec::most_web_seeds) {
    shorten(seeds, TorrentSpec::most_web_seeds);
    info.set_web_seeds(seeds);
  }
}

// A magnet's "so" comes as priorities of files.
std::vector<std::int32_t> take_selected(lt::add_torrent_params &params)
{
  std::vector<std::int32_t> selected;
  for (std::size_t i = 0; i < params.file_priorities.size(); ++i)
    if (params.file_priorities[i] != lt::dont_download)
      selected.push_back(static_cast<std::int32_t>(i));
  params.file_priorities.clear();
  return selected;
}

// What is between "magnet:" and "?": slashes, as some players write it so that it looks like an
// address, or the path of a file in the torrent.
std::string take_path(std::string &magnet)
{
  constexpr std::string_view scheme = "magnet:";
  const auto begin = std::min(scheme.size(), magnet.size());
  const auto end = std::min(magnet.find('?'), magnet.size());
  if (end <= begin)
    return {};
  auto path = magnet.substr(begin, end - begin);
  path.erase(0, path.find_first_not_of('/'));
  magnet.erase(begin, end - begin);
  const std::unique_ptr<char, decltype(&g_free)> text{
      g_uri_unescape_string(path.c_str(), nullptr), g_free};
  return text ? text.get() : "";
}

}  // namespace

std::shared_ptr<const Contents> contents_of(const lt::torrent_info &info)
{
  auto contents = std::make_shared<Contents>();
  contents->name = info.name();
  contents->comment = info.comment();
  contents->created_by = info.creator();
  contents->size = static_cast<std::uint64_t>(info.total_size());
  contents->piece_length = static_cast<std::uint32_t>(info.piece_length());
  contents->piece_count = static_cast<std::uint32_t>(info.num_pieces());
  contents->is_private = info.priv();
  contents->has_v1 = info.info_hashes().has_v1();
  contents->has_v2 = info.info_hashes().has_v2();
  const auto &files = info.files();
  for (const auto i : files.file_range()) {
    const auto flags = files.file_flags(i);
    if (flags & lt::file_storage::flag_pad_file)
      continue;
    contents->files.push_back({.path = files.file_path(i),
                               .offset = static_cast<std::uint64_t>(files.file_offset(i)),
                               .size = static_cast<std::uint64_t>(files.file_size(i)),
                               .index = static_cast<std::int32_t>(i),
                               .is_link = bool(flags & lt::file_storage::flag_symlink)});
  }
  return contents;
}

std::string hex_of(const lt::info_hash_t &hashes)
{
  return hashes.has_v1() ? lt::aux::to_hex(hashes.v1) : lt::aux::to_hex(hashes.v2);
}

ByteVector metainfo_of(const lt::torrent_info &info)
{
  lt::add_torrent_params params;
  params.ti = std::make_shared<lt::torrent_info>(info);
  params.info_hashes = info.info_hashes();
  auto metainfo = lt::write_torrent_file(params, lt::write_flags::allow_missing_piece_layer);
  // Version 2's hashes of pieces come later than the rest.
  const auto &files = info.files();
  for (const auto i : files.file_range())
    if (const auto layer = info.piece_layer(i);
        !layer.empty() && files.file_size(i) > info.piece_length())
      metainfo["piece layers"][files.root(i).to_string()] =
          std::string{layer.begin(), layer.end()};
  std::vector<char> bytes;
  lt::bencode(std::back_inserter(bytes), metainfo);
  const auto view = as_bytes({bytes.data(), bytes.size()});
  return {view.begin(), view.end()};
}

std::optional<lt::tcp::endpoint> endpoint_in(const std::string &text)
{
  const auto colon = text.rfind(':');
  if (colon == std::string::npos)
    return std::nullopt;
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  std::uint16_t port = 0;
  const auto *end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data() + colon + 1, end, port);
  lt::error_code ec;
  const auto address = lt::make_address(host, ec);
  if (ec || error != std::errc{} || behind != end || port == 0)
    return std::nullopt;
  return lt::tcp::endpoint{address, port};
}

bool is_peer_address(const std::string &text)
{
  return endpoint_in(text).has_value();
}

std::variant<TorrentSpec, Failure> TorrentSpec::from_magnet(std::string_view uri)
{
  std::string text{uri};
  if (text.size() > longest_magnet)
    return bad_torrent("The magnet link is too long.", std::to_string(text.size()) + " bytes");
  auto parsed = std::make_shared<Parsed>();
  parsed->file_path = take_path(text);
  lt::error_code ec;
  lt::parse_magnet_uri(text, parsed->params, ec);
  if (ec)
    return bad_torrent("The magnet link cannot be read.", ec.message());
  // libtorrent takes one of zeros, which is its name for none.
  if (!parsed->params.info_hashes.has_v1() && !parsed->params.info_hashes.has_v2())
    return bad_torrent("The magnet link names no torrent.", "an info-hash of zeros");
  auto &params = parsed->params;
  params.name = readable(params.name);
  shorten(params.trackers, most_trackers);
  shorten(params.tracker_tiers, most_trackers);
  shorten(params.url_seeds, most_web_seeds);
  shorten(params.http_seeds, most_web_seeds);
  shorten(params.peers, most_peers);
  parsed->selected = take_selected(params);
  parsed->info_hash = hex_of(params.info_hashes);
  TorrentSpec spec;
  spec.parsed_ = std::move(parsed);
  return spec;
}

std::variant<TorrentSpec, Failure> TorrentSpec::from_metainfo(Bytes metainfo)
{
  if (metainfo.size() > largest_metainfo)
    return bad_torrent("The torrent's metadata is too large.",
                       std::to_string(metainfo.size()) + " bytes");
  lt::error_code ec;
  const auto text = as_text(metainfo);
  const lt::span<const char> buffer{text.data(), static_cast<std::ptrdiff_t>(text.size())};
  auto info = std::make_shared<lt::torrent_info>(buffer, ec, lt::from_span);
  // Not everything that is wrong with the files is an error to libtorrent 2.0.8.
  if (ec || !info->is_valid() || info->num_pieces() <= 0)
    return bad_torrent("This is not a torrent, or one that is damaged.",
                       ec ? ec.message() : "no files");
  limit(*info);
  auto parsed = std::make_shared<Parsed>();
  parsed->contents = contents_of(*info);
  // Nor is what is left of a name that is not allowed always one.
  if (!parsed->contents->stays_below())
    return bad_torrent("This is not a torrent, or one that is damaged.",
                       "the name of a file is not one");
  parsed->info_hash = hex_of(info->info_hashes());
  parsed->params.info_hashes = info->info_hashes();
  parsed->params.ti = std::move(info);
  parsed->metainfo = std::make_shared<ByteVector>(metainfo.begin(), metainfo.end());
  TorrentSpec spec;
  spec.parsed_ = std::move(parsed);
  return spec;
}

TorrentSpec::Parsed &TorrentSpec::own()
{
  if (parsed_.use_count() > 1)
    parsed_ = std::make_shared<Parsed>(*parsed_);
  return *parsed_;
}

void TorrentSpec::add_peers(const std::vector<std::string> &addresses)
{
  auto &peers = own().params.peers;
  for (const auto &address : addresses)
    if (const auto endpoint = endpoint_in(address); endpoint && peers.size() < most_peers)
      peers.push_back(*endpoint);
}

void TorrentSpec::add_trackers(const std::vector<std::string> &urls)
{
  auto &params = own().params;
  params.tracker_tiers.resize(params.trackers.size());
  for (const auto &url : urls) {
    if (url.empty() || params.trackers.size() >= most_trackers)
      continue;
    params.trackers.push_back(url);
    params.tracker_tiers.push_back(0);
  }
}

void TorrentSpec::add_web_seeds(const std::vector<std::string> &urls)
{
  auto &seeds = own().params.url_seeds;
  for (const auto &url : urls)
    if (!url.empty() && seeds.size() < most_web_seeds)
      seeds.push_back(url);
}

const std::string &TorrentSpec::info_hash() const
{
  return parsed_->info_hash;
}

std::string TorrentSpec::name() const
{
  return parsed_->contents ? readable(parsed_->contents->name) : parsed_->params.name;
}

const std::string &TorrentSpec::file_path() const
{
  return parsed_->file_path;
}

const std::vector<std::int32_t> &TorrentSpec::selected() const
{
  return parsed_->selected;
}

std::shared_ptr<const Contents> TorrentSpec::contents() const
{
  return parsed_->contents;
}

ByteVector TorrentSpec::metainfo() const
{
  return parsed_->metainfo ? *parsed_->metainfo : ByteVector{};
}

std::string TorrentSpec::magnet() const
{
  return lt::make_magnet_uri(parsed_->params);
}

}  // namespace kam::torrent
