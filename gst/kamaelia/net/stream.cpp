// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/stream.hpp"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

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

Stream::Result Stream::send_file(int file, std::uint64_t offset, std::size_t size)
{
  std::array<std::byte, 16384> space{};
  const ssize_t count =
      pread(file, space.data(), std::min(size, space.size()), static_cast<off_t>(offset));
  if (count < 0)
    return {Status::failed, 0, errno};
  if (count == 0)
    return {Status::ended, 0, 0};
  return write(Bytes{space}.first(static_cast<std::size_t>(count)));
}

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
  // The kernel takes less time to understand this.
  if (pieces.size() == 1)
    return write(pieces.front());
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

Stream::Result SocketStream::send_file(int file, std::uint64_t offset, std::size_t size)
{
  auto at = static_cast<off_t>(offset);
  const ssize_t count = sendfile(socket_.get(), file, &at, size);
  if (count < 0)
    return result_of_failure();
  return {count == 0 ? Status::ended : Status::done, static_cast<std::size_t>(count), 0};
}

bool SocketStream::end_writing()
{
  return shutdown(socket_.get(), SHUT_WR) == 0;
}

}  // namespace kam::net
