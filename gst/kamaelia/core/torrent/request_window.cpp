// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/request_window.hpp"

#include <algorithm>

namespace kam::torrent {

namespace {

using Seconds = std::chrono::duration<double>;

}  // namespace

std::size_t RequestWindow::limit() const
{
  return std::min(static_cast<std::size_t>(limit_), most_);
}

bool RequestWindow::ask(const Block &block, Time now)
{
  kept_.push_back(block);
  return kept_.size() == 1 && next(now);
}

void RequestWindow::answered(const Block &block, Time now)
{
  // Nearly always the first.
  const auto found = std::ranges::find(asked_, block, &Asked::block);
  if (found == asked_.end())
    return;
  measure(*found, now);
  asked_.erase(found);
}

bool RequestWindow::withdraw(const Block &block)
{
  if (const auto found = std::ranges::find(asked_, block, &Asked::block);
      found != asked_.end()) {
    asked_.erase(found);
    return false;
  }
  return std::erase(kept_, block) > 0;
}

void RequestWindow::give_up(Time now)
{
  while (!asked_.empty() && now - asked_.front().at >= patience)
    asked_.pop_front();
}

std::optional<RequestWindow::Block> RequestWindow::next(Time now)
{
  return asked_.size() < limit() ? next_anyway(now) : std::nullopt;
}

std::optional<RequestWindow::Block> RequestWindow::next_anyway(Time now)
{
  if (kept_.empty())
    return std::nullopt;
  const auto block = kept_.front();
  kept_.pop_front();
  asked_.push_back({block, now, asked_.size() + 1});
  return block;
}

// What the network takes changes: what is older than two periods is forgotten.
void RequestWindow::note_delay(Time took, Time now)
{
  constexpr std::chrono::seconds period{30};
  if (now - period_since_ >= period) {
    shortest_before_ = shortest_;
    shortest_ = Time::max();
    period_since_ = now;
  }
  shortest_ = std::min(shortest_, took);
}

void RequestWindow::measure(const Asked &asked, Time now)
{
  const auto took = now - asked.at;
  note_delay(took, now);
  const auto waited = took - std::min(shortest_, shortest_before_);
  const bool is_used = 2 * asked_.size() >= limit();
  if (waited < target / 2) {
    if (is_used)
      limit_ += 1;  // Twice as many in the time that a block takes.
  } else if (waited < target) {
    if (is_used)
      limit_ += 1 / limit_;
  } else if (waited > 2 * target) {
    // As many as would have waited for the target.
    const auto share = Seconds{target} / Seconds{waited};
    limit_ = std::clamp(static_cast<double>(asked.among) * share, least, limit_);
  }
}

}  // namespace kam::torrent
