// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/piecehasher.hpp"

#include <libtorrent/hasher.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <system_error>
#include <utility>

namespace kam::torrent {

namespace {

constexpr std::size_t leaf_size = 16U << 10U;  // BEP 52
constexpr unsigned most_threads = 4;
constexpr std::size_t least_waiting = 8U << 20U;
constexpr std::size_t most_waiting = 64U << 20U;

template <class Digest, class Hash>
Digest digest_of(const Hash &hash)
{
  Digest digest{};
  static_assert(sizeof(hash) == sizeof(digest));
  std::memcpy(digest.data(), hash.data(), digest.size());
  return digest;
}

lt::span<const char> span_of(Bytes bytes)
{
  const auto text = as_text(bytes);
  return {text.data(), static_cast<lt::span<const char>::difference_type>(text.size())};
}

// The root of the tree over `leaves` and as many zeros as make them `width`, a power of two.
Sha256 tree_root(std::vector<Sha256> leaves, std::size_t width)
{
  leaves.resize(width);
  for (; leaves.size() > 1; leaves.resize(leaves.size() / 2))
    for (std::size_t i = 0; i < leaves.size(); i += 2) {
      lt::hasher256 hasher;
      hasher.update(leaves[i].data(), static_cast<int>(leaves[i].size()));
      hasher.update(leaves[i + 1].data(), static_cast<int>(leaves[i + 1].size()));
      leaves[i / 2] = digest_of<Sha256>(hasher.final());
    }
  return leaves.front();
}

}  // namespace

// A piece of which not all bytes have come.
class PieceHasher::PieceState {
 public:
  void add(Bytes bytes, Format format)
  {
    if (format != Format::v2)
      sha1_.update(span_of(bytes));
    if (format != Format::v1)
      add_leaves(bytes);
    is_empty_ = is_empty_ && bytes.empty();
  }
  bool is_empty() const { return is_empty_; }

  Sha1 v1() const
  {
    auto hasher = sha1_;
    return digest_of<Sha1>(hasher.final());
  }
  // With as many leaves as there are, or `width`.
  Sha256 v2(std::size_t width) const
  {
    auto leaves = leaves_;
    if (leaf_bytes_ > 0) {
      auto hasher = sha256_;
      leaves.push_back(digest_of<Sha256>(hasher.final()));
    }
    const auto needed = std::bit_ceil(leaves.size());
    return tree_root(std::move(leaves), std::max(width, needed));
  }

 private:
  void add_leaves(Bytes bytes)
  {
    while (!bytes.empty()) {
      const auto part = bytes.first(std::min(bytes.size(), leaf_size - leaf_bytes_));
      sha256_.update(span_of(part));
      leaf_bytes_ += part.size();
      bytes = bytes.subspan(part.size());
      if (leaf_bytes_ < leaf_size)
        continue;
      leaves_.push_back(digest_of<Sha256>(sha256_.final()));
      sha256_ = {};
      leaf_bytes_ = 0;
    }
  }

  bool is_empty_ = true;
  lt::hasher sha1_;
  lt::hasher256 sha256_;
  std::size_t leaf_bytes_ = 0;
  std::vector<Sha256> leaves_;
};

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
  PieceState state;
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
void PieceHasher::store(std::uint64_t piece, const PieceState &state, std::size_t width)
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
