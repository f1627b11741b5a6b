// SPDX-License-Identifier: LGPL-2.1-or-later
// A series of torrents as a hostile server tells it: each byte is what comes of the next work,
// or of the part that is played.
#include "core/torrent/series_follower.hpp"
#include "fuzz_support.hpp"

#include <set>

using namespace kam;
using namespace kam::torrent;

namespace {

class Server {
 public:
  Server(std::uint8_t a, std::uint8_t b, std::uint8_t c)
      : most_held_{std::size_t{a % 4U} + b % 4U + 2},
        follower_{{.first_number = static_cast<std::int8_t>(c),
                   .last_number = c % 8U == 0 ? c : 0U,
                   .parts_ahead = a % 4U,
                   .parts_shared = b % 4U},
                  {.newest = b},
                  now_}
  {
  }

  void step(std::uint8_t what)
  {
    using Work = SeriesFollower::Work;
    const auto work = follower_.next_work();
    now_ = std::max(now_, work.at);
    switch (what % 8U) {
    case 0: follower_.handle_no_index(now_); break;
    case 1: follower_.handle_index({.newest = what / 8U}, now_); break;
    case 2:
      follower_.handle_index({.newest = max_series_number - what, .has_ended = true}, now_);
      break;
    case 3:
      follower_.handle_index(
          {.newest = std::min(follower_.newest() + what / 64U, max_series_number)}, now_);
      break;
    case 4: follower_.handle_played(); break;
    case 5: follower_.handle_failure(SeriesFollower::Refusal::silent); break;
    case 6:
      if (work.kind != Work::Kind::poll)
        follower_.handle_refusal(work.number, what < 128 ? SeriesFollower::Refusal::absent
                                                         : SeriesFollower::Refusal::useless);
      break;
    default:
      if (work.kind == Work::Kind::poll)
        break;
      if (work.kind == Work::Kind::fetch)
        fuzz::require(held_.insert(work.number).second);
      follower_.handle_torrent(work.number);
    }
    for (const auto number : follower_.take_released())
      fuzz::require(held_.erase(number) == 1);
    fuzz::require(held_.size() <= most_held_);
    fuzz::require(!follower_.playing() || held_.contains(*follower_.playing()));
    fuzz::require(follower_.head() >= 1 && follower_.head() <= max_series_number + 1);
    follower_.poll_event();
  }

 private:
  SeriesFollower::Time now_{};
  std::size_t most_held_;
  SeriesFollower follower_;
  std::set<std::uint64_t> held_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 3)
    return 0;
  Server server{data[0], data[1], data[2]};
  for (std::size_t i = 3; i < size; ++i)
    server.step(data[i]);
  return 0;
}
