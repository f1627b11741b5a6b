// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/packet_receiver.hpp"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kam::net {

namespace {

// What ICMP says of packets that were sent before, and what passes by itself.
bool is_passing(int reason)
{
  return reason == EINTR || is_transient({reason, std::system_category()});
}

}  // namespace

PacketReceiver::PacketReceiver(int fd, const Options &options)
    : fd_{fd},
      buffer_size_{options.buffer_size},
      memory_{static_cast<std::byte *>(::operator new(max_messages *options.buffer_size))},
      batch_{std::make_unique<Batch>()}
{
  const int on = 1;
  const int joining = options.offload == Offload::if_possible ? 1 : 0;
  const bool is_set = setsockopt(fd_, SOL_UDP, UDP_GRO, &joining, sizeof joining) == 0;
  is_offloading_ = is_set && joining != 0;
  setsockopt(fd_, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
  for (std::size_t i = 0; i < max_messages; ++i) {
    batch_->buffers[i] = {memory_.get() + i * buffer_size_, buffer_size_};
    auto &header = batch_->headers[i].msg_hdr;
    header.msg_name = &batch_->sources[i];
    header.msg_iov = &batch_->buffers[i];
    header.msg_iovlen = 1;
    header.msg_control = batch_->controls[i].bytes.data();
  }
}

PacketReceiver::Result PacketReceiver::receive()
{
  constexpr unsigned max_retries = 64;
  arrival_count_ = 0;
  for (std::size_t i = 0; i < messages_per_call_; ++i) {
    auto &header = batch_->headers[i].msg_hdr;
    header.msg_namelen = sizeof(sockaddr_in6);
    header.msg_controllen = sizeof(Control);
  }
  int count = 0;
  unsigned retries = 0;
  do {
    count = recvmmsg(fd_, batch_->headers.data(), static_cast<unsigned>(messages_per_call_),
                     MSG_DONTWAIT, nullptr);
  } while (count < 0 && is_passing(errno) && ++retries < max_retries);
  if (count < 0) {
    if (errno == EAGAIN || is_passing(errno))
      return {};
    return {{}, false, last_error("Cannot receive")};
  }
  ++statistics_.calls;
  const auto bytes_before = statistics_.bytes;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const auto size = std::min<std::size_t>(batch_->headers[i].msg_len, buffer_size_);
    take(batch_->headers[i], {memory_.get() + i * buffer_size_, size});
  }
  const bool was_full = static_cast<std::size_t>(count) == messages_per_call_;
  const auto average =
      (statistics_.bytes - bytes_before) / std::max<std::size_t>(arrival_count_, 1);
  messages_per_call_ = std::clamp<std::size_t>(
      bytes_per_call / std::max<std::uint64_t>(average, 1), 1, max_messages);
  return {{arrivals_.data(), arrival_count_}, was_full, std::nullopt};
}

void PacketReceiver::take(const mmsghdr &message, Bytes bytes)
{
  const auto packet_size = read_controls(message.msg_hdr);
  if ((message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
    ++statistics_.truncated;
    return;
  }
  const auto *source = static_cast<const sockaddr *>(message.msg_hdr.msg_name);
  const auto from = Endpoint::from(source, message.msg_hdr.msg_namelen);
  if (bytes.empty())
    return;
  auto &arrival = arrivals_[arrival_count_++];
  arrival.packets = {bytes, packet_size != 0 ? packet_size : bytes.size()};
  arrival.from = from.value_or(Endpoint{});
  statistics_.packets += arrival.packets.packets();
  statistics_.bytes += bytes.size();
}

// The size of the packets that were joined; 0: it is one.
std::size_t PacketReceiver::read_controls(const msghdr &header)
{
  std::size_t packet_size = 0;
  for (auto *control = CMSG_FIRSTHDR(&header); control;
       control = CMSG_NXTHDR(const_cast<msghdr *>(&header), control)) {
    if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO) {
      int size = 0;
      std::memcpy(&size, CMSG_DATA(control), sizeof size);
      packet_size = static_cast<std::size_t>(std::max(size, 0));
    } else if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL) {
      std::uint32_t drops = 0;
      std::memcpy(&drops, CMSG_DATA(control), sizeof drops);
      statistics_.dropped += drops - kernel_drops_;
      kernel_drops_ = drops;
    }
  }
  return packet_size;
}

}  // namespace kam::net
