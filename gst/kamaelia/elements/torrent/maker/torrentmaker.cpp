// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/maker/torrentmaker.hpp"

#include <libtorrent/bencode.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/file_storage.hpp>
#include <libtorrent/hex.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/torrent_info.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <limits>
#include <sstream>
#include <string_view>

namespace kam::torrent {

namespace {

constexpr std::size_t longest_url = 2048;

template <class Hash>
std::string hex_of(const Hash &hash)
{
  std::ostringstream text;
  text << hash;
  return text.str();
}

// Ours are as large as they are; what somebody else made is loaded elsewhere.
lt::load_torrent_limits no_limits()
{
  lt::load_torrent_limits limits;
  limits.max_buffer_size = limits.max_pieces = limits.max_decode_tokens =
      std::numeric_limits<int>::max();
  return limits;
}

lt::create_flags_t flags_of(Format format)
{
  switch (format) {
  case Format::v1: return lt::create_torrent::v1_only;
  case Format::v2: return lt::create_torrent::v2_only;
  case Format::hybrid: break;
  }
  // Of a single file there is nothing to pad.
  return lt::create_torrent::canonical_files_no_tail_padding;
}

void set_hashes(lt::create_torrent &torrent, const PieceHashes &hashes)
{
  lt::piece_index_t piece{0};
  for (const auto &hash : hashes.v1)
    torrent.set_hash(piece++, lt::sha1_hash{hash.data()});
  lt::piece_index_t::diff_type piece_of_file{0};
  for (const auto &hash : hashes.v2)
    torrent.set_hash2(lt::file_index_t{0}, piece_of_file++, lt::sha256_hash{hash.data()});
}

void describe(lt::create_torrent &torrent, const Description &description)
{
  if (!description.comment.empty())
    torrent.set_comment(description.comment.c_str());
  if (!description.created_by.empty())
    torrent.set_creator(description.created_by.c_str());
  torrent.set_creation_date(description.creation_date);
  torrent.set_priv(description.is_private);
  int tier = 0;
  for (const auto &url : description.trackers)
    torrent.add_tracker(url, tier++);
  for (const auto &url : description.web_seeds)
    torrent.add_url_seed(url);
}

ByteVector encode(const lt::create_torrent &torrent, const Description &description)
{
  auto root = torrent.generate();
  if (!description.title.empty())
    root["title"] = description.title;
  if (!description.source.empty())
    root["info"]["source"] = description.source;
  std::string text;
  lt::bencode(std::back_inserter(text), root);
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// It is read back, which proves that others can, and has the hashes that it goes by.
MadeTorrent finish(ByteVector metainfo)
{
  const auto text = as_text(metainfo);
  const lt::span<const char> span{
      text.data(), static_cast<lt::span<const char>::difference_type>(text.size())};
  const lt::torrent_info info{span, no_limits(), lt::from_span};
  const auto &hashes = info.info_hashes();
  MadeTorrent made;
  if (hashes.has_v1())
    made.info_hash = hex_of(hashes.v1);
  if (hashes.has_v2())
    made.info_hash_v2 = hex_of(hashes.v2);
  made.magnet = lt::make_magnet_uri(info);
  made.metainfo = std::move(metainfo);
  return made;
}

bool is_url(const std::string &url, std::initializer_list<std::string_view> schemes)
{
  return url.size() <= longest_url &&
         std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7f; }) &&
         std::ranges::any_of(schemes, [&url](std::string_view scheme) {
           return url.starts_with(scheme) && url.size() > scheme.size() &&
                  url[scheme.size()] != '/';
         });
}

}  // namespace

std::variant<MadeTorrent, std::string> make_torrent(const PieceHashes &hashes,
                                                    const Description &description)
try {
  lt::file_storage files;
  lt::error_code error;
  files.add_file(error, description.file_name, static_cast<std::int64_t>(hashes.total_bytes));
  if (error)
    return error.message();
  lt::create_torrent torrent{files, static_cast<int>(hashes.piece_size),
                             flags_of(description.format)};
  set_hashes(torrent, hashes);
  describe(torrent, description);
  return finish(encode(torrent, description));
} catch (const std::exception &error) {
  // These functions of libtorrent have no form that returns what is wrong.
  return std::string{error.what()};
}

bool is_tracker_url(const std::string &url)
{
  return is_url(url, {"http://", "https://", "udp://"});
}

bool is_web_seed_url(const std::string &url)
{
  return is_url(url, {"http://", "https://"});
}

}  // namespace kam::torrent
