// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/stream.hpp"

#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace kam::net {

namespace {

Stream::Result result_of_failure()
{
  const int reason = errno;
  if (reason == EAGAIN || reason == EWOULDBLOCK || reason == EINTR)
    return {Stream::Status::blocked, 0, 0};
  return {Stream::Status::failed, 0, reason};
}

}  // namespace

Stream::Result SocketStream::read(std::span<std::byte> into)
{
  const ssize_t size = recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
  if (size < 0)
    return result_of_failure();
  return {size == 0 ? Status::ended : Status::done, static_cast<std::size_t>(size), 0};
}

Stream::Result SocketStream::write(Bytes bytes)
{
  const ssize_t size =
      send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size < 0)
    return result_of_failure();
  return {Status::done, static_cast<std::size_t>(size), 0};
}

Stream::Result SocketStream::write(std::span<const Bytes> pieces)
{
  constexpr std::size_t max_pieces = 32;
  std::array<iovec, max_pieces> vectors{};
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = std::min(pieces.size(), max_pieces);
  for (std::size_t i = 0; i < message.msg_iovlen; ++i)
    vectors[i] = {const_cast<std::byte *>(pieces[i].data()), pieces[i].size()};
  const ssize_t size = sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (size < 0)
    return result_of_failure();
  return {Status::done, static_cast<std::size_t>(size), 0};
}

bool SocketStream::end_writing()
{
  return shutdown(socket_.get(), SHUT_WR) == 0;
}

}  // namespace kam::net
