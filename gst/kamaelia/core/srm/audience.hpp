// SPDX-License-Identifier: LGPL-2.1-or-later
// What a sender knows of its receivers: who is there, what each has acknowledged, and how many
// bytes are on the way to the slowest.
#pragma once

#include "core/srm/codec.hpp"
#include "core/srm/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace kam::srm {

// A point in all that is sent: block index and symbol as one number that grows.
using Position = std::uint64_t;
inline constexpr Position position_of(std::uint64_t block_index, std::uint64_t symbol)
{
  return block_index * 256 + symbol;
}

class Audience {
 public:
  struct Member {
    Position acknowledged = 0;     // everything before it
    std::uint64_t read_bytes = 0;  // of those that were sent, by credit
    std::size_t window = 0;        // bytes; 0: unknown
    bool answers_credit = false;   // libnorm's do not
    std::uint64_t last_heard = 0;
    std::uint64_t asked_at = 0;  // the oldest question without an answer; 0: none
  };

  Audience(std::size_t default_window, std::uint32_t max_members)
      : default_window_{default_window}, max_members_{max_members}
  {
  }

  // True if it is new, and there was room for it.
  bool hear(NodeId node, std::uint64_t now, std::uint64_t sent_bytes);
  void set_window(NodeId node, std::size_t bytes);
  // True if that moved something.
  bool acknowledge(NodeId node, Position up_to);

  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  const std::map<NodeId, Member> &members() const { return members_; }
  // What all have.
  Position acknowledged_by_all() const;
  std::size_t count_acknowledged(Position up_to) const;
  // Those that lack something before `up_to`, at most `limit`, beginning with another one
  // each time.
  void list_unacknowledged(Position up_to, std::size_t limit, std::vector<NodeId> &out);
  void list_all(std::size_t limit, std::vector<NodeId> &out);

  // --- credit
  // A question "have you read this?" goes out when sent_bytes have been sent.
  std::uint8_t add_mark(std::uint64_t sent_bytes);
  void credit(NodeId node, std::uint8_t mark);
  // It speaks as we do, so that such a question will be answered.
  void expect_credit(NodeId node);
  bool has_credit() const;
  // What the slowest has not read, of those that answer.
  std::uint64_t in_flight(std::uint64_t sent_bytes) const;
  // What the smallest of those can take.
  std::size_t window() const;

  void ask(std::uint64_t now);
  // Takes out who has not answered for so long.
  std::optional<NodeId> drop_silent(std::uint64_t now, std::uint64_t timeout);

 private:
  struct Mark {
    std::uint8_t id;
    std::uint64_t sent_bytes;
  };
  std::size_t default_window_;
  std::uint32_t max_members_;
  std::map<NodeId, Member> members_;
  std::deque<Mark> marks_;
  std::uint8_t next_mark_ = 0;
  NodeId listed_up_to_ = no_node;
};

}  // namespace kam::srm
