// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/torrent_oracle.hpp"

#include <libtorrent/bencode.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/entry.hpp>
#include <libtorrent/torrent_info.hpp>

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
  read.size = info.total_size();
  read.piece_size = info.piece_length();
  for (const auto &tracker : info.trackers())
    read.trackers.push_back(std::to_string(tracker.tier) + " " + tracker.url);
  for (const auto &seed : info.web_seeds())
    read.web_seeds.push_back(seed.url);
  return read;
}

bool has_all_pieces(Bytes metainfo, const std::string &folder)
{
  const auto info = parse(metainfo);
  const auto flags = !info.info_hashes().has_v2() ? lt::create_torrent::v1_only
                     : !info.info_hashes().has_v1()
                         ? lt::create_torrent::v2_only
                         : lt::create_torrent::canonical_files_no_tail_padding;
  lt::file_storage files;
  files.add_file(info.name(), info.total_size());
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

std::string printable(Bytes bytes)
{
  std::string text;
  for (const auto c : as_text(bytes).substr(0, 600))
    text += c >= ' ' && c < 0x7f ? c : '.';
  return text;
}

}  // namespace kam::test
