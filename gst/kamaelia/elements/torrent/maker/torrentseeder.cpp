// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/maker/torrentseeder.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace kam {

using torrent::TorrentLease;
using torrent::TorrentSpec;

TorrentSeeder::TorrentSeeder(std::shared_ptr<torrent::TorrentSession> session,
                             const Options &options)
    : session_{std::move(session)}, shared_{std::make_shared<Shared>()}
{
  shared_->ratio = options.ratio;
  shared_->time = options.time;
  shared_->state.lock()->limits = options.limits;
  if (options.time.count() > 0)
    timer_ = std::thread{[shared = shared_] { shared->watch_time(); }};
}

TorrentSeeder::~TorrentSeeder()
{
  std::vector<std::shared_ptr<Seeded>> seeded;  // they go without the lock
  {
    auto state = shared_->state.lock();
    seeded.swap(state->seeded);
    state->is_ending = true;
  }
  shared_->changed.notify_all();
  if (timer_.joinable())
    timer_.join();
  for (const auto &one : seeded)
    one->lease->listen(nullptr);
}

std::optional<torrent::Failure> TorrentSeeder::add(const torrent::MadeTorrent &made,
                                                   const std::string &folder,
                                                   std::uint64_t number)
{
  auto parsed = TorrentSpec::from_metainfo(made.metainfo);
  if (const auto *failure = std::get_if<torrent::Failure>(&parsed))
    return *failure;
  const auto &spec = std::get<TorrentSpec>(parsed);
  auto seeded = std::make_shared<Seeded>();
  seeded->lease = session_->hold(
      spec,
      {.save_path = folder, .keep_files = true, .resume = false, .seed = true, .file = {}});
  seeded->lease->set_limits(shared_->state.lock()->limits);
  seeded->number = number;
  seeded->size = spec.contents()->files.at(0).size;
  seeded->since = Clock::now();
  seeded->lease->listen([shared = std::weak_ptr{shared_}](TorrentLease::Event) {
    if (const auto owner = shared.lock())
      owner->check();
  });
  shared_->state.lock()->seeded.push_back(std::move(seeded));
  shared_->changed.notify_all();
  return {};
}

void TorrentSeeder::retire(State &state, std::size_t index)
{
  const auto status = state.seeded[index]->lease->status();
  state.past.uploaded += status.uploaded;
  state.seeded.erase(state.seeded.begin() + static_cast<std::ptrdiff_t>(index));
}

void TorrentSeeder::remove(std::uint64_t number)
{
  std::shared_ptr<Seeded> goes;  // without the lock
  auto state = shared_->state.lock();
  for (std::size_t i = 0; i < state->seeded.size(); ++i)
    if (state->seeded[i]->number == number) {
      goes = state->seeded[i];
      retire(*state, i);
      break;
    }
}

void TorrentSeeder::set_limits(const torrent::TorrentLimits &limits)
{
  std::vector<std::shared_ptr<Seeded>> seeded;
  {
    auto state = shared_->state.lock();
    state->limits = limits;
    seeded = state->seeded;
  }
  for (const auto &one : seeded)
    one->lease->set_limits(limits);
}

bool TorrentSeeder::Shared::is_enough(const Seeded &seeded) const
{
  const auto uploaded = static_cast<double>(seeded.lease->status().uploaded);
  const bool by_ratio = ratio > 0 && uploaded >= ratio * static_cast<double>(seeded.size);
  const bool by_time = time.count() > 0 && Clock::now() - seeded.since >= time;
  return by_ratio || by_time;
}

void TorrentSeeder::Shared::check()
{
  std::vector<std::shared_ptr<Seeded>> done;  // they go without the lock
  {
    auto now = state.lock();
    for (std::size_t i = 0; i < now->seeded.size();)
      if (is_enough(*now->seeded[i])) {
        done.push_back(now->seeded[i]);
        ++now->past.done;
        retire(*now, i);
      } else {
        ++i;
      }
  }
  if (!done.empty())
    changed.notify_all();
}

void TorrentSeeder::Shared::watch_time()
{
  for (;;) {
    check();
    auto now = state.lock();
    if (now->is_ending)
      return;
    auto next = Clock::time_point::max();
    for (const auto &seeded : now->seeded)
      next = std::min(next, seeded->since + time);
    now.wait_until(changed, next);
  }
}

bool TorrentSeeder::wait()
{
  // The session tells once a second, unless nothing happens.
  constexpr auto longest_look = std::chrono::seconds{1};
  for (;;) {
    shared_->check();
    auto state = shared_->state.lock();
    if (state->is_interrupted)
      return false;
    if (state->seeded.empty())
      return true;
    state.wait_until(shared_->changed, Clock::now() + longest_look);
    if (state->is_interrupted)
      return false;
  }
}

void TorrentSeeder::interrupt(bool on)
{
  shared_->state.lock()->is_interrupted = on;
  shared_->changed.notify_all();
}

TorrentSeeder::Report TorrentSeeder::report() const
{
  auto state = shared_->state.lock();
  auto report = state->past;
  for (const auto &seeded : state->seeded) {
    const auto status = seeded->lease->status();
    ++report.torrents;
    report.uploaded += status.uploaded;
    report.upload_rate += status.upload_rate;
    report.peers += status.peers;
    report.port = seeded->lease->listen_port();
  }
  return report;
}

}  // namespace kam
