// SPDX-License-Identifier: LGPL-2.1-or-later
// Many packets for one system call: by segmentation offload (UDP_SEGMENT) the kernel, or the
// network card, cuts up to 64 packets out of one large one; several of those go by one
// sendmmsg(). Where there is no such offload, sendmmsg() takes the packets one by one.
#pragma once

#include "net/burst.hpp"
#include "net/endpoint.hpp"
#include "net/error.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace kam::net {

enum class Offload { if_possible, never };

struct SendStatistics {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t calls = 0;  // of the system
  std::uint64_t lost = 0;   // packets that the system had no room for on their way out
};

// Sends bursts by a socket that it borrows. Its use is one thread's at a time.
class BurstSender {
 public:
  explicit BurstSender(int fd, Offload offload = Offload::if_possible)
      : fd_{fd}, is_offloading_{offload == Offload::if_possible}
  {
  }

  struct Result {
    std::size_t bursts = 0;      // that went whole
    std::size_t bytes = 0;       // of the next one that went: whole packets
    bool is_blocked = false;     // the socket takes no more for now
    std::optional<Error> error;  // of the packet after those that went
  };
  // Sends in order, without blocking, until all went, the socket is full or there is an error.
  Result send(std::span<const Burst> bursts, const Endpoint &to);

  bool is_offloading() const { return is_offloading_; }
  const SendStatistics &statistics() const { return statistics_; }

 private:
  static constexpr std::size_t max_messages = 64;

  // Where the next piece begins.
  struct Position {
    std::size_t burst = 0;
    std::size_t offset = 0;
  };
  struct Batch {
    std::array<mmsghdr, max_messages> headers{};
    std::array<iovec, max_messages> pieces{};
    std::array<std::size_t, max_messages> packet_sizes{};
    struct alignas(cmsghdr) Control {
      std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> bytes{};
    };
    std::array<Control, max_messages> controls{};
    std::size_t count = 0;
  };

  void fill(std::span<const Burst> bursts, Position from, const Endpoint &to);
  void add_message(Bytes piece, std::size_t packet_size, const Endpoint &to);
  void note_sent(std::span<const Burst> bursts, std::size_t messages, Position &at);
  // Whether to go on after this error of the first message of the batch.
  bool recover(int reason, std::span<const Burst> bursts, Position &at, unsigned &retries);
  static Error explain(int reason, std::size_t packet_size, const Endpoint &to);

  int fd_;
  bool is_offloading_;
  SendStatistics statistics_;
  Batch batch_;
};

}  // namespace kam::net
