// SPDX-License-Identifier: LGPL-2.1-or-later
// How fast multicast can be at all here: datagrams of one size in bursts that the kernel cuts
// (UDP_SEGMENT) and joins again (UDP_GRO), and nothing done about those that are lost.
//
//   udp-ceiling send GROUP PORT INTERFACE MIB
//   udp-ceiling receive GROUP PORT INTERFACE
//
// The receiver ends a second after the last datagram and prints what came: bytes, datagrams,
// how many pieces they came in, and the seconds from the first to the last.
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <system_error>
#include <vector>

namespace {

constexpr int datagram = 1440;     // what fits into an Ethernet frame, with some left over
constexpr std::size_t burst = 45;  // datagrams that one call sends: not more than 64 KiB
constexpr int socket_buffer = 8 << 20;

int check(int result, const char *what)
{
  if (result < 0)
    throw std::system_error{errno, std::generic_category(), what};
  return result;
}

struct Group {
  sockaddr_in address{};
  ip_mreqn membership{};

  Group(const char *group, const char *port, const char *interface)
  {
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(std::strtoul(port, nullptr, 10)));
    if (inet_pton(AF_INET, group, &address.sin_addr) != 1)
      throw std::runtime_error{std::string{group} + " is no address"};
    membership.imr_multiaddr = address.sin_addr;
    membership.imr_ifindex = static_cast<int>(if_nametoindex(interface));
  }
  const sockaddr *get() const { return reinterpret_cast<const sockaddr *>(&address); }
};

class Socket {
 public:
  Socket() : file_{check(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket")} {}
  ~Socket() { close(file_); }
  Socket(const Socket &) = delete;
  Socket &operator=(const Socket &) = delete;

  int get() const { return file_; }
  template <class Value>
  void set(int level, int option, const Value &value, const char *what) const
  {
    check(setsockopt(file_, level, option, &value, sizeof value), what);
  }
  // A larger buffer is welcome, not needed.
  void set_buffer(int forced, int polite) const
  {
    if (setsockopt(file_, SOL_SOCKET, forced, &socket_buffer, sizeof socket_buffer) != 0)
      set(SOL_SOCKET, polite, socket_buffer, "buffer");
  }

 private:
  int file_;
};

void send(const Group &group, std::uint64_t mebibytes)
{
  const Socket out;
  out.set_buffer(SO_SNDBUFFORCE, SO_SNDBUF);
  out.set(IPPROTO_IP, IP_MULTICAST_IF, group.membership, "IP_MULTICAST_IF");
  out.set(IPPROTO_UDP, UDP_SEGMENT, datagram, "UDP_SEGMENT");
  check(connect(out.get(), group.get(), sizeof group.address), "connect");
  const std::vector<char> data(burst * datagram, 'x');
  const auto bursts = (mebibytes << 20U) / data.size() + 1;
  for (std::uint64_t i = 0; i < bursts; ++i)
    if (::send(out.get(), data.data(), data.size(), 0) < 0 && errno != ENOBUFS)
      check(-1, "send");
}

void receive(const Group &group)
{
  using Clock = std::chrono::steady_clock;
  const Socket in;
  in.set(SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  in.set_buffer(SO_RCVBUFFORCE, SO_RCVBUF);
  check(bind(in.get(), group.get(), sizeof group.address), "bind");
  in.set(IPPROTO_IP, IP_ADD_MEMBERSHIP, group.membership, "IP_ADD_MEMBERSHIP");
  in.set(IPPROTO_UDP, UDP_GRO, 1, "UDP_GRO");
  constexpr std::size_t at_once = 16;
  std::vector<std::array<char, 65536>> data(at_once);
  std::array<iovec, at_once> parts{};
  std::array<mmsghdr, at_once> messages{};
  for (std::size_t i = 0; i < at_once; ++i) {
    parts[i] = {data[i].data(), data[i].size()};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  pollfd file{in.get(), POLLIN, 0};
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;
  Clock::time_point first;
  Clock::time_point last;
  // A minute for the first, a second for each after it.
  while (poll(&file, 1, count == 0 ? 60'000 : 1000) > 0) {
    const int got =
        check(recvmmsg(in.get(), messages.data(), at_once, MSG_DONTWAIT, nullptr), "recvmmsg");
    last = Clock::now();
    if (count == 0)
      first = last;
    count += static_cast<unsigned>(got);
    for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i)
      bytes += messages[i].msg_len;
  }
  std::printf("%llu %llu %llu %.6f\n", static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(bytes / datagram),
              static_cast<unsigned long long>(count),
              std::chrono::duration<double>(last - first).count());
}

}  // namespace

int main(int argc, char **argv)
{
  const std::string what = argc > 1 ? argv[1] : "";
  try {
    if (what == "send" && argc == 6)
      send({argv[2], argv[3], argv[4]}, std::strtoull(argv[5], nullptr, 10));
    else if (what == "receive" && argc == 5)
      receive({argv[2], argv[3], argv[4]});
    else
      throw std::runtime_error{"send GROUP PORT INTERFACE MIB | receive GROUP PORT INTERFACE"};
    return EXIT_SUCCESS;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return EXIT_FAILURE;
  }
}
