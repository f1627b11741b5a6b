// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentseries.hpp"

#include "elements/torrent/player/torrentholding.hpp"
#include "elements/torrent/swarm/torrentstate.hpp"

#include <algorithm>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_EXTERN(torrentsrc_debug);
#define GST_CAT_DEFAULT torrentsrc_debug

namespace kam {

using torrent::Failure;
using torrent::monotonic_now;
using torrent::TorrentSpec;
using Refusal = torrent::SeriesFollower::Refusal;
using Clock = std::chrono::steady_clock;

namespace {

// A server that takes longer does not answer.
constexpr std::chrono::seconds fetch_patience{15};

const char *reason(Refusal why)
{
  switch (why) {
  case Refusal::absent: return "its torrent is not there";
  case Refusal::useless: return "its torrent is none of one file, or cannot be had";
  case Refusal::silent: return "nobody has sent data of it for too long";
  }
  return "";
}

glue::Ref<GBytes> bytes_of(const ByteVector &bytes)
{
  return glue::Ref<GBytes>::adopt(g_bytes_new(bytes.data(), bytes.size()));
}

}  // namespace

bool is_local(const Failure &failure)
{
  using Kind = Failure::Kind;
  return failure.kind == Kind::no_space || failure.kind == Kind::open_write ||
         failure.kind == Kind::settings;
}

TorrentSeries::TorrentSeries(GstElement *element, TorrentPlace index, TorrentSrcValues values,
                             const torrent::SeriesIndex &first)
    : element_{element},
      index_{std::move(index)},
      values_{std::move(values)},
      state_{State{.follower = {follower_options(values_), first, monotonic_now()},
                   .limits = limits_of(values_),
                   .readers = {},
                   .failure = {}}},
      thread_{[this] { run(); }}
{
}

TorrentSeries::~TorrentSeries()
{
  {
    const auto state = state_.lock();
    is_quitting_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// --- the streaming thread -----------------------------------------------------------------

std::variant<TorrentSeries::Part, TorrentSeries::Ended, Obstacle> TorrentSeries::wait_for_part(
    Clock::time_point deadline)
{
  auto state = state_.lock();
  for (;;) {
    if (state->is_interrupted)
      return Obstacle{Interrupted{}};
    if (state->failure)
      return Obstacle{*state->failure};
    if (const auto number = state->follower.playing())
      return Part{.number = *number,
                  .is_discontinuous = state->follower.is_discontinuous(),
                  .reader = state->readers.at(*number)};
    if (state->follower.has_ended())
      return Ended{};
    if (Clock::now() >= deadline)
      return Obstacle{Failure{Failure::Kind::not_found,
                              "No part of the series has come for too long.",
                              "waiting for part " + std::to_string(state->follower.head())}};
    state.wait_until(changed_, deadline);
  }
}

void TorrentSeries::end_part()
{
  state_.lock()->follower.handle_played();
  changed_.notify_all();
}

bool TorrentSeries::give_up_part(Refusal why)
{
  const bool is_skipped = state_.lock()->follower.handle_failure(why);
  changed_.notify_all();
  return is_skipped;
}

// --- any thread ---------------------------------------------------------------------------

void TorrentSeries::interrupt(bool on)
{
  state_.lock()->is_interrupted = on;
  changed_.notify_all();
}

void TorrentSeries::set_limits(const torrent::TorrentLimits &limits)
{
  auto state = state_.lock();
  state->limits = limits;
  for (const auto &[number, reader] : state->readers)
    reader->lease()->set_limits(limits);
}

TorrentSeries::Report TorrentSeries::report() const
{
  auto state = state_.lock();
  return {.part = state->follower.head(),
          .newest = state->follower.newest(),
          .skipped = state->follower.skipped(),
          .index_errors = state->index_errors};
}

// --- its own thread -----------------------------------------------------------------------

void TorrentSeries::run()
{
  for (Round round; begin_round(round); round = {}) {
    for (const auto &event : round.events)
      tell(event);
    if (!round.work)
      continue;
    if (round.work->kind == Follower::Work::Kind::poll)
      poll();
    else
      fetch_part(*round.work);
  }
}

// False if there are to be no more.
bool TorrentSeries::begin_round(Round &round)
{
  auto state = state_.lock();
  for (;;) {
    if (is_quitting_)
      return false;
    // They go without the lock, and before others come.
    for (const auto number : state->follower.take_released())
      if (const auto found = state->readers.extract(number))
        round.released.push_back(found.mapped());
    while (const auto event = state->follower.poll_event())
      round.events.push_back(*event);
    if (!round.released.empty() || !round.events.empty())
      return true;
    const auto work = state->follower.next_work();
    if (work.at <= monotonic_now() && !state->failure) {
      round.work = work;
      return true;
    }
    state.wait_until(changed_,
                     state->failure ? Clock::time_point::max() : Clock::time_point{work.at});
  }
}

void TorrentSeries::tell(const Follower::Event &event)
{
  if (event.kind == Follower::Event::Kind::restarted)
    GST_ELEMENT_WARNING(
        element_, RESOURCE, READ, ("The series has begun anew."),
        ("%s says %" G_GUINT64_FORMAT, index_.location.c_str(), guint64{event.number}));
  else if (event.count == 1)
    GST_ELEMENT_WARNING(
        element_, RESOURCE, NOT_FOUND,
        ("Part %" G_GUINT64_FORMAT " of the series is skipped.", guint64{event.number}),
        ("%s", reason(event.why)));
  else
    GST_ELEMENT_WARNING(
        element_, RESOURCE, NOT_FOUND,
        ("Parts %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " of the series are skipped.",
         guint64{event.number}, guint64{event.number + event.count - 1}),
        ("%s", reason(event.why)));
}

void TorrentSeries::poll()
{
  const auto fetched = fetcher_.fetch(index_, torrent::longest_series_index, is_quitting_,
                                      Clock::now() + fetch_patience);
  const auto *bytes = std::get_if<ByteVector>(&fetched);
  const auto index = bytes ? torrent::parse_series_index(as_text(*bytes)) : std::nullopt;
  {
    auto state = state_.lock();
    if (is_quitting_)
      return;
    if (index)
      state->follower.handle_index(*index, monotonic_now());
    else
      state->follower.handle_no_index(monotonic_now());
    state->index_errors += index ? 0 : 1;
  }
  changed_.notify_all();
  // Once is an accident.
  constexpr int told_after = 3;
  lost_polls_ = index ? 0 : lost_polls_ + 1;
  if (lost_polls_ != told_after)
    return;
  const auto *failure = std::get_if<Failure>(&fetched);
  GST_ELEMENT_WARNING(element_, RESOURCE, READ,
                      ("Whether the series has more parts cannot be told; it is tried again."),
                      ("%s", failure ? failure->detail.c_str() : index_.location.c_str()));
}

void TorrentSeries::fetch_part(const Follower::Work &work)
{
  const auto fetched =
      fetcher_.fetch(index_.of_part(work.number), TorrentSpec::largest_metainfo, is_quitting_,
                     Clock::now() + fetch_patience);
  if (std::holds_alternative<Interrupted>(fetched))
    return;
  if (const auto *failure = std::get_if<Failure>(&fetched)) {
    GST_INFO_OBJECT(element_, "part %" G_GUINT64_FORMAT ": %s", guint64{work.number},
                    failure->detail.c_str());
    refuse(work.number,
           failure->kind == Failure::Kind::format ? Refusal::useless : Refusal::absent);
    return;
  }
  values_.torrent = bytes_of(*std::get_if<ByteVector>(&fetched));
  const auto named = spec_of(values_);
  const auto *spec = std::get_if<TorrentSpec>(&named);
  const auto contents = spec ? spec->contents() : nullptr;
  if (!contents || contents->files.size() != 1 || contents->size == 0) {
    refuse(work.number, Refusal::useless);
    return;
  }
  if (work.kind == Follower::Work::Kind::fetch)
    hold(*spec, work.number);
  else
    accept(work.number, nullptr);
}

// Begins at once: what is only held is not downloaded.
void TorrentSeries::hold(const TorrentSpec &spec, std::uint64_t number)
{
  constexpr guint64 between_looks = 20 * GST_MSECOND;
  GST_INFO_OBJECT(element_, "part %" G_GUINT64_FORMAT ": torrent %s", guint64{number},
                  spec.info_hash().c_str());
  auto reader =
      std::make_shared<TorrentReader>(hold_torrent(element_, spec, values_, std::size_t{0}));
  while (!is_quitting_ && reader->lease()->wait_for_contents(deadline_in(between_looks)) ==
                              torrent::Wait::timed_out) {
  }
  if (is_quitting_)
    return;
  auto obstacle = reader->wait_for_contents(0);
  if (!obstacle)
    obstacle = reader->begin(reading_of(values_, 0));
  if (!obstacle) {
    accept(number, std::move(reader));
    return;
  }
  const auto *failure = std::get_if<Failure>(&*obstacle);
  if (!failure || !is_local(*failure)) {
    refuse(number, Refusal::useless);
    return;
  }
  state_.lock()->failure = *failure;
  changed_.notify_all();
}

void TorrentSeries::accept(std::uint64_t number, Reader reader)
{
  {
    auto state = state_.lock();
    if (reader) {
      reader->lease()->set_limits(state->limits);
      state->readers.insert_or_assign(number, std::move(reader));
    }
    state->follower.handle_torrent(number);
  }
  changed_.notify_all();
}

void TorrentSeries::refuse(std::uint64_t number, Refusal why)
{
  state_.lock()->follower.handle_refusal(number, why);
  changed_.notify_all();
}

}  // namespace kam
