// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/audience.hpp"

#include <algorithm>
#include <limits>

namespace kam::srm {

namespace {

// Marks that are remembered; an answer to an older one says nothing any more.
constexpr std::size_t max_marks = 64;

}  // namespace

bool Audience::hear(NodeId node, std::uint64_t now, std::uint64_t sent_bytes)
{
  const auto found = members_.find(node);
  if (found != members_.end()) {
    found->second.last_heard = now;
    found->second.asked_at = 0;
    return false;
  }
  if (members_.size() >= max_members_)
    return false;
  Member member;
  member.last_heard = now;
  member.read_bytes = sent_bytes;
  members_.emplace(node, member);
  return true;
}

void Audience::set_window(NodeId node, std::size_t bytes)
{
  const auto found = members_.find(node);
  if (found == members_.end())
    return;
  found->second.window = bytes;
  found->second.answers_credit = true;
}

bool Audience::acknowledge(NodeId node, Position up_to)
{
  const auto found = members_.find(node);
  if (found == members_.end() || found->second.acknowledged >= up_to)
    return false;
  found->second.acknowledged = up_to;
  return true;
}

Position Audience::acknowledged_by_all() const
{
  auto least = std::numeric_limits<Position>::max();
  for (const auto &[node, member] : members_)
    least = std::min(least, member.acknowledged);
  return members_.empty() ? 0 : least;
}

std::size_t Audience::count_acknowledged(Position up_to) const
{
  return static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(),
                    [up_to](const auto &entry) { return entry.second.acknowledged >= up_to; }));
}

void Audience::list_unacknowledged(Position up_to, std::size_t limit, std::vector<NodeId> &out)
{
  out.clear();
  auto at = members_.upper_bound(listed_up_to_);
  for (std::size_t i = 0; i < members_.size() && out.size() < limit; ++i, ++at) {
    if (at == members_.end())
      at = members_.begin();
    if (at->second.acknowledged < up_to)
      out.push_back(at->first);
  }
  if (!out.empty())
    listed_up_to_ = out.back();
}

void Audience::list_all(std::size_t limit, std::vector<NodeId> &out)
{
  list_unacknowledged(std::numeric_limits<Position>::max(), limit, out);
}

std::uint8_t Audience::add_mark(std::uint64_t sent_bytes)
{
  if (marks_.size() >= max_marks)
    marks_.pop_front();
  marks_.push_back({next_mark_, sent_bytes});
  return next_mark_++;
}

void Audience::credit(NodeId node, std::uint8_t mark)
{
  const auto found = members_.find(node);
  if (found == members_.end())
    return;
  for (const auto &known : marks_) {
    if (known.id == mark)
      found->second.read_bytes = std::max(found->second.read_bytes, known.sent_bytes);
  }
}

void Audience::expect_credit(NodeId node)
{
  const auto found = members_.find(node);
  if (found != members_.end())
    found->second.answers_credit = true;
}

bool Audience::has_credit() const
{
  return std::any_of(members_.begin(), members_.end(),
                     [](const auto &entry) { return entry.second.answers_credit; });
}

std::uint64_t Audience::in_flight(std::uint64_t sent_bytes) const
{
  auto least = sent_bytes;
  for (const auto &[node, member] : members_)
    if (member.answers_credit)
      least = std::min(least, member.read_bytes);
  return sent_bytes - least;
}

std::size_t Audience::window() const
{
  auto least = std::numeric_limits<std::size_t>::max();
  for (const auto &[node, member] : members_)
    if (member.answers_credit)
      least = std::min(least, member.window != 0 ? member.window : default_window_);
  return least;
}

void Audience::ask(std::uint64_t now)
{
  for (auto &[node, member] : members_) {
    if (member.asked_at == 0)
      member.asked_at = now;
  }
}

std::optional<NodeId> Audience::drop_silent(std::uint64_t now, std::uint64_t timeout)
{
  if (timeout == 0)
    return std::nullopt;
  for (auto &[node, member] : members_) {
    if (member.asked_at != 0 && now > member.asked_at && now - member.asked_at >= timeout) {
      const auto silent = node;
      members_.erase(silent);
      return silent;
    }
  }
  return std::nullopt;
}

}  // namespace kam::srm
