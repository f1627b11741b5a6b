// SPDX-License-Identifier: LGPL-2.1-or-later
// Many packets for one system call: by receive offload (UDP_GRO) the kernel joins packets of
// one size from one sender, and recvmmsg() takes several of those.
#pragma once

#include "net/burst.hpp"
#include "net/burst_sender.hpp"
#include "net/endpoint.hpp"
#include "net/error.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace kam::net {

struct Arrival {
  Burst packets;
  Endpoint from;
};

struct ReceiveStatistics {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t calls = 0;      // of the system that brought something
  std::uint64_t truncated = 0;  // datagrams longer than a buffer, dropped
  std::uint64_t dropped = 0;    // packets for which the socket's buffer was too full
};

// Receives by a socket that it borrows, into buffers that it uses again. Its use is one
// thread's at a time.
class PacketReceiver {
 public:
  struct Options {
    Offload offload = Offload::if_possible;
    // Of one datagram, joined or not; memory is only used where a packet has been.
    std::size_t buffer_size = std::size_t{64} << 10U;
  };
  explicit PacketReceiver(int fd) : PacketReceiver{fd, Options{}} {}
  PacketReceiver(int fd, const Options &options);

  struct Result {
    std::span<const Arrival> arrivals;  // valid until the next call
    bool may_have_more = false;         // as many came as one call takes
    std::optional<Error> error;         // the socket is of no use any more
  };
  // Takes what is there, without blocking. Empty packets are left out.
  Result receive();

  bool is_offloading() const { return is_offloading_; }
  const ReceiveStatistics &statistics() const { return statistics_; }

 private:
  static constexpr std::size_t max_messages = 64;
  // What one call takes shall still be in the processor's cache when it is looked at.
  static constexpr std::size_t bytes_per_call = std::size_t{512} << 10U;

  struct alignas(cmsghdr) Control {
    std::array<std::byte, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint32_t))> bytes{};
  };
  struct Batch {
    std::array<mmsghdr, max_messages> headers{};
    std::array<iovec, max_messages> buffers{};
    std::array<Control, max_messages> controls{};
    std::array<sockaddr_in6, max_messages> sources{};
  };

  struct Free {
    void operator()(std::byte *memory) const { ::operator delete(memory); }
  };

  void take(const mmsghdr &message, Bytes bytes);
  std::size_t read_controls(const msghdr &header);

  int fd_;
  bool is_offloading_ = false;
  std::size_t buffer_size_;
  std::unique_ptr<std::byte, Free> memory_;
  std::unique_ptr<Batch> batch_;
  std::array<Arrival, max_messages> arrivals_;
  std::size_t arrival_count_ = 0;
  std::size_t messages_per_call_ = max_messages;
  std::uint32_t kernel_drops_ = 0;  // as last told; modulo 2^32
  ReceiveStatistics statistics_;
};

}  // namespace kam::net
