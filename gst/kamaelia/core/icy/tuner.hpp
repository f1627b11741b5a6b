// SPDX-License-Identifier: LGPL-2.1-or-later
// Which address to try next, and when: a station is one address, or a playlist of several, of
// which some may be dead, and any of them may be away for a while.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace kam::icy {

// Goes round a station's addresses for as long as there is hope.
//
// A round begins with the address that gave sound last, then the station's own; the entries of
// a playlist take the playlist's place. In a round nothing is tried twice. When all have failed
// there is a pause, longer each time, until there is sound again.
class Tuner {
 public:
  using Duration = std::chrono::milliseconds;
  struct Policy {
    int retries = -1;  // rounds after the first that may fail in a row; -1 is any number
    Duration delay{500};
    double backoff_factor = 2;
    Duration largest_delay{30'000};
  };
  struct Limits {
    unsigned max_depth = 3;           // of playlists in playlists
    std::size_t max_addresses = 256;  // in a round
  };
  enum class Hope {
    none,  // it will not help to ask this address again
    some,
  };
  // What to do now. Without an address, nothing is left to try.
  struct Step {
    std::optional<std::string> address;
    Duration pause{0};  // before
  };

  Tuner(std::string address, Limits limits);

  // The next address to try. Begins the next round if this one is over.
  Step next(const Policy &policy);
  // The address was a playlist. False if it is one too many inside each other, or has nothing
  // that was not tried in this round: that counts as a failure without hope.
  bool handle_playlist(const std::vector<std::string> &entries);
  // The address did not answer as it should.
  void handle_failure(Hope hope);
  // There is sound.
  void handle_data();
  // There was sound, and there is no more.
  void handle_loss();

  // Rounds that failed in a row.
  int failed_rounds() const { return failed_rounds_; }
  bool had_data() const { return !last_good_.empty(); }
  // Whether the current address came from a playlist.
  bool in_playlist() const { return current_.depth > 0; }

 private:
  struct Candidate {
    std::string address;
    unsigned depth = 0;
  };
  void begin_round();
  Duration pause(const Policy &policy) const;

  std::string own_address_;
  Limits limits_;
  std::deque<Candidate> round_;
  std::set<std::string> seen_;  // in this round
  Candidate current_;
  std::string last_good_;
  int failed_rounds_ = 0;
  bool lost_ = false;  // the next round begins after a loss, not after a failed one
  bool any_hope_ = false;
};

}  // namespace kam::icy
