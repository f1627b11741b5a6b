// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/seriesplayer.hpp"

#include "elements/torrent/player/torrentmessages.hpp"
#include "elements/torrent/player/torrentplayer.hpp"

#include <algorithm>
#include <utility>

namespace kam {

using torrent::Failure;
using torrent::Wait;
using Refusal = torrent::SeriesFollower::Refusal;

namespace {

using Clock = std::chrono::steady_clock;

Clock::time_point later(Clock::time_point since, guint64 nanoseconds)
{
  const auto most = std::chrono::nanoseconds{Clock::time_point::max() - since};
  const auto wanted = std::chrono::nanoseconds{static_cast<gint64>(nanoseconds)};
  return nanoseconds == 0 || wanted > most ? Clock::time_point::max() : since + wanted;
}

}  // namespace

SeriesPlayer::SeriesPlayer(GstBaseSrc *base, PlayedTorrent &told,
                           TorrentReporter::Callbacks reports)
    : base_{base}, told_{told}, reports_{std::move(reports)}
{
}

void SeriesPlayer::open(const TorrentPlace &index, const TorrentSrcValues &values,
                        const torrent::SeriesIndex &first)
{
  series_ = std::make_shared<TorrentSeries>(element(), index, values, first);
  told_.set_series(series_);
}

void SeriesPlayer::close()
{
  told_.set_series({});
  told_.set_lease({});
  told_.set_current_file({});
  leave_part();
  series_.reset();
  is_discontinuous_ = false;
}

GstFlowReturn SeriesPlayer::create(const TorrentSrcValues &values, guint64 offset, guint length,
                                   GstBuffer **buffer)
{
  // A pause is no silence.
  const auto since = Clock::now();
  for (;;) {
    if (!part_)
      if (const auto flow = begin_part(values, since); flow != GST_FLOW_OK)
        return flow;
    auto &reader = *part_->reader;
    if (position_ >= reader.file().size) {
      leave_part();
      series_->end_part();
      continue;
    }
    const auto most =
        std::min(reader.file().size - position_, reader.bytes_to_piece_end(position_));
    const auto now = guint(std::min<guint64>(length, most));
    if (const auto flow = wait_for({position_, position_ + now}, values, since)) {
      if (*flow != GST_FLOW_OK)
        return *flow;
      continue;
    }
    if (const auto obstacle = reader.read(position_, now, buffer))
      return flow_of(element(), *obstacle);
    position_ += now;
    GST_BUFFER_OFFSET(*buffer) = offset;
    GST_BUFFER_OFFSET_END(*buffer) = offset + now;
    if (std::exchange(is_discontinuous_, false))
      GST_BUFFER_FLAG_SET(*buffer, GST_BUFFER_FLAG_DISCONT);
    return GST_FLOW_OK;
  }
}

GstFlowReturn SeriesPlayer::begin_part(const TorrentSrcValues &values, Clock::time_point since)
{
  auto next = series_->wait_for_part(later(since, values.timeout));
  if (std::holds_alternative<TorrentSeries::Ended>(next))
    return GST_FLOW_EOS;
  if (const auto *obstacle = std::get_if<Obstacle>(&next))
    return flow_of(element(), *obstacle);
  part_ = std::get<TorrentSeries::Part>(std::move(next));
  position_ = 0;
  is_discontinuous_ |= part_->is_discontinuous;
  const auto &reader = *part_->reader;
  told_.set_lease(reader.lease());
  told_.set_current_file(reader.file().path);
  std::make_shared<TorrentReporter>(element(), reader.lease(), values.background_download,
                                    reports_)
      ->listen();
  auto message = contents_structure("torrent-metadata", &reader.contents());
  gst_structure_set(message.get(), "info-hash", G_TYPE_STRING,
                    reader.lease()->info_hash().c_str(), "file-index", G_TYPE_INT, 0,
                    "file-path", G_TYPE_STRING, reader.file().path.c_str(), "part",
                    G_TYPE_UINT64, guint64{part_->number}, nullptr);
  post_element_message(element(), std::move(message));
  return GST_FLOW_OK;
}

// Nothing if the bytes are there; GST_FLOW_OK if others are to be waited for.
std::optional<GstFlowReturn> SeriesPlayer::wait_for(torrent::Range bytes,
                                                    const TorrentSrcValues &values,
                                                    Clock::time_point since)
{
  constexpr std::chrono::seconds next_look{1};  // whether there is a newer part by now
  const auto &lease = part_->reader->lease();
  // Who interrupts the waits did so to the lease that was there then.
  if (series_->is_interrupted())
    return GST_FLOW_FLUSHING;
  const auto end = later(since, values.timeout);
  const auto silence = later(since, values.part_timeout);
  const auto wait =
      lease->wait_for(bytes, std::min(end, std::max(silence, Clock::now() + next_look)));
  if (wait == Wait::ready)
    return {};
  if (wait == Wait::interrupted)
    return GST_FLOW_FLUSHING;
  const auto failure = lease->failure();
  if (failure && is_local(*failure))
    return flow_of(element(), *failure);
  const auto now = Clock::now();
  const bool is_silent = wait == Wait::timed_out && now >= silence;
  if (wait == Wait::failed || is_silent) {
    if (series_->give_up_part(is_silent ? Refusal::silent : Refusal::useless)) {
      leave_part();
      return GST_FLOW_OK;
    }
  }
  if (now >= end)
    return flow_of(element(),
                   Failure{Failure::Kind::not_found, "No peer has sent data for too long.",
                           part_->reader->file().path});
  return GST_FLOW_OK;
}

void SeriesPlayer::leave_part()
{
  if (!part_)
    return;
  part_->reader->lease()->listen({});
  part_.reset();
}

void SeriesPlayer::linger(const TorrentSrcValues &values) const
{
  if (const auto lease = told_.lease(); lease && values.linger)
    lease->wait_for_upload(values.seed_ratio * double(lease->status().wanted));
}

}  // namespace kam
