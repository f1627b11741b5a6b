// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/torrentstate.hpp"

#include <utility>

namespace kam::torrent {

void tell(TorrentState &state, TorrentLease::Event event)
{
  state.changed.notify_all();
  const auto subscribers = state.shared.lock()->subscribers;
  for (const auto &subscriber : subscribers)
    (*subscriber.listener)(event);
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
