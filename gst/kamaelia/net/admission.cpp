// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/admission.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kam::net {

Admission::Address Admission::address_of(const Endpoint &peer)
{
  Address address;
  if (peer.family() == Family::ipv4) {
    address.second = peer.ipv4().s_addr;
  } else if (peer.family() == Family::ipv6) {
    // One host, or one household, has at least a /64 of its own.
    std::memcpy(&address.first, peer.ipv6().s6_addr, sizeof address.first);
    address.second = UINT64_MAX;
  }
  return address;
}

Admission::Answer Admission::reserve(std::uint64_t now_ns)
{
  const std::lock_guard lock{mutex_};
  if (is_closed_ || ever_ - kept_ >= limits_.total)
    return {Verdict::over};
  if (clients_ - kept_ >= limits_.clients) {
    has_refused_ = true;
    return {Verdict::full};
  }
  if (ever_ >= limits_.total || clients_ >= limits_.clients)
    return {Verdict::held, now_ns + retry_interval_ns};
  if (limits_.rate > 0) {
    const auto each = second / limits_.rate;
    paid_until_ns_ = std::max(paid_until_ns_, now_ns);
    if (paid_until_ns_ + each > now_ns + second)
      return {Verdict::too_fast, paid_until_ns_ + each - second};
    paid_until_ns_ += each;
  }
  ++clients_;
  ++ever_;
  ++kept_;
  return {};
}

void Admission::give_back()
{
  const std::lock_guard lock{mutex_};
  --clients_;
  --ever_;
  --kept_;
  if (limits_.rate > 0)
    paid_until_ns_ -= std::min(paid_until_ns_, second / limits_.rate);
}

bool Admission::count(const Endpoint &peer)
{
  const std::lock_guard lock{mutex_};
  --kept_;
  if (limits_.per_address == UINT64_MAX)
    return true;
  auto &count = by_address_[address_of(peer)];
  if (count >= limits_.per_address) {
    --clients_;
    --ever_;
    return false;
  }
  ++count;
  return true;
}

bool Admission::leave(const Endpoint &peer)
{
  const std::lock_guard lock{mutex_};
  --clients_;
  if (limits_.per_address != UINT64_MAX)
    if (const auto found = by_address_.find(address_of(peer));
        found != by_address_.end() && --found->second == 0)
      by_address_.erase(found);
  return std::exchange(has_refused_, false);
}

void Admission::close()
{
  const std::lock_guard lock{mutex_};
  is_closed_ = true;
}

bool Admission::is_over()
{
  const std::lock_guard lock{mutex_};
  return (is_closed_ || ever_ - kept_ >= limits_.total) && clients_ == kept_;
}

}  // namespace kam::net
