// SPDX-License-Identifier: LGPL-2.1-or-later
// The hashes of a torrent's pieces, computed while the data passes.
#pragma once

#include "core/bytes.hpp"
#include "core/torrent/piece_cutter.hpp"
#include "core/torrent/piece_size.hpp"
#include "elements/torrent/swarm/piecedigest.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace kam::torrent {

struct PieceHashes {
  std::uint64_t total_bytes = 0;
  std::uint32_t piece_size = 0;
  std::vector<Sha1> v1;    // of each piece, if the format has version 1
  std::vector<Sha256> v2;  // the root of each piece's tree, if it has version 2
};

// Hashes pieces side by side in threads of its own. What it is given is neither copied nor kept
// for long: at most as much waits as keeps the threads busy.
class PieceHasher {
 public:
  // Null if there are no threads to be had.
  static std::unique_ptr<PieceHasher> start(Format format, std::uint32_t piece_size);
  ~PieceHasher();
  PieceHasher(const PieceHasher &) = delete;
  PieceHasher &operator=(const PieceHasher &) = delete;

  // The next bytes, which stay as they are while `owner` lives. Waits while others before them
  // are being hashed; never for anything else.
  void add(Bytes bytes, const std::shared_ptr<const void> &owner);
  // Waits for all of them. Call it once, and nothing after it.
  PieceHashes finish();

  std::uint64_t total_bytes() const { return cutter_.total_bytes(); }
  std::uint64_t pieces() const { return cutter_.pieces(); }

 private:
  // Of a piece, or the end of the last one.
  struct Job {
    PieceRun run;
    std::shared_ptr<const void> owner;
  };
  struct Worker {
    std::deque<Job> jobs;
    std::condition_variable has_jobs;
    std::thread thread;
  };

  PieceHasher(Format format, std::uint32_t piece_size);

  bool has_v1() const { return format_ != Format::v2; }
  bool has_v2() const { return format_ != Format::v1; }
  void work(Worker &worker);
  void store(std::uint64_t piece, const PieceDigest &state, std::size_t width);

  const Format format_;
  const std::uint32_t piece_size_;
  const std::size_t max_waiting_bytes_;
  PieceCutter cutter_;  // of who adds

  std::mutex mutex_;  // for what follows; never held while hashing
  std::condition_variable has_room_;
  std::size_t waiting_bytes_ = 0;
  bool is_ending_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;  // piece n belongs to worker n % size
  PieceHashes hashes_;
};

}  // namespace kam::torrent
