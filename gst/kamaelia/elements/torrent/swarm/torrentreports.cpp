// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentreports.hpp"

#include <cerrno>
#include <cstdint>

namespace kam::torrent {

namespace {

TorrentStatus::State state_of(const lt::torrent_status &status)
{
  using State = TorrentStatus::State;
  switch (status.state) {
  case lt::torrent_status::checking_files:
  case lt::torrent_status::checking_resume_data: return State::checking;
  case lt::torrent_status::downloading_metadata: return State::metadata;
  case lt::torrent_status::downloading: return State::downloading;
  case lt::torrent_status::finished: return State::finished;
  case lt::torrent_status::seeding: return State::seeding;
  default: return State::starting;
  }
}

template <class Number>
std::uint64_t positive(Number number)
{
  return number > 0 ? static_cast<std::uint64_t>(number) : 0;
}

}  // namespace

Failure failure_of(const lt::error_code &ec, lt::operation_t op, const std::string &path)
{
  const auto detail = path + ": " + ec.message() + " (" + lt::operation_name(op) + ")";
  switch (ec.category() == boost::system::system_category() ||
                  ec.category() == boost::system::generic_category()
              ? ec.value()
              : 0) {
  case ENOSPC:
  case EDQUOT:
    return {Failure::Kind::no_space, "There is no space left for the torrent's files.", detail};
  case EACCES:
  case EPERM:
  case EROFS:
  case ENOTDIR:
  case EISDIR:
  case ELOOP:
  case ENOENT:
    return {Failure::Kind::open_write, "The torrent's files cannot be written.", detail};
  default: return {Failure::Kind::read, "The torrent's files cannot be used.", detail};
  }
}

TorrentStatus status_of(const lt::torrent_status &from)
{
  TorrentStatus status;
  status.state = state_of(from);
  status.wanted = positive(from.total_wanted);
  status.wanted_done = positive(from.total_wanted_done);
  status.fraction_done = status.wanted > 0 ? static_cast<double>(status.wanted_done) /
                                                 static_cast<double>(status.wanted)
                                           : 0;
  status.downloaded = positive(from.total_payload_download);
  status.uploaded = positive(from.total_payload_upload);
  status.redundant = positive(from.total_redundant_bytes);
  status.failed = positive(from.total_failed_bytes);
  status.download_rate = static_cast<std::uint32_t>(positive(from.download_payload_rate));
  status.upload_rate = static_cast<std::uint32_t>(positive(from.upload_payload_rate));
  status.peers = static_cast<std::uint32_t>(positive(from.num_peers));
  status.seeds = static_cast<std::uint32_t>(positive(from.num_seeds));
  status.known_peers = static_cast<std::uint32_t>(positive(from.list_peers));
  return status;
}

}  // namespace kam::torrent
