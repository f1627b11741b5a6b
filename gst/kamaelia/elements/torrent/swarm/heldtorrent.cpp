// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/heldtorrent.hpp"

#include "elements/torrent/swarm/piececheck.hpp"
#include "elements/torrent/swarm/torrentspec.hpp"

#include <libtorrent/hex.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_status.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <filesystem>
#include <tuple>
#include <utility>

namespace kam::torrent {

namespace {

// Whether one of the torrent's files, or its folder, is among them.
bool has_any(const std::set<std::string> &names, const Contents &contents)
{
  return std::ranges::any_of(contents.files, [&](const File &file) {
    return names.contains(file.path.substr(0, file.path.find('/')));
  });
}

// libtorrent writes the pieces of files that are not wanted elsewhere, so it has to know first.
void want_files(HeldTorrent &torrent)
{
  std::vector<lt::download_priority_t> wanted;
  {
    auto shared = torrent.state->shared.lock();
    if (!shared->contents || shared->places.empty())
      return;
    wanted.assign(torrent.file_count, lt::dont_download);
    for (const auto &place : shared->places)
      if (const auto index = static_cast<std::size_t>(place.file.index); index < wanted.size())
        wanted[index] = lt::default_priority;
  }
  if (wanted == torrent.files)
    return;
  torrent.files = wanted;
  torrent.is_waiting_for_files = true;
  torrent.handle.prioritize_files(wanted);
}

// Of a magnet's version 2 the hashes of its pieces come after the rest of the metadata, little
// by little. Without them nobody could tell later what is worth to be believed.
void keep_hashes(HeldTorrent &torrent)
{
  if (torrent.files_without_hashes == 0 || !torrent.handle.is_valid())
    return;
  const auto info = torrent.handle.torrent_file_with_hashes();
  if (!info || files_without_hashes(*info) >= torrent.files_without_hashes)
    return;
  torrent.files_without_hashes = files_without_hashes(*info);
  torrent.store->keep_metainfo(metainfo_of(*info));
  auto shared = torrent.state->shared.lock();
  shared->check = std::make_shared<const PieceCheck>(info, shared->save_path);
}

// What is there is not what was noted: all is read through and compared.
void check_again(HeldTorrent &torrent)
{
  constexpr int most_checks = 3;
  if (torrent.checks_again == most_checks) {
    fail(*torrent.state,
         {Failure::Kind::read, "The torrent's files change while they are read.",
          torrent.state->shared.lock()->save_path});
    return;
  }
  ++torrent.checks_again;
  torrent.is_checked = false;
  torrent.is_comparing = true;
  torrent.is_waiting_for_files = false;
  // libtorrent 2.0.8 forgets them.
  torrent.files.clear();
  torrent.handle.force_recheck();
  if (torrent.stops_when_checked)
    torrent.handle.set_flags(lt::torrent_flags::stop_when_ready);
}

// What had come of a file before it was wanted has been taken out of where libtorrent kept it.
void doubt_edges(TorrentState::Shared &shared, const File &file)
{
  const auto pieces = shared.contents->pieces_of(file);
  shared.doubtful.resize(shared.contents->piece_count);
  for (auto piece = pieces.begin; piece < pieces.end; ++piece)
    if (piece < shared.have.size() && shared.have[piece])
      shared.doubtful[piece] = true;
}

// From now on, with what libtorrent has found.
void begin_notes(const HeldTorrent &torrent)
{
  if (!torrent.picker)
    return;
  std::shared_ptr<const Contents> contents;
  std::vector<bool> have;
  std::string save_path;
  {
    auto shared = torrent.state->shared.lock();
    contents = shared->contents;
    have = shared->have;
    save_path = shared->save_path;
  }
  torrent.store->begin_notes(*contents, torrent.state->info_hash, save_path, have);
}

// What was there before libtorrent has looked.
void forget_pieces(HeldTorrent &torrent)
{
  auto shared = torrent.state->shared.lock();
  shared->have.clear();
  if (shared->contents)
    torrent.picker.emplace(shared->contents->piece_count);
}

}  // namespace

std::set<std::string> names_in(const std::string &folder)
{
  std::set<std::string> names;
  std::error_code ec;
  for (std::filesystem::directory_iterator entry{folder, ec}, end; !ec && entry != end;
       entry.increment(ec))
    names.insert(entry->path().filename().string());
  return names;
}

void take_contents(HeldTorrent &torrent, const std::shared_ptr<const lt::torrent_info> &info)
{
  auto contents = contents_of(*info);
  torrent.picker.emplace(contents->piece_count);
  torrent.file_count = static_cast<std::size_t>(info->num_files());
  torrent.files_without_hashes = files_without_hashes(*info);
  auto shared = torrent.state->shared.lock();
  shared->contents = std::move(contents);
  shared->check = std::make_shared<const PieceCheck>(info, shared->save_path);
}

void look_for_files(HeldTorrent &torrent)
{
  const auto contents = torrent.state->shared.lock()->contents;
  torrent.had_files =
      torrent.claim && !torrent.claim->was_shared() && has_any(torrent.names_before, *contents);
  // Now, because this process may be killed.
  if (torrent.had_files)
    torrent.claim->keep();
}

void believe_notes(HeldTorrent &torrent, lt::add_torrent_params &params)
{
  if (!torrent.options.resume || torrent.options.seed)
    return;
  std::shared_ptr<const Contents> contents;
  std::shared_ptr<const PieceCheck> check;
  {
    auto shared = torrent.state->shared.lock();
    contents = shared->contents;
    check = shared->check;
  }
  const auto noted =
      torrent.store->noted(*contents, torrent.state->info_hash, params.save_path);
  if (!noted)
    return;
  auto pieces = check->possible(*noted);
  params.have_pieces.resize(static_cast<int>(pieces.size()), false);
  for (std::uint32_t piece = 0; piece < pieces.size(); ++piece)
    if (pieces[piece])
      params.have_pieces.set_bit(lt::piece_index_t{static_cast<int>(piece)});
  torrent.state->shared.lock()->doubtful = std::move(pieces);
}

void note_piece(HeldTorrent &torrent, std::uint32_t piece)
{
  if (!torrent.picker)
    return;
  {
    auto shared = torrent.state->shared.lock();
    if (piece >= shared->contents->piece_count)
      return;
    shared->have.resize(shared->contents->piece_count);
    shared->have[piece] = true;
  }
  torrent.picker->set_have(piece);
  torrent.store->note(piece);
  if (std::has_single_bit(++torrent.noted_pieces))
    keep_hashes(torrent);
}

void handle_checked(HeldTorrent &torrent)
{
  torrent.is_checked = true;
  forget_pieces(torrent);
  resynchronise(torrent);
  begin_notes(torrent);
  if (std::exchange(torrent.is_comparing, false))
    torrent.state->shared.lock()->is_refuted = false;
}

void plan(HeldTorrent &torrent)
{
  if (!torrent.picker || !torrent.is_checked || !torrent.handle.is_valid())
    return;
  if (torrent.state->shared.lock()->is_refuted) {
    check_again(torrent);
    return;
  }
  want_files(torrent);
  if (torrent.is_waiting_for_files)
    return;
  std::vector<Reader> readers;
  bool is_any_new = false;
  bool has_others_to_ask = false;
  {
    auto shared = torrent.state->shared.lock();
    has_others_to_ask = shared->status.peers > 1;
    for (auto &place : shared->places) {
      if (!std::exchange(place.has_file, true)) {
        is_any_new = true;
        doubt_edges(*shared, place.file);
      }
      readers.push_back(place.reader);
    }
  }
  if (is_any_new)
    torrent.state->changed.notify_all();
  if (readers.empty())
    return;
  const auto orders = torrent.picker->plan(readers, monotonic_now(), has_others_to_ask);
  if (orders.start_over) {
    // The first deadline that there is makes libtorrent take back what it has asked for. With
    // deadlines it asks each peer for one block at a time, so this one is not left.
    torrent.handle.clear_piece_deadlines();
    torrent.handle.set_piece_deadline(lt::piece_index_t{static_cast<int>(*orders.start_over)},
                                      0);
    torrent.handle.clear_piece_deadlines();
  }
  if (!orders.priorities.empty()) {
    std::vector<std::pair<lt::piece_index_t, lt::download_priority_t>> priorities;
    priorities.reserve(orders.priorities.size());
    for (const auto &[piece, priority] : orders.priorities)
      priorities.emplace_back(static_cast<int>(piece), priority);
    torrent.handle.prioritize_pieces(priorities);
  }
  int deadline = 0;
  for (const auto piece : orders.deadlines) {
    torrent.handle.set_piece_deadline(lt::piece_index_t{static_cast<int>(piece)}, deadline);
    deadline += 100;
  }
}

void resynchronise(HeldTorrent &torrent)
{
  if (!torrent.picker || !torrent.handle.is_valid())
    return;
  const auto status = torrent.handle.status(lt::torrent_handle::query_pieces);
  const bool has_all = status.is_seeding;
  const auto count = torrent.state->shared.lock()->contents->piece_count;
  for (std::uint32_t piece = 0; piece < count; ++piece) {
    const lt::piece_index_t index{static_cast<int>(piece)};
    if (has_all || (index < status.pieces.end_index() && status.pieces[index]))
      note_piece(torrent, piece);
  }
  {
    auto shared = torrent.state->shared.lock();
    shared->have.resize(count);
  }
}

void handle_metadata(HeldTorrent &torrent)
{
  const auto info = torrent.handle.torrent_file();
  if (!info || torrent.picker)
    return;
  if (!contents_of(*info)->stays_below()) {
    fail(*torrent.state, {Failure::Kind::format, "The torrent's metadata is damaged.",
                          "the name of a file is not one"});
    return;
  }
  auto metainfo = std::make_shared<const ByteVector>(metainfo_of(*info));
  take_contents(torrent, info);
  torrent.store->keep_metainfo(*metainfo);
  torrent.state->shared.lock()->metainfo = std::move(metainfo);
  look_for_files(torrent);
  tell(*torrent.state, TorrentLease::Event::metadata);
}

// What comes of files that are not wanted is in a file of libtorrent's, piece by piece. When
// one of them is wanted, libtorrent 2.0 takes its pieces out as if they were whole; if the last
// piece there is not, that ends in whatever errno was before.
bool can_mend(const HeldTorrent &torrent, const lt::error_code &ec, lt::operation_t op)
{
  constexpr int most_mendings = 16;
  constexpr std::array real{ENOSPC, EDQUOT, EACCES, EPERM, EROFS, EIO};
  return op == lt::operation_t::partfile_write && torrent.picker &&
         torrent.mendings < most_mendings && std::ranges::find(real, ec.value()) == real.end();
}

void mend(HeldTorrent &torrent)
{
  torrent.is_mending = false;
  ++torrent.mendings;
  std::shared_ptr<const Contents> contents;
  std::string path;
  {
    auto shared = torrent.state->shared.lock();
    contents = shared->contents;
    path = shared->save_path;
  }
  path += "/." + lt::aux::to_hex(torrent.handle.info_hashes().get_best()) + ".parts";
  // As long as it can be, and no more on the disk than it was: nothing there is cut off then.
  const auto file =
      net::FileDescriptor::own(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  constexpr off_t head = 1024;
  const auto pieces = static_cast<off_t>(contents->piece_count);
  const auto longest = head + 4 * pieces + pieces * static_cast<off_t>(contents->piece_length);
  struct stat about {};
  if (file && fstat(file.get(), &about) == 0 && about.st_size < longest)
    std::ignore = ftruncate(file.get(), longest);
  torrent.files.clear();
  torrent.is_waiting_for_files = false;
  torrent.picker->forget_orders();
  torrent.handle.clear_error();
  torrent.handle.resume();
}

void remember_peer(HeldTorrent &torrent, const lt::tcp::endpoint &peer)
{
  auto &peers = torrent.peers;
  if (std::ranges::find(peers, peer) != peers.end())
    return;
  if (peers.size() >= TorrentSpec::most_peers)
    peers.erase(peers.begin());
  peers.push_back(peer);
}

// Seeds hang up on who wants nothing of them, and libtorrent 2.0 does not call them again when
// something is wanted: it counts whom it may call when it calls, and by what was wanted then
// there is nobody. Peers that it has never seen make it count anew.
void call_peers_back(HeldTorrent &torrent)
{
  torrent.handle.clear_peers();
  for (const auto &peer : torrent.peers)
    torrent.handle.connect_peer(peer);
  torrent.handle.force_reannounce();
  torrent.handle.force_dht_announce();
}

}  // namespace kam::torrent
