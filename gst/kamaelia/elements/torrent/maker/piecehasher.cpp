// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/maker/piecehasher.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace kam::torrent {

namespace {

constexpr auto leaf_size = PieceDigest::leaf_size;
constexpr unsigned most_threads = 4;
constexpr std::size_t least_waiting = 8U << 20U;
constexpr std::size_t most_waiting = 64U << 20U;

}  // namespace

PieceHasher::PieceHasher(Format format, std::uint32_t piece_size)
    : format_{format},
      piece_size_{piece_size},
      // Two pieces, so that a second thread has something to do.
      max_waiting_bytes_{
          std::clamp<std::size_t>(std::size_t{2} * piece_size, least_waiting, most_waiting)},
      cutter_{piece_size}
{
  hashes_.piece_size = piece_size;
}

PieceHasher::~PieceHasher()
{
  if (!is_ending_)
    finish();
}

std::unique_ptr<PieceHasher> PieceHasher::start(Format format, std::uint32_t piece_size)
{
  std::unique_ptr<PieceHasher> hasher{new PieceHasher{format, piece_size}};
  const auto count = std::clamp(std::thread::hardware_concurrency(), 1U, most_threads);
  try {
    for (unsigned i = 0; i < count; ++i) {
      auto worker = std::make_unique<Worker>();
      worker->thread = std::thread{
          [hasher = hasher.get(), worker = worker.get()] { hasher->work(*worker); }};
      hasher->workers_.push_back(std::move(worker));
    }
  } catch (const std::system_error &) {
    if (hasher->workers_.empty())
      return nullptr;
  }
  return hasher;
}

void PieceHasher::add(Bytes bytes, const std::shared_ptr<const void> &owner)
{
  cutter_.feed(bytes);
  while (const auto run = cutter_.poll()) {
    auto &worker = *workers_[run->piece % workers_.size()];
    std::unique_lock lock{mutex_};
    has_room_.wait(lock, [this] { return waiting_bytes_ < max_waiting_bytes_; });
    waiting_bytes_ += run->bytes.size();
    worker.jobs.push_back({*run, owner});
    worker.has_jobs.notify_one();
  }
}

PieceHashes PieceHasher::finish()
{
  {
    const std::lock_guard lock{mutex_};
    is_ending_ = true;
    for (const auto &worker : workers_)
      worker->has_jobs.notify_one();
  }
  for (const auto &worker : workers_)
    worker->thread.join();
  workers_.clear();
  hashes_.total_bytes = cutter_.total_bytes();
  return std::move(hashes_);
}

void PieceHasher::work(Worker &worker)
{
  PieceDigest state;
  std::uint64_t piece = 0;
  for (;;) {
    Job job;
    {
      std::unique_lock lock{mutex_};
      worker.has_jobs.wait(lock, [&] { return !worker.jobs.empty() || is_ending_; });
      if (worker.jobs.empty())
        break;
      job = std::move(worker.jobs.front());
      worker.jobs.pop_front();
    }
    piece = job.run.piece;
    state.add(job.run.bytes, format_);
    job.owner.reset();
    if (job.run.ends_piece) {
      store(piece, state, piece_size_ / leaf_size);
      state = {};
    }
    const std::lock_guard lock{mutex_};
    waiting_bytes_ -= job.run.bytes.size();
    has_room_.notify_one();
  }
  if (!state.is_empty())
    store(piece, state, piece == 0 ? 0 : piece_size_ / leaf_size);
}

// A file of one piece has the tree that its leaves need (`width` 0); else each piece has a
// whole one.
void PieceHasher::store(std::uint64_t piece, const PieceDigest &state, std::size_t width)
{
  const auto put = [piece]<class Digest>(std::vector<Digest> &list, const Digest &digest) {
    list.resize(std::max<std::size_t>(list.size(), piece + 1));
    list[piece] = digest;
  };
  const auto v1 = has_v1() ? state.v1() : Sha1{};
  const auto v2 = has_v2() ? state.v2(width) : Sha256{};
  const std::lock_guard lock{mutex_};
  if (has_v1())
    put(hashes_.v1, v1);
  if (has_v2())
    put(hashes_.v2, v2);
}

}  // namespace kam::torrent
