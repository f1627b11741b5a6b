// SPDX-License-Identifier: LGPL-2.1-or-later
// Follows a live series of torrents: which part to play, which to have ready, which to go on
// sharing, which to give up, and when to look whether there are more.
//
// Of each part there is one fate: it is fetched (tried again while the server answers but does
// not have it), played, shared for a while, released; or skipped.
#pragma once

#include "core/torrent/series.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace kam::torrent {

class SeriesFollower {
 public:
  using Time = std::chrono::nanoseconds;  // of a clock that never goes back

  struct Options {
    // The part to begin with; 0: the newest there is then; less: so many before that.
    std::int64_t first_number = 0;
    std::uint64_t last_number = 0;               // 0: as long as there are any
    std::uint32_t parts_ahead = 1;               // to have while one is played
    std::uint32_t parts_shared = 3;              // to go on sharing when they were played
    std::chrono::milliseconds poll_interval{0};  // 0: by how often parts come
  };

  enum class Refusal {
    absent,   // there is no such torrent (any more), or it could not be fetched
    useless,  // what is there is no part of a stream
    silent,   // nobody sends what is in it
  };
  struct Event {
    enum class Kind { skipped, restarted } kind = Kind::skipped;
    std::uint64_t number = 0;  // the first that was skipped, or the newest of the new series
    std::uint64_t count = 0;   // of parts that were skipped
    Refusal why = Refusal::absent;
  };

  // What to do next, and not before `at`: look at the index, or fetch a part's torrent. One
  // that is fetched to find out only whether it is there is not to be held.
  struct Work {
    enum class Kind { poll, fetch, probe } kind = Kind::poll;
    std::uint64_t number = 0;
    Time at{};
  };

  SeriesFollower(const Options &options, const SeriesIndex &index, Time now);

  // --- what has come of the work ---
  void handle_index(const SeriesIndex &index, Time now);
  // It could not be had, or says nothing.
  void handle_no_index(Time now);
  // The torrent is there (and held, unless it was a probe).
  void handle_torrent(std::uint64_t number);
  void handle_refusal(std::uint64_t number, Refusal why);
  // --- what has come of the part that is played ---
  void handle_played();
  // It is skipped; but not for silence as long as there is no other to go on with: false then.
  bool handle_failure(Refusal why);

  Work next_work() const;
  // The part to play, if it is held; it stays the same until one of the two above is called.
  std::optional<std::uint64_t> playing() const;
  // Whether that does not follow on what was played before.
  bool is_discontinuous() const { return is_discontinuous_; }
  // There will be nothing more to play.
  bool has_ended() const;

  // Parts not to be held any longer, since the last call; to be asked before any more work is
  // done, for a series that began anew has the same numbers.
  std::vector<std::uint64_t> take_released();
  std::optional<Event> poll_event();

  std::uint64_t head() const { return head_; }  // that is played, or waited for
  std::uint64_t newest() const { return newest_; }
  std::uint64_t skipped() const { return skipped_; }
  std::chrono::milliseconds poll_interval() const;

 private:
  struct Part {
    enum class State { wanted, held, refused } state = State::wanted;
    Refusal why = Refusal::absent;
    int tries = 0;
    std::uint64_t tried_at_poll = 0;
  };
  // Parts that are gone come in long rows, from the oldest on: the first that is there is
  // looked for by halves. `gone` was not there, `there` was or is believed to be.
  struct Search {
    std::uint64_t gone = 0;
    std::uint64_t there = 0;
  };

  std::uint64_t first_of(std::uint64_t newest) const;
  void begin_anew(std::uint64_t newest);
  void note_pace(std::uint64_t parts, Time now);
  bool leave_old_series();
  void add_event(const Event &event);
  void release(std::uint64_t number);
  void skip_refused();
  void skip(std::uint64_t count, Refusal why);
  void narrow(std::uint64_t number, bool is_there);
  std::optional<std::uint64_t> missing() const;

  Options options_;
  std::uint64_t head_ = 1;
  std::uint64_t newest_ = 0;
  bool index_has_ended_ = false;
  std::map<std::uint64_t, Part> parts_;  // from the head on
  std::deque<std::uint64_t> shared_;
  std::optional<Search> search_;
  std::uint64_t absent_in_a_row_ = 0;

  std::uint64_t polls_ = 0;  // that were answered
  int lost_polls_ = 0;       // in a row
  int older_polls_ = 0;      // in a row, that said less than before
  Time next_poll_{};
  std::optional<Time> newest_since_;
  Time pace_{};  // between parts; zero if it is not known
  // Of a series that began anew while a part of the old one is played.
  std::optional<std::uint64_t> next_series_head_;
  bool is_discontinuous_ = false;

  std::uint64_t skipped_ = 0;
  std::vector<std::uint64_t> released_;
  std::deque<Event> events_;
};

}  // namespace kam::torrent
