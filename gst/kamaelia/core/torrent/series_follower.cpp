// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/series_follower.hpp"

#include <algorithm>
#include <utility>

namespace kam::torrent {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds first_interval{1000};
constexpr milliseconds shortest_interval{250};
constexpr milliseconds longest_interval{15'000};
constexpr milliseconds longest_patience{30'000};  // with a server that does not answer

// The server said that it is there; caches and folders that are filled by hand may lag.
constexpr int most_tries = 3;
// One that is missing may be an accident; more of them are the rule.
constexpr std::uint64_t accidents = 2;
// A cache may answer with what was true a while ago.
constexpr int most_older_polls = 3;
constexpr std::size_t most_events = 16;

}  // namespace

SeriesFollower::SeriesFollower(const Options &options, const SeriesIndex &index, Time now)
    : options_{options},
      head_{first_of(index.newest)},
      newest_{index.newest},
      index_has_ended_{index.has_ended},
      polls_{1},
      next_poll_{now + poll_interval()}
{
}

std::uint64_t SeriesFollower::first_of(std::uint64_t newest) const
{
  if (options_.first_number > 0)
    return static_cast<std::uint64_t>(options_.first_number);
  const auto back = static_cast<std::uint64_t>(-options_.first_number);
  return newest > back ? newest - back : 1;
}

milliseconds SeriesFollower::poll_interval() const
{
  if (options_.poll_interval.count() > 0)
    return options_.poll_interval;
  if (pace_ == Time{})
    return first_interval;
  return std::clamp(std::chrono::duration_cast<milliseconds>(pace_ / 8), shortest_interval,
                    longest_interval);
}

// --- the index ----------------------------------------------------------------------------

void SeriesFollower::handle_index(const SeriesIndex &index, Time now)
{
  ++polls_;
  lost_polls_ = 0;
  if (index.newest < newest_ && ++older_polls_ < most_older_polls) {
    next_poll_ = now + poll_interval();
    return;
  }
  older_polls_ = 0;
  if (index.newest < newest_) {
    begin_anew(index.newest);
  } else if (index.newest > newest_) {
    note_pace(index.newest - newest_, now);
  }
  newest_ = index.newest;
  index_has_ended_ = index.has_ended;
  next_poll_ = now + poll_interval();
}

void SeriesFollower::handle_no_index(Time now)
{
  const auto doublings = std::min(lost_polls_++, 5);
  next_poll_ = now + std::min<Time>(poll_interval() * (1 << doublings),
                                    std::max<Time>(longest_patience, poll_interval()));
}

void SeriesFollower::note_pace(std::uint64_t parts, Time now)
{
  // The first had come at any time before.
  if (newest_since_) {
    const auto between = (now - *newest_since_) / static_cast<std::int64_t>(parts);
    pace_ = pace_ == Time{} ? between : (pace_ * 3 + between) / 4;
  }
  newest_since_ = now;
}

// What is played is played to its end.
void SeriesFollower::begin_anew(std::uint64_t newest)
{
  add_event({.kind = Event::Kind::restarted, .number = newest});
  const auto now_playing = playing();
  for (const auto &[number, part] : std::exchange(parts_, {}))
    if (number == now_playing)
      parts_.emplace(number, part);
    else if (part.state == Part::State::held)
      released_.push_back(number);
  // Their numbers may be others' soon.
  released_.insert(released_.end(), shared_.begin(), shared_.end());
  shared_.clear();
  search_.reset();
  absent_in_a_row_ = 0;
  newest_since_.reset();
  const auto head = std::min(first_of(newest), std::max<std::uint64_t>(newest, 1));
  if (now_playing) {
    next_series_head_ = head;
  } else {
    head_ = head;
    is_discontinuous_ = true;
  }
}

// --- torrents -----------------------------------------------------------------------------

void SeriesFollower::handle_torrent(std::uint64_t number)
{
  if (search_) {
    narrow(number, true);
    return;
  }
  absent_in_a_row_ = 0;
  if (number >= head_ && number <= newest_)
    parts_[number].state = Part::State::held;
  else
    released_.push_back(number);
}

void SeriesFollower::handle_refusal(std::uint64_t number, Refusal why)
{
  if (search_ && why != Refusal::useless) {
    narrow(number, false);
    return;
  }
  if (search_)
    narrow(number, true);
  if (number < head_)
    return;
  auto &part = parts_[number];
  part.why = why;
  part.tried_at_poll = polls_;
  // It is tried again when the index has been had again: a server that is away says nothing
  // about what it has.
  if (why == Refusal::absent && ++part.tries < most_tries)
    return;
  part.state = Part::State::refused;
  skip_refused();
}

void SeriesFollower::skip_refused()
{
  while (!search_) {
    const auto part = parts_.find(head_);
    if (part == parts_.end() || part->second.state != Part::State::refused)
      return;
    const auto why = part->second.why;
    absent_in_a_row_ = why == Refusal::absent ? absent_in_a_row_ + 1 : 0;
    skip(1, why);
    // What is held already needs no search.
    const auto held = std::ranges::find_if(
        parts_, [](const auto &one) { return one.second.state == Part::State::held; });
    const auto there = held == parts_.end() ? newest_ : held->first;
    if (absent_in_a_row_ >= accidents && there > head_)
      search_ = Search{.gone = head_ - 1, .there = there};
  }
}

void SeriesFollower::skip(std::uint64_t count, Refusal why)
{
  if (count == 0)
    return;
  add_event({.kind = Event::Kind::skipped, .number = head_, .count = count, .why = why});
  skipped_ += count;
  head_ += count;
  is_discontinuous_ = true;
  while (!parts_.empty() && parts_.begin()->first < head_)
    release(parts_.begin()->first);
}

void SeriesFollower::add_event(const Event &event)
{
  if (events_.size() < most_events)
    events_.push_back(event);
}

void SeriesFollower::narrow(std::uint64_t number, bool is_there)
{
  auto &search = *search_;
  if (is_there && number < search.there)
    search.there = std::max(number, search.gone + 1);
  if (!is_there && number > search.gone)
    search.gone = std::min(number, search.there - 1);
  if (search.there - search.gone > 1)
    return;
  const auto found = search.there;
  search_.reset();
  absent_in_a_row_ = 0;
  skip(found - head_, Refusal::absent);
  skip_refused();
}

void SeriesFollower::release(std::uint64_t number)
{
  const auto part = parts_.find(number);
  if (part == parts_.end())
    return;
  if (part->second.state == Part::State::held)
    released_.push_back(number);
  parts_.erase(part);
}

// --- the part that is played --------------------------------------------------------------

std::optional<std::uint64_t> SeriesFollower::playing() const
{
  const auto part = parts_.find(head_);
  if (part == parts_.end() || part->second.state != Part::State::held)
    return {};
  return head_;
}

void SeriesFollower::handle_played()
{
  if (!playing())
    return;
  if (leave_old_series())
    return;
  is_discontinuous_ = false;
  parts_.erase(head_);
  shared_.push_back(head_++);
  for (; shared_.size() > options_.parts_shared; shared_.pop_front())
    released_.push_back(shared_.front());
  skip_refused();
}

bool SeriesFollower::handle_failure(Refusal why)
{
  if (!playing())
    return false;
  if (leave_old_series())
    return true;
  if (why == Refusal::silent && newest_ <= head_)
    return false;
  skip(1, why);
  skip_refused();
  return true;
}

// What was played is not shared, for the same reason.
bool SeriesFollower::leave_old_series()
{
  if (!next_series_head_)
    return false;
  release(head_);
  head_ = *std::exchange(next_series_head_, std::nullopt);
  is_discontinuous_ = true;
  return true;
}

bool SeriesFollower::has_ended() const
{
  if (next_series_head_)
    return false;
  return (options_.last_number > 0 && head_ > options_.last_number) ||
         (index_has_ended_ && head_ > newest_);
}

// --- work ---------------------------------------------------------------------------------

std::optional<std::uint64_t> SeriesFollower::missing() const
{
  if (next_series_head_)
    return {};
  auto end = std::min(newest_, head_ + options_.parts_ahead);
  if (options_.last_number > 0)
    end = std::min(end, options_.last_number);
  for (auto number = head_; number <= end; ++number) {
    const auto part = parts_.find(number);
    if (part == parts_.end())
      return number;
    if (part->second.state == Part::State::wanted && part->second.tried_at_poll < polls_)
      return number;
  }
  return {};
}

SeriesFollower::Work SeriesFollower::next_work() const
{
  if (search_)
    return {.kind = Work::Kind::probe,
            .number = search_->gone + (search_->there - search_->gone) / 2,
            .at = {}};
  if (const auto number = missing())
    return {.kind = Work::Kind::fetch, .number = *number, .at = {}};
  return {.kind = Work::Kind::poll, .number = 0, .at = next_poll_};
}

std::vector<std::uint64_t> SeriesFollower::take_released()
{
  return std::exchange(released_, {});
}

std::optional<SeriesFollower::Event> SeriesFollower::poll_event()
{
  if (events_.empty())
    return {};
  const auto event = events_.front();
  events_.pop_front();
  return event;
}

}  // namespace kam::torrent
