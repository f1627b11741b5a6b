// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever somebody calls a torrent: what is loaded stays inside its folder and the limits.
#include "core/torrent/metainfo_guess.hpp"
#include "elements/torrent/swarm/torrentsession.hpp"
#include "fuzz_support.hpp"
#include "support/torrent_paths.hpp"
#include "torrent_script.hpp"

#include <variant>

using namespace kam;
using namespace kam::torrent;

namespace {

void load(Bytes input)
{
  const auto guess = guess_metainfo(input);
  const auto loaded = TorrentSpec::from_metainfo(input);
  const auto *spec = std::get_if<TorrentSpec>(&loaded);
  if (!spec)
    return;
  // What can be loaded is known by its beginning, too, unless lists are nested for no reason.
  fuzz::require(guess != MetainfoGuess::undecided);
  const auto contents = spec->contents();
  fuzz::require(contents && contents->piece_length > 0 && contents->piece_count > 0);
  fuzz::require(contents->piece_count <= TorrentSpec::largest_metainfo);
  fuzz::require(test::is_inside(contents->name));
  for (const auto &file : contents->files) {
    fuzz::require(test::is_inside(file.path));
    fuzz::require(file.offset + file.size <= contents->size);
    const auto pieces = contents->pieces_of(file);
    fuzz::require(pieces.begin <= pieces.end && pieces.end <= contents->piece_count);
  }
  fuzz::require(spec->name().find('/') == std::string::npos);
  fuzz::require(spec->metainfo().size() == input.size());
  fuzz::require(spec->info_hash().size() == 40 || spec->info_hash().size() == 64);
  (void)choose_file(*contents, {});
  const auto again = TorrentSpec::from_magnet(spec->magnet());
  const auto *by_magnet = std::get_if<TorrentSpec>(&again);
  fuzz::require(by_magnet && by_magnet->info_hash() == spec->info_hash());
}

}  // namespace

// Bytes of a torrent, or a script for one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const std::span input{data, size};
  if (size > 0 && data[0] == 'S')
    load(as_bytes(fuzz::TorrentScript{input.subspan(1)}.torrent()));
  else
    load(std::as_bytes(input));
  return 0;
}
