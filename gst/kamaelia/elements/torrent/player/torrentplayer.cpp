// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentplayer.hpp"

#include "elements/torrent/player/torrentholding.hpp"
#include "elements/torrent/player/torrentmessages.hpp"

#include <algorithm>
#include <string>
#include <utility>

GST_DEBUG_CATEGORY_EXTERN(torrentsrc_debug);
#define GST_CAT_DEFAULT torrentsrc_debug

namespace kam {

using torrent::Failure;

GstFlowReturn flow_of(GstElement *element, const Obstacle &obstacle)
{
  const auto *failure = std::get_if<Failure>(&obstacle);
  if (!failure)
    return GST_FLOW_FLUSHING;
  post_failure(element, *failure);
  return GST_FLOW_ERROR;
}

TorrentPlayer::TorrentPlayer(GstBaseSrc *base, PlayedTorrent &told, Callbacks callbacks)
    : base_{base}, told_{told}, callbacks_{std::move(callbacks)}
{
}

bool TorrentPlayer::is_pushed() const
{
  return GST_PAD_MODE(GST_BASE_SRC_PAD(base_)) == GST_PAD_MODE_PUSH;
}

bool TorrentPlayer::hold(const torrent::TorrentSpec &spec, const TorrentSrcValues &values)
{
  selected_ = spec.selected();
  file_path_ = spec.file_path();
  if (const auto contents = spec.contents(); contents && !choose(*contents, values))
    return false;
  GST_INFO_OBJECT(base_, "torrent %s", spec.info_hash().c_str());
  reader_.emplace(hold_torrent(element(), spec, values, choice_));
  told_.set_lease(reader_->lease());
  std::make_shared<TorrentReporter>(element(), reader_->lease(), values.background_download,
                                    callbacks_.reports)
      ->listen();
  if (!spec.contents())
    post_progress(element(), GST_PROGRESS_TYPE_START, "metadata",
                  "Asking peers what is in the torrent");
  return true;
}

void TorrentPlayer::release()
{
  told_.set_lease({});
  told_.set_current_file({});
  // Whoever is told of it in another thread may have it for a while.
  if (reader_)
    reader_->lease()->release();
  reader_.reset();
  selected_.clear();
  file_path_.clear();
  choice_.reset();
  is_reading_ = false;
  size_ = GST_CLOCK_TIME_NONE;
  is_title_told_ = false;
}

bool TorrentPlayer::choose(const torrent::Contents &contents, const TorrentSrcValues &values)
{
  const auto listing = contents_structure("application/x-torrent-files", &contents);
  auto wish = values;
  if (const auto asked = callbacks_.select_file(listing.get()); asked >= 0)
    wish.file_index = asked;
  if (wish.file_path.empty())
    wish.file_path = file_path_;
  choice_ = wished_file(wish, contents, selected_);
  if (!choice_) {
    post_failure(element(),
                 {Failure::Kind::not_found, "There is no such file in the torrent.",
                  contents.name + ": " + std::to_string(contents.files.size()) + " files"});
    return false;
  }
  const auto &file = contents.files[*choice_];
  told_.set_current_file(file.path);
  size_ = file.size;
  GST_INFO_OBJECT(base_, "file %zu: %s, %" G_GUINT64_FORMAT " bytes", *choice_,
                  file.path.c_str(), guint64{file.size});
  return true;
}

GstFlowReturn TorrentPlayer::begin(const TorrentSrcValues &values)
{
  const bool was_unknown = size_ == GST_CLOCK_TIME_NONE;
  if (const auto obstacle = reader_->wait_for_contents(values.metadata_timeout))
    return flow_of(element(), *obstacle);
  if (!choice_ && !choose(reader_->contents(), values))
    return GST_FLOW_ERROR;
  if (const auto obstacle = reader_->begin(reading_of(values, *choice_)))
    return flow_of(element(), *obstacle);
  is_reading_ = true;
  tell_contents(was_unknown);
  return GST_FLOW_OK;
}

void TorrentPlayer::tell_contents(bool was_unknown)
{
  if (was_unknown) {
    post_progress(element(), GST_PROGRESS_TYPE_COMPLETE, "metadata",
                  "Peers have told what is in it");
    GST_OBJECT_LOCK(base_);
    base_->segment.duration = size_;
    GST_OBJECT_UNLOCK(base_);
    gst_element_post_message(element(), gst_message_new_duration_changed(GST_OBJECT(base_)));
  }
  auto message = contents_structure("torrent-metadata", &reader_->contents());
  gst_structure_set(message.get(), "info-hash", G_TYPE_STRING,
                    reader_->lease()->info_hash().c_str(), "file-index", G_TYPE_INT,
                    gint(*choice_), "file-path", G_TYPE_STRING, reader_->file().path.c_str(),
                    nullptr);
  post_element_message(element(), std::move(message));
}

GstFlowReturn TorrentPlayer::create(const TorrentSrcValues &values, guint64 offset,
                                    guint length, GstBuffer **buffer)
{
  // The segment has gone out with the first buffer; the title comes behind it.
  if (offset > 0 && !std::exchange(is_title_told_, true))
    tell_title(element(), is_pushed() ? GST_BASE_SRC_PAD(base_) : nullptr,
               reader_->contents().name);
  const auto size = reader_->file().size;
  if (offset >= size)
    return GST_FLOW_EOS;
  length = guint(std::min<guint64>(length, size - offset));
  // Who is pushed to gets what is there, and does not wait for the piece behind it.
  if (is_pushed())
    length = guint(std::min<guint64>(length, reader_->bytes_to_piece_end(offset)));
  auto obstacle = reader_->wait_for({offset, offset + length}, values.timeout);
  if (!obstacle)
    obstacle = reader_->read(offset, length, buffer);
  if (obstacle)
    return flow_of(element(), *obstacle);
  GST_BUFFER_OFFSET(*buffer) = offset;
  GST_BUFFER_OFFSET_END(*buffer) = offset + length;
  return GST_FLOW_OK;
}

void TorrentPlayer::linger(const TorrentSrcValues &values) const
{
  if (!values.linger || !is_reading_)
    return;
  GST_INFO_OBJECT(base_, "seeding before EOS");
  reader_->lease()->wait_for_upload(values.seed_ratio * double(reader_->file().size));
}

}  // namespace kam
