// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/torrent_oracle.hpp"

#include <libtorrent/alert_types.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/posix_disk_io.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/session_params.hpp>
#include <libtorrent/settings_pack.hpp>
#include <libtorrent/torrent_info.hpp>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace kam::test {

namespace {

lt::torrent_info parse(Bytes metainfo)
{
  const auto text = as_text(metainfo);
  return lt::torrent_info{
      lt::span<const char>{text.data(), static_cast<std::ptrdiff_t>(text.size())},
      lt::from_span};
}

// Without the padding up to whole pieces that version 2 counts.
std::int64_t size_of(const lt::torrent_info &info)
{
  return info.files().file_size(lt::file_index_t{0});
}

ByteVector encode(const lt::create_torrent &torrent)
{
  std::string text;
  lt::bencode(std::back_inserter(text), torrent.generate());
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

lt::create_flags_t flags_of(std::string_view format)
{
  if (format == "v1")
    return lt::create_torrent::v1_only;
  if (format == "v2")
    return lt::create_torrent::v2_only;
  return lt::create_torrent::canonical_files_no_tail_padding;
}

}  // namespace

Folder::Folder()
{
  std::string name = (std::filesystem::temp_directory_path() / "kamaelia-XXXXXX").string();
  if (!mkdtemp(name.data()))
    throw std::runtime_error{"no temporary folder"};
  path_ = name;
}

Folder::~Folder()
{
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string &path, Bytes data)
{
  std::ofstream file{path, std::ios::binary};
  const auto text = as_text(data);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
}

ByteVector read_file(const std::string &path)
{
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file},
                         std::istreambuf_iterator<char>{}};
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

ByteVector torrent_by_libtorrent(const Folder &folder, const std::string &name, Bytes data,
                                 std::string_view format, int piece_size)
{
  write_file(folder / name, data);
  lt::file_storage files;
  lt::add_files(files, folder / name);
  lt::create_torrent torrent{files, piece_size, flags_of(format)};
  lt::set_piece_hashes(torrent, folder.path().string());
  torrent.set_creation_date(0);
  return encode(torrent);
}

ReadTorrent read_torrent(Bytes metainfo)
{
  const auto info = parse(metainfo);
  ReadTorrent read;
  read.name = info.name();
  read.comment = info.comment();
  read.creator = info.creator();
  read.creation_date = info.creation_date();
  read.is_private = info.priv();
  read.has_v1 = info.info_hashes().has_v1();
  read.has_v2 = info.info_hashes().has_v2();
  std::ostringstream hash;
  if (read.has_v1)
    hash << info.info_hashes().v1;
  else
    hash << info.info_hashes().v2;
  read.info_hash = hash.str();
  read.size = size_of(info);
  read.piece_size = info.piece_length();
  for (const auto &tracker : info.trackers())
    read.trackers.push_back(std::to_string(tracker.tier) + " " + tracker.url);
  for (const auto &seed : info.web_seeds())
    read.web_seeds.push_back(seed.url);
  return read;
}

std::string magnet_of(Bytes metainfo)
{
  return lt::make_magnet_uri(parse(metainfo));
}

bool has_all_pieces(Bytes metainfo, const std::string &folder)
{
  const auto info = parse(metainfo);
  const auto flags = !info.info_hashes().has_v2() ? lt::create_torrent::v1_only
                     : !info.info_hashes().has_v1()
                         ? lt::create_torrent::v2_only
                         : lt::create_torrent::canonical_files_no_tail_padding;
  lt::file_storage files;
  files.add_file(info.name(), size_of(info));
  lt::create_torrent again{files, info.piece_length(), flags};
  lt::set_piece_hashes(again, folder);
  const auto ours = lt::bdecode(lt::span<const char>{
      as_text(metainfo).data(), static_cast<std::ptrdiff_t>(metainfo.size())});
  const auto want = again.generate();
  const auto &info_want = want["info"].dict();
  const auto info_ours = lt::entry{ours.dict_find_dict("info")};
  for (const auto &[key, value] : info_want)
    if (!(info_ours[key] == value))
      return false;
  return true;
}

std::optional<ByteVector> download(Bytes metainfo, const std::string &magnet, int port,
                                   int seconds)
{
  const Folder folder;
  lt::settings_pack settings;
  settings.set_int(lt::settings_pack::alert_mask, lt::alert_category::status);
  settings.set_str(lt::settings_pack::listen_interfaces, "127.0.0.1:0");
  for (const auto feature : {lt::settings_pack::enable_dht, lt::settings_pack::enable_lsd,
                             lt::settings_pack::enable_upnp, lt::settings_pack::enable_natpmp,
                             lt::settings_pack::enable_outgoing_utp})
    settings.set_bool(feature, false);
  // Written before it is said to be there.
  lt::session_params with{settings};
  with.disk_io_constructor = lt::posix_disk_io_constructor;
  lt::session session{std::move(with)};
  auto params = metainfo.empty() ? lt::parse_magnet_uri(magnet) : lt::add_torrent_params{};
  if (!metainfo.empty())
    params.ti = std::make_shared<lt::torrent_info>(parse(metainfo));
  params.save_path = folder.path().string();
  params.peers = {{lt::make_address("127.0.0.1"), static_cast<std::uint16_t>(port)}};
  const auto handle = session.add_torrent(params);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{seconds};
  while (std::chrono::steady_clock::now() < deadline) {
    session.wait_for_alert(std::chrono::milliseconds{200});
    std::vector<lt::alert *> alerts;
    session.pop_alerts(&alerts);
    for (const auto *alert : alerts)
      if (lt::alert_cast<lt::torrent_finished_alert>(alert)) {
        const auto name = handle.torrent_file()->files().file_path(lt::file_index_t{0});
        return read_file(folder / name);
      }
  }
  return {};
}

std::string printable(Bytes bytes)
{
  std::string text;
  for (const auto c : as_text(bytes).substr(0, 600))
    text += c >= ' ' && c < 0x7f ? c : '.';
  return text;
}

}  // namespace kam::test
