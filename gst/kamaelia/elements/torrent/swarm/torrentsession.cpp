// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentsession.hpp"

#include "elements/torrent/swarm/torrentengine.hpp"
#include "elements/torrent/swarm/torrentworker.hpp"

#include <algorithm>
#include <utility>

namespace kam::torrent {

namespace {

// The one of this process.
struct Current {
  std::mutex mutex;
  std::weak_ptr<TorrentSession> session;
};

Current &current()
{
  static Current the_one;
  return the_one;
}

std::uint32_t pieces_in(std::uint64_t bytes, const Contents &contents)
{
  return static_cast<std::uint32_t>((bytes + contents.piece_length - 1) /
                                    contents.piece_length);
}

TorrentState::Place *place_of(TorrentState::Shared &shared, std::uint32_t id)
{
  const auto found = std::ranges::find_if(
      shared.places, [id](const auto &place) { return place.reader.id == id; });
  return found == shared.places.end() ? nullptr : &*found;
}

std::uint32_t next_missing(const std::vector<bool> &have, Range pieces)
{
  auto piece = pieces.begin;
  while (piece < pieces.end && (piece >= have.size() || have[piece]))
    ++piece;
  return static_cast<std::uint32_t>(piece);
}

// Whether the session has to know at once that a reader went on to this piece.
bool is_news(const TorrentState::Place &place)
{
  const auto &reader = place.reader;
  return !reader.wants_all && (reader.playhead < place.planned_from ||
                               reader.playhead - place.planned_from > reader.window / 4);
}

// Moves the playhead to where `bytes` are; true if the session has to be told.
bool go_to(TorrentState::Place &place, const Contents &contents, Range bytes)
{
  // Players read a little back and forth; what is so near is on its way already.
  constexpr std::uint64_t near_bytes = 2U << 20U;
  constexpr std::uint32_t near_pieces = 4;
  auto &reader = place.reader;
  const auto piece = static_cast<std::uint32_t>(contents.pieces_of(place.file, bytes).begin);
  const auto near = reader.playhead + std::max(near_pieces, pieces_in(near_bytes, contents));
  const bool is_seek = bytes.begin != place.next && (piece < reader.playhead || piece > near);
  place.next = bytes.end;
  reader.playhead = piece;
  reader.seeks += is_seek ? 1 : 0;
  if (!is_seek && !is_news(place))
    return false;
  place.planned_from = piece;
  return true;
}

}  // namespace

const char *name_of(TorrentStatus::State state)
{
  switch (state) {
  case TorrentStatus::State::starting: return "starting";
  case TorrentStatus::State::metadata: return "metadata";
  case TorrentStatus::State::checking: return "checking";
  case TorrentStatus::State::downloading: return "downloading";
  case TorrentStatus::State::finished: return "finished";
  case TorrentStatus::State::seeding: return "seeding";
  case TorrentStatus::State::failed: return "failed";
  }
  return "unknown";
}

// --- the session --------------------------------------------------------------------------

std::shared_ptr<TorrentSession> TorrentSession::acquire(const SessionSettings &settings)
{
  auto &the_one = current();
  const std::lock_guard lock{the_one.mutex};
  if (auto session = the_one.session.lock())
    return session;
  auto session = std::make_shared<TorrentSession>(settings);
  the_one.session = session;
  return session;
}

TorrentSession::TorrentSession(const SessionSettings &settings)
    : settings_{settings}, worker_{Worker::start(settings)}
{
}

TorrentSession::~TorrentSession()
{
  worker_->quit();
}

std::unique_ptr<TorrentLease> TorrentSession::hold(const TorrentSpec &spec,
                                                   const TorrentOptions &options)
{
  auto torrents = worker_->torrents.lock();
  const auto found = std::ranges::find(
      *torrents, spec.info_hash(),
      [](const std::shared_ptr<TorrentState> &state) { return state->info_hash; });
  const bool was_held = found != torrents->end();
  auto state = was_held ? *found : std::make_shared<TorrentState>(spec.info_hash());
  if (!was_held)
    torrents->push_back(state);
  {
    auto shared = state->shared.lock();
    ++shared->holders;
    shared->keep_files |= options.keep_files;
  }
  worker_->post([state, spec, options, was_held](Engine &engine) {
    if (was_held)
      engine.join(state, spec);
    else
      engine.add(state, spec, options);
  });
  return std::make_unique<TorrentLease>(shared_from_this(), std::move(state), was_held);
}

// --- a share in a torrent -----------------------------------------------------------------

TorrentLease::TorrentLease(std::shared_ptr<TorrentSession> session,
                           std::shared_ptr<TorrentState> state, bool was_held)
    : session_{std::move(session)}, state_{std::move(state)}, was_held_{was_held}
{
  reader_ = ++state_->shared.lock()->last_id;
}

TorrentLease::~TorrentLease()
{
  release();
}

void TorrentLease::release()
{
  auto &worker = *session_->worker_;
  auto torrents = worker.torrents.lock();
  if (std::exchange(is_released_, true))
    return;
  bool is_last = false;
  {
    auto shared = state_->shared.lock();
    std::erase_if(shared->places,
                  [this](const auto &place) { return place.reader.id == reader_; });
    std::erase_if(shared->subscribers,
                  [this](const auto &subscriber) { return subscriber.id == reader_; });
    is_last = --shared->holders == 0;
  }
  if (!is_last) {
    worker.poke();
    return;
  }
  std::erase(*torrents, state_);
  worker.post([state = state_](Engine &engine) { engine.remove(state); });
}

std::string TorrentLease::info_hash() const
{
  return state_->info_hash;
}

std::string TorrentLease::save_path() const
{
  return state_->shared.lock()->save_path;
}

std::shared_ptr<const Contents> TorrentLease::contents() const
{
  return state_->shared.lock()->contents;
}

ByteVector TorrentLease::metainfo() const
{
  const auto metainfo = state_->shared.lock()->metainfo;
  return metainfo ? *metainfo : ByteVector{};
}

TorrentStatus TorrentLease::status() const
{
  auto status = state_->shared.lock()->status;
  // What libtorrent wants changes with the playhead; whoever reads a file wants all of it.
  if (const auto size = reads_bytes(); size > 0) {
    status.wanted = size;
    status.wanted_done = 0;
    for (const auto &run : available())
      status.wanted_done += run.end - run.begin;
    status.fraction_done =
        static_cast<double>(status.wanted_done) / static_cast<double>(status.wanted);
  }
  return status;
}

std::uint64_t TorrentLease::reads_bytes() const
{
  auto shared = state_->shared.lock();
  const auto *place = place_of(*shared, reader_);
  return place ? place->file.size : 0;
}

std::optional<Failure> TorrentLease::failure() const
{
  return state_->shared.lock()->failure;
}

std::uint16_t TorrentLease::listen_port() const
{
  return session_->worker_->listen_port();
}

void TorrentLease::listen(Listener listener)
{
  auto shared = state_->shared.lock();
  std::erase_if(shared->subscribers,
                [this](const auto &subscriber) { return subscriber.id == reader_; });
  if (listener)
    shared->subscribers.push_back(
        {reader_, std::make_shared<const Listener>(std::move(listener))});
}

Wait TorrentLease::wait_for_contents(Clock::time_point deadline)
{
  auto shared = state_->shared.lock();
  const auto interruptions = interruptions_;
  for (;;) {
    if (is_interrupted_ || interruptions_ != interruptions)
      return Wait::interrupted;
    if (shared->failure)
      return Wait::failed;
    if (shared->contents)
      return Wait::ready;
    if (Clock::now() >= deadline)
      return Wait::timed_out;
    shared.wait_until(state_->changed, deadline);
  }
}

bool TorrentLease::read_file(const Reading &reading)
{
  {
    auto shared = state_->shared.lock();
    const auto contents = shared->contents;
    if (!contents || reading.file >= contents->files.size())
      return false;
    const auto &file = contents->files[reading.file];
    const auto pieces = contents->pieces_of(file);
    if (pieces.begin == pieces.end)
      return false;
    std::erase_if(shared->places,
                  [this](const auto &place) { return place.reader.id == reader_; });
    TorrentState::Place place;
    place.file = file;
    place.reader = {.id = reader_,
                    .pieces = pieces,
                    .playhead = static_cast<std::uint32_t>(pieces.begin),
                    .window = std::max(1U, pieces_in(reading.read_ahead, *contents)),
                    .edge = pieces_in(reading.prefetch_edges, *contents),
                    .wants_all = reading.background_download,
                    .late = reading.late};
    place.planned_from = place.reader.playhead;
    shared->places.push_back(place);
  }
  session_->worker_->poke();
  return true;
}

Wait TorrentLease::wait_for(Range bytes, Clock::time_point deadline)
{
  for (;;) {
    const auto wait = wait_until_noted(bytes, deadline);
    if (wait != Wait::ready || !look_at_doubtful(bytes))
      return wait;
  }
}

bool TorrentLease::look_at_doubtful(Range bytes)
{
  std::uint32_t piece = 0;
  {
    auto shared = state_->shared.lock();
    const auto *place = place_of(*shared, reader_);
    if (!place || !shared->contents)
      return false;
    const auto pieces = shared->contents->pieces_of(place->file, bytes);
    piece = static_cast<std::uint32_t>(pieces.begin);
    while (piece < pieces.end && (piece >= shared->doubtful.size() || !shared->doubtful[piece]))
      ++piece;
    if (piece >= pieces.end)
      return shared->is_refuted;
  }
  if (!prove(*state_, piece))
    session_->worker_->poke();
  return true;
}

Wait TorrentLease::wait_until_noted(Range bytes, Clock::time_point deadline)
{
  auto shared = state_->shared.lock();
  auto *place = place_of(*shared, reader_);
  if (!place || !shared->contents)
    return Wait::failed;
  const auto pieces = shared->contents->pieces_of(place->file, bytes);
  if (go_to(*place, *shared->contents, bytes))
    session_->worker_->poke();
  const auto end_wait = [&](Wait result) {
    if (auto *mine = place_of(*shared, reader_))
      mine->reader.is_waiting = false;
    return result;
  };
  for (;;) {
    if (is_interrupted_)
      return end_wait(Wait::interrupted);
    auto &mine = *place_of(*shared, reader_);
    const bool has_any = mine.has_file && !shared->have.empty() && !shared->is_refuted;
    const auto missing =
        has_any ? next_missing(shared->have, pieces) : static_cast<std::uint32_t>(pieces.begin);
    if (missing >= pieces.end)
      return end_wait(Wait::ready);
    if (shared->failure)
      return end_wait(Wait::failed);
    if (Clock::now() >= deadline)
      return end_wait(Wait::timed_out);
    auto &reader = mine.reader;
    if (!reader.is_waiting || reader.playhead != missing)
      reader.waiting_since = monotonic_now();
    reader.playhead = missing;
    reader.is_waiting = true;
    shared.wait_until(state_->changed, deadline);
  }
}

// A new status, each second, wakes it.
Wait TorrentLease::wait_for_upload(double bytes)
{
  auto shared = state_->shared.lock();
  for (;;) {
    if (is_interrupted_)
      return Wait::interrupted;
    if (shared->failure)
      return Wait::failed;
    if (bytes > 0 && static_cast<double>(shared->status.uploaded) >= bytes)
      return Wait::ready;
    shared.wait_until(state_->changed, Clock::time_point::max());
  }
}

void TorrentLease::interrupt(bool on)
{
  {
    const auto shared = state_->shared.lock();
    is_interrupted_ = on;
    interruptions_ += on ? 1 : 0;
  }
  state_->changed.notify_all();
}

std::chrono::milliseconds TorrentLease::stalled() const
{
  auto shared = state_->shared.lock();
  const auto *place = place_of(*shared, reader_);
  if (!place || !place->reader.is_waiting)
    return std::chrono::milliseconds{0};
  return std::chrono::duration_cast<std::chrono::milliseconds>(monotonic_now() -
                                                               place->reader.waiting_since);
}

std::vector<Range> TorrentLease::available() const
{
  std::vector<Range> runs;
  auto shared = state_->shared.lock();
  const auto *place = place_of(*shared, reader_);
  if (!place || !shared->contents)
    return runs;
  const auto &file = place->file;
  const std::uint64_t length = shared->contents->piece_length;
  for (auto piece = place->reader.pieces.begin; piece < place->reader.pieces.end; ++piece) {
    if (piece >= shared->have.size() || !shared->have[piece])
      continue;
    const auto begin = std::max(piece * length, file.offset) - file.offset;
    const auto end = std::min((piece + 1) * length, file.offset + file.size) - file.offset;
    if (!runs.empty() && runs.back().end == begin)
      runs.back().end = end;
    else
      runs.push_back({begin, end});
  }
  return runs;
}

void TorrentLease::set_limits(const TorrentLimits &limits)
{
  session_->worker_->post(
      [state = state_, limits](Engine &engine) { engine.set_limits(*state, limits); });
}

bool TorrentLease::add_peer(const std::string &address)
{
  if (!is_peer_address(address))
    return false;
  session_->worker_->post(
      [state = state_, address](Engine &engine) { engine.add_peer(*state, address); });
  return true;
}

void TorrentLease::reannounce()
{
  session_->worker_->post([state = state_](Engine &engine) { engine.reannounce(*state); });
}

}  // namespace kam::torrent
