// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever somebody calls a magnet link.
#include "elements/torrent/swarm/torrentsession.hpp"
#include "fuzz_support.hpp"
#include "support/torrent_paths.hpp"

#include <variant>

using namespace kam;
using namespace kam::torrent;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const auto input = as_text(std::as_bytes(std::span{data, size}));
  const auto loaded = TorrentSpec::from_magnet(input);
  const auto *spec = std::get_if<TorrentSpec>(&loaded);
  if (!spec)
    return 0;
  fuzz::require(spec->info_hash().size() == 40 || spec->info_hash().size() == 64);
  fuzz::require(spec->name().empty() || spec->name().find('/') == std::string::npos);
  fuzz::require(spec->name().find('\0') == std::string::npos);
  fuzz::require(!spec->contents());
  for (const auto index : spec->selected())
    fuzz::require(index >= 0);
  const auto again = TorrentSpec::from_magnet(spec->magnet());
  const auto *second = std::get_if<TorrentSpec>(&again);
  fuzz::require(second && second->info_hash() == spec->info_hash());
  return 0;
}
