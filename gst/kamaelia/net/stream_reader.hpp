// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"
#include "net/error.hpp"
#include "net/wait.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

namespace kam::net {

// Reads a connected stream socket, in as few turns as its rate and its user allow.
//
// To be woken for a segment costs several times what it costs to copy one. So once a large read
// was filled, a sleep lasts until there is enough for several, or for 10 ms, which is less than
// an audio frame. A stream that comes at its own pace fills no large read; it is read at an
// interval, if there is one, but not in its first seconds, when somebody waits for it. The end
// of the stream and an error end every sleep.
class StreamReader {
 public:
  enum class Interruption {
    interrupted,  // the other descriptor is readable
    silent,       // nothing came for as long as was allowed
  };
  using Result = std::variant<std::size_t, Interruption, Error>;

  // Both are borrowed. What makes `interrupt_fd` readable stays so until its owner clears it.
  // `interval_ns` is how long a byte may wait for others at most; 0 for not at all.
  StreamReader(int socket, int interrupt_fd, std::uint64_t interval_ns = 0)
      : socket_{socket}, interrupt_fd_{interrupt_fd}, interval_ns_{interval_ns}
  {
  }

  // As many bytes as are there, at least one, or 0 at the end. Without a limit of silence it
  // waits for as long as it takes.
  Result read(MutableBytes bytes, std::optional<std::uint64_t> silence_ns);

  // Reads that take what is there before there is an interval.
  static constexpr unsigned eager_reads = 32;

  // How often it has slept.
  std::uint64_t sleeps() const { return sleeps_; }

 private:
  std::optional<Result> sleep(std::optional<std::uint64_t> silence_ns);
  std::optional<Result> gather(std::uint64_t longest_ns);
  WaitResult sleep_until(std::optional<std::uint64_t> deadline_ns);
  void set_low_water(std::size_t bytes);

  int socket_;
  int interrupt_fd_;
  std::uint64_t interval_ns_;
  bool may_have_more_ = true;      // at once
  bool is_faster_ = false;         // than it is read
  bool found_nothing_ = false;     // at the last look
  std::uint64_t gathered_ns_ = 0;  // for how long nothing came while more was waited for
  unsigned eager_reads_left_ = eager_reads;
  std::size_t low_water_ = 1;
  std::uint64_t sleeps_ = 0;
};

}  // namespace kam::net
