// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/piece_cutter.hpp"

#include <algorithm>

namespace kam::torrent {

std::optional<PieceRun> PieceCutter::poll()
{
  if (input_.empty())
    return {};
  const auto size = std::min<std::size_t>(input_.size(), piece_size_ - filled_);
  PieceRun run{input_.first(size), piece_, filled_ + size == piece_size_};
  input_ = input_.subspan(size);
  filled_ = run.ends_piece ? 0 : filled_ + static_cast<std::uint32_t>(size);
  piece_ += run.ends_piece ? 1 : 0;
  return run;
}

}  // namespace kam::torrent
