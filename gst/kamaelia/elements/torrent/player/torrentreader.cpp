// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentreader.hpp"

#include "glue/bytes.hpp"
#include "glue/refs.hpp"

#include <cerrno>
#include <system_error>

namespace kam {

using torrent::Failure;
using torrent::Wait;

torrent::TorrentLease::Clock::time_point deadline_in(std::uint64_t nanoseconds)
{
  using Clock = torrent::TorrentLease::Clock;
  if (nanoseconds == 0)
    return Clock::time_point::max();
  const auto now = Clock::now();
  const auto most = std::chrono::nanoseconds{Clock::time_point::max() - now};
  const auto wanted = std::chrono::nanoseconds{static_cast<std::int64_t>(nanoseconds)};
  return wanted < most ? now + wanted : Clock::time_point::max();
}

// What a wait that did not end well means; `text` if it took too long.
std::optional<Obstacle> TorrentReader::end_of(Wait wait, const char *text) const
{
  switch (wait) {
  case Wait::ready: return {};
  case Wait::interrupted: return Interrupted{};
  case Wait::failed:
    return lease_->failure().value_or(
        Failure{Failure::Kind::read, "The torrent has been closed.", ""});
  case Wait::timed_out: break;
  }
  const auto status = lease_->status();
  return Failure{Failure::Kind::not_found, text,
                 std::to_string(status.peers) + " of " + std::to_string(status.known_peers) +
                     " peers connected; " + status.tracker_error};
}

std::optional<Obstacle> TorrentReader::wait_for_contents(std::uint64_t timeout)
{
  auto obstacle = end_of(lease_->wait_for_contents(deadline_in(timeout)),
                         "No peer has told what is in the torrent.");
  if (!obstacle)
    contents_ = lease_->contents();
  return obstacle;
}

std::optional<Obstacle> TorrentReader::begin(const torrent::Reading &reading)
{
  file_ = contents_->files.at(reading.file);
  if (lease_->read_file(reading))
    return {};
  return Failure{Failure::Kind::not_found, "The file in the torrent is empty.", file_.path};
}

std::optional<Obstacle> TorrentReader::wait_for(torrent::Range bytes, std::uint64_t timeout)
{
  return end_of(lease_->wait_for(bytes, deadline_in(timeout)),
                "No peer has sent data for too long.");
}

std::optional<Obstacle> TorrentReader::read(std::uint64_t offset, std::uint32_t length,
                                            GstBuffer **buffer)
{
  glue::BufferPtr made{*buffer ? nullptr : glue::allocate(length).release()};
  auto *target = made ? made.get() : *buffer;
  {
    const glue::WriteMap map{target};
    if (!map || map.bytes().size() < length)
      return Failure{Failure::Kind::read, "A buffer cannot be written.", ""};
    if (auto obstacle = read_bytes(offset, map.bytes().first(length)))
      return obstacle;
  }
  gst_buffer_resize(target, 0, gssize{length});
  if (made)
    *buffer = made.release();
  return {};
}

std::optional<Obstacle> TorrentReader::read_bytes(std::uint64_t offset, MutableBytes to)
{
  if (!data_)
    data_ = torrent::TorrentFile::open(lease_->save_path(), file_.path);
  if (data_ && data_->read(to, offset))
    return {};
  const auto reason = std::error_code{errno, std::generic_category()}.message();
  data_.reset();
  return Failure{Failure::Kind::read, "The torrent's file cannot be read.",
                 lease_->save_path() + '/' + file_.path + ": " + reason};
}

std::uint64_t TorrentReader::bytes_to_piece_end(std::uint64_t offset) const
{
  const std::uint64_t length = contents_->piece_length;
  return length - (file_.offset + offset) % length;
}

}  // namespace kam
