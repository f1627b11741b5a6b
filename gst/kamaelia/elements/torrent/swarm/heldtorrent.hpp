// SPDX-License-Identifier: LGPL-2.1-or-later
// A torrent as the session's thread has it, and what it does with it.
#pragma once

#include "elements/torrent/swarm/filesclaim.hpp"
#include "elements/torrent/swarm/torrentstate.hpp"
#include "elements/torrent/swarm/torrentstore.hpp"

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/operations.hpp>
#include <libtorrent/socket.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <libtorrent/torrent_info.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kam::torrent {

struct HeldTorrent {
  HeldTorrent(std::shared_ptr<TorrentState> held, TorrentSpec begun_with, TorrentOptions how)
      : state{std::move(held)}, spec{std::move(begun_with)}, options{std::move(how)}
  {
  }

  std::shared_ptr<TorrentState> state;
  TorrentSpec spec;  // what it began with
  TorrentOptions options;
  lt::torrent_handle handle;
  std::unique_ptr<TorrentStore> store;                    // null until it has begun
  std::vector<std::function<void(HeldTorrent &)>> to_do;  // as soon as it has begun
  std::optional<FilesClaim> claim;  // of a save path, where others may come, too
  std::optional<Picker> picker;
  std::size_t file_count = 0;                  // with padding
  std::vector<lt::download_priority_t> files;  // as last told to libtorrent
  bool is_waiting_for_files = false;           // libtorrent has not taken them yet
  bool is_checked = false;
  bool stops_when_checked = false;  // to be resumed, which calls peers at once
  bool is_comparing = false;        // all anew, because a piece that was noted is wrong
  int checks_again = 0;
  std::size_t files_without_hashes = 0;
  std::uint32_t noted_pieces = 0;
  std::set<std::string> names_before;  // what was in the save path
  bool had_files = false;              // and some of it is the torrent's
  std::optional<std::chrono::steady_clock::time_point> lonely_since;
  int mendings = 0;                       // of the file for pieces of unwanted files
  bool is_mending = false;                // and libtorrent has yet to stop for it
  bool may_have_sent_peers_away = false;  // by having all that was wanted
  std::vector<lt::tcp::endpoint> peers;   // that were told of or called, the last ones
};

std::set<std::string> names_in(const std::string &folder);
// The metadata has become known: so have the files.
void take_contents(HeldTorrent &torrent, const std::shared_ptr<const lt::torrent_info> &info);
// What was there before may not be deleted.
void look_for_files(HeldTorrent &torrent);
// Pieces that were noted need not be read through.
void believe_notes(HeldTorrent &torrent, lt::add_torrent_params &params);
void note_piece(HeldTorrent &torrent, std::uint32_t piece);
// All that is there, as libtorrent sees it.
void resynchronise(HeldTorrent &torrent);
// libtorrent has looked at what is there: it is, from now on.
void handle_checked(HeldTorrent &torrent);
void handle_metadata(HeldTorrent &torrent);
// Tells libtorrent what the readers need; or, if what is there is not what was noted, to read
// all and compare.
void plan(HeldTorrent &torrent);

// Whether an error is one of libtorrent's own, which mend() undoes.
bool can_mend(const HeldTorrent &torrent, const lt::error_code &ec, lt::operation_t op);
void mend(HeldTorrent &torrent);

void remember_peer(HeldTorrent &torrent, const lt::tcp::endpoint &peer);
// After all that was wanted had come, and more is wanted now.
void call_peers_back(HeldTorrent &torrent);

}  // namespace kam::torrent
