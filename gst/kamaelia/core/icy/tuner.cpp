// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/icy/tuner.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kam::icy {

Tuner::Tuner(std::string address, Limits limits)
    : own_address_{std::move(address)}, limits_{limits}
{
  begin_round();
}

void Tuner::begin_round()
{
  round_.clear();
  seen_.clear();
  any_hope_ = false;
  if (!last_good_.empty() && last_good_ != own_address_) {
    // It stays in its playlist, which need not be read again to find it.
    round_.push_back({last_good_, 1});
    seen_.insert(last_good_);
  }
  round_.push_back({own_address_, 0});
  seen_.insert(own_address_);
}

Tuner::Step Tuner::next(const Policy &policy)
{
  Step step;
  if (lost_) {
    lost_ = false;
    begin_round();
    if (policy.retries == 0)
      return {};
    step.pause = policy.delay;
  } else if (round_.empty()) {
    ++failed_rounds_;
    const bool may_retry = policy.retries < 0 || failed_rounds_ <= policy.retries;
    if (!may_retry || !any_hope_)
      return {};
    step.pause = pause(policy);
    begin_round();
  }
  current_ = std::move(round_.front());
  round_.pop_front();
  step.address = current_.address;
  return step;
}

Tuner::Duration Tuner::pause(const Policy &policy) const
{
  const auto most = static_cast<double>(std::max(policy.largest_delay, policy.delay).count());
  const auto grown = static_cast<double>(policy.delay.count()) *
                     std::pow(policy.backoff_factor, failed_rounds_ - 1);
  return Duration{static_cast<Duration::rep>(std::min(grown, most))};
}

bool Tuner::handle_playlist(const std::vector<std::string> &entries)
{
  std::vector<Candidate> fresh;
  if (current_.depth < limits_.max_depth)
    for (const auto &entry : entries)
      if (seen_.size() < limits_.max_addresses && seen_.insert(entry).second)
        fresh.push_back({entry, current_.depth + 1});
  round_.insert(round_.begin(), fresh.begin(), fresh.end());
  return !fresh.empty();
}

void Tuner::handle_failure(Hope hope)
{
  any_hope_ |= hope == Hope::some;
}

void Tuner::handle_data()
{
  last_good_ = current_.address;
  failed_rounds_ = 0;
}

void Tuner::handle_loss()
{
  lost_ = true;
}

}  // namespace kam::icy
