// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentstate.hpp"

#include "elements/torrent/swarm/piececheck.hpp"

#include <utility>

namespace kam::torrent {

void tell(TorrentState &state, TorrentLease::Event event)
{
  state.changed.notify_all();
  const auto subscribers = state.shared.lock()->subscribers;
  for (const auto &subscriber : subscribers)
    (*subscriber.listener)(event);
}

bool prove(TorrentState &state, std::uint32_t piece)
{
  const auto is_doubtful = [piece](const TorrentState::Shared &shared) {
    return piece < shared.doubtful.size() && shared.doubtful[piece];
  };
  std::shared_ptr<const PieceCheck> check;
  {
    auto shared = state.shared.lock();
    if (shared->is_refuted || !is_doubtful(*shared))
      return !shared->is_refuted;
    check = shared->check;
  }
  const auto verdict = check->look_at(piece);
  auto shared = state.shared.lock();
  // Somebody else may have looked at it meanwhile.
  if (shared->is_refuted || !is_doubtful(*shared))
    return !shared->is_refuted;
  shared->doubtful[piece] = false;
  if (verdict != PieceCheck::Verdict::wrong)
    return true;
  shared->is_refuted = true;
  shared->have.clear();
  shared->doubtful.clear();
  return false;
}

void fail(TorrentState &state, Failure failure)
{
  {
    auto shared = state.shared.lock();
    if (shared->failure)
      return;
    shared->failure = std::move(failure);
    shared->status.state = TorrentStatus::State::failed;
  }
  tell(state, TorrentLease::Event::failed);
}

}  // namespace kam::torrent
