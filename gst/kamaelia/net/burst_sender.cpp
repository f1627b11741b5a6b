// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/burst_sender.hpp"

#include <netinet/udp.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace kam::net {

namespace {

// UDP_MAX_SEGMENTS of the kernels that have the fewest.
constexpr std::size_t max_segments = 64;

}  // namespace

BurstSender::Result BurstSender::send(std::span<const Burst> bursts, const Endpoint &to)
{
  Position at;
  Result result;
  unsigned retries = 0;
  for (;;) {
    fill(bursts, at, to);
    if (batch_.count == 0) {
      at = {bursts.size(), 0};
      break;
    }
    const int sent = sendmmsg(fd_, batch_.headers.data(), static_cast<unsigned>(batch_.count),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
    const int reason = errno;
    ++statistics_.calls;
    if (sent > 0) {
      note_sent(bursts, static_cast<std::size_t>(sent), at);
      retries = 0;
      continue;
    }
    if (recover(reason, bursts, at, retries))
      continue;
    result.is_blocked = reason == EAGAIN;
    if (!result.is_blocked)
      result.error = explain(reason, batch_.packet_sizes[0], to);
    break;
  }
  result.bursts = at.burst;
  result.bytes = at.offset;
  return result;
}

void BurstSender::fill(std::span<const Burst> bursts, Position from, const Endpoint &to)
{
  batch_.count = 0;
  for (; from.burst < bursts.size() && batch_.count < max_messages; ++from.burst) {
    const auto &burst = bursts[from.burst];
    assert(burst.packet_size > 0 || burst.bytes.empty());
    // A packet too long to be one goes alone as well, and has its own error.
    const auto joined = std::clamp<std::size_t>(
        max_udp_payload / std::max<std::size_t>(burst.packet_size, 1), 1, max_segments);
    const auto piece_size = burst.packet_size * (is_offloading_ ? joined : 1);
    auto rest = burst.bytes.subspan(from.offset);
    for (; !rest.empty() && batch_.count < max_messages;) {
      const auto size = std::min(rest.size(), piece_size);
      add_message(rest.first(size), burst.packet_size, to);
      rest = rest.subspan(size);
    }
    from.offset = 0;
  }
}

void BurstSender::add_message(Bytes piece, std::size_t packet_size, const Endpoint &to)
{
  const auto index = batch_.count++;
  auto &vector = batch_.pieces[index];
  vector = {const_cast<std::byte *>(piece.data()), piece.size()};
  batch_.packet_sizes[index] = packet_size;
  auto &header = batch_.headers[index].msg_hdr;
  header = {};
  header.msg_name = const_cast<sockaddr *>(to.data());
  header.msg_namelen = to.size();
  header.msg_iov = &vector;
  header.msg_iovlen = 1;
  if (piece.size() <= packet_size)
    return;
  auto &control = batch_.controls[index].bytes;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  auto *message = CMSG_FIRSTHDR(&header);
  message->cmsg_level = SOL_UDP;
  message->cmsg_type = UDP_SEGMENT;
  message->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto segment_size = static_cast<std::uint16_t>(packet_size);
  std::memcpy(CMSG_DATA(message), &segment_size, sizeof segment_size);
}

void BurstSender::note_sent(std::span<const Burst> bursts, std::size_t messages, Position &at)
{
  for (std::size_t i = 0; i < messages; ++i) {
    const auto size = batch_.pieces[i].iov_len;
    const auto packet_size = batch_.packet_sizes[i];
    statistics_.bytes += size;
    statistics_.packets += (size + packet_size - 1) / packet_size;
    while (bursts[at.burst].bytes.empty())
      ++at.burst;
    at.offset += size;
    if (at.offset == bursts[at.burst].bytes.size())
      at = {at.burst + 1, 0};
  }
}

bool BurstSender::recover(int reason, std::span<const Burst> bursts, Position &at,
                          unsigned &retries)
{
  constexpr unsigned max_retries = 8;
  switch (reason) {
  case EINTR: return true;
  case EIO:
  case EINVAL:
  case EMSGSIZE: {
    // No offload here: the device cannot, IPsec is on the way, or a packet is longer than the
    // device takes at once, so that IP has to cut it up.
    const bool was_joined = batch_.headers[0].msg_hdr.msg_control != nullptr;
    if (was_joined)
      is_offloading_ = false;
    return was_joined;
  }
  case ENOBUFS: {
    // Lost behind the socket, as on any other stretch of the way.
    const auto before = statistics_.packets;
    note_sent(bursts, 1, at);
    statistics_.lost += statistics_.packets - before;
    return true;
  }
  case ECONNREFUSED:
  case ECONNRESET:
    // Of a connected socket, and about a packet that went before.
    return ++retries <= max_retries;
  default: return false;
  }
}

Error BurstSender::explain(int reason, std::size_t packet_size, const Endpoint &to)
{
  auto failed = "Cannot send to " + to.text();
  if (reason == EMSGSIZE)
    failed += ": a packet of " + std::to_string(packet_size) +
              " bytes is more than the network takes on the way there";
  return error_of(reason, failed);
}

}  // namespace kam::net
