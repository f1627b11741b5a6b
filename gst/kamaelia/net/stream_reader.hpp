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

// Reads a connected stream socket, in as few turns as its rate allows.
//
// Who sends faster than is read would wake the reader for each segment, and to be woken costs
// more than to copy one. So once a large read was filled, a sleep lasts until there is enough
// for several, or for 10 ms, which is less than an audio frame. A stream that comes at its own
// pace fills no large read, and each of its segments is read as it comes.
class StreamReader {
 public:
  enum class Interruption {
    interrupted,  // the other descriptor is readable
    silent,       // nothing came for as long as was allowed
  };
  using Result = std::variant<std::size_t, Interruption, Error>;

  // Both are borrowed. What makes `interrupt_fd` readable stays so until its owner clears it.
  StreamReader(int socket, int interrupt_fd) : socket_{socket}, interrupt_fd_{interrupt_fd} {}

  // As many bytes as are there, at least one, or 0 at the end. Without a limit of silence it
  // waits for as long as it takes.
  Result read(MutableBytes bytes, std::optional<std::uint64_t> silence_ns);

  // How often it has slept.
  std::uint64_t sleeps() const { return sleeps_; }

 private:
  std::optional<Result> sleep(std::optional<std::uint64_t> silence_ns);
  WaitResult sleep_until(std::optional<std::uint64_t> deadline_ns);
  void set_low_water(std::size_t bytes);

  int socket_;
  int interrupt_fd_;
  bool may_have_more_ = true;  // at once
  bool gathers_ = false;
  std::size_t low_water_ = 1;
  std::uint64_t sleeps_ = 0;
};

}  // namespace kam::net
