// SPDX-License-Identifier: LGPL-2.1-or-later
// How much to have asked a peer for at a time, so that it is never idle, and what a seek needs
// does not come behind much else.
//
// A downloader asks for more than is on its way, else a peer would wait for it. What has been
// asked for lies in the peer's send buffer and in the network, from where it cannot be taken
// back; after a seek all of it comes first. Here a block is asked for when those before it take
// no longer to come than the network does, and a little more: the time from request to block is
// measured, as LEDBAT (RFC 6817) measures it for packets.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>

namespace kam::torrent {

class RequestWindow {
 public:
  using Time = std::chrono::nanoseconds;  // of any monotonic clock

  struct Block {
    std::int32_t piece = 0;
    std::int32_t start = 0;
    std::int32_t length = 0;
    bool operator==(const Block &) const = default;
  };

  // For how long there may be something to send at the peer, above what a block takes that
  // waits for no other. Peers with an upload limit give at ticks of a tenth of a second.
  static constexpr std::chrono::milliseconds target{120};
  // After so long a block that was asked for makes no other wait any more: some peers forget.
  static constexpr std::chrono::seconds patience{20};
  // Blocks that may be asked for whatever is measured.
  static constexpr double least = 4;

  // Whether to ask for the block now; else it is kept until next() tells it.
  bool ask(const Block &block, Time now);
  // The block has come, or has been refused.
  void answered(const Block &block, Time now);
  // It is not wanted any more. True if it has not been asked for yet; it is forgotten.
  bool withdraw(const Block &block);
  // Gives up those that nobody will answer. Now and then, before next().
  void give_up(Time now);
  // One that was kept and is to be asked for now.
  std::optional<Block> next(Time now);
  // The same, however many have been asked for.
  std::optional<Block> next_anyway(Time now);

  // What the peer says it can remember. Beyond that it refuses.
  void set_most(std::size_t blocks) { most_ = blocks; }

  std::size_t limit() const;
  std::size_t asked() const { return asked_.size(); }
  std::size_t kept() const { return kept_.size(); }

 private:
  struct Asked {
    Block block;
    Time at{};
    std::size_t among = 0;  // those asked for then, itself too
  };

  void measure(const Asked &asked, Time now);
  void note_delay(Time took, Time now);

  std::deque<Asked> asked_;
  std::deque<Block> kept_;
  double limit_ = least;
  std::size_t most_ = std::numeric_limits<std::size_t>::max();
  // The shortest time to a block, of this and of the period before.
  Time shortest_ = Time::max();
  Time shortest_before_ = Time::max();
  Time period_since_{};
};

}  // namespace kam::torrent
