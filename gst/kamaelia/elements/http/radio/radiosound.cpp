// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radiosound.hpp"

#include "glue/bytes.hpp"

#include <algorithm>
#include <utility>

namespace kam::icy {
namespace {

using glue::BufferPtr;

// A part of what was read; the whole buffer if it is all of it.
BufferPtr part_of(BufferPtr &block, std::size_t offset, std::size_t size, bool is_only)
{
  if (!is_only)
    return BufferPtr{gst_buffer_copy_region(block.get(), GST_BUFFER_COPY_MEMORY, offset, size)};
  gst_buffer_resize(block.get(), static_cast<gssize>(offset), static_cast<gssize>(size));
  return std::move(block);
}

}  // namespace

void RadioSound::begin(std::uint64_t metaint, const std::string &content_type, bool is_first,
                       const Options &options)
{
  demuxer_ = Demuxer{metaint};
  hunted_.clear();
  framing_ = framing_of(content_type);
  if (framing_ == Framing::ogg && options.merge_ogg_chains) {
    if (ogg_)
      ogg_->handle_gap();
    else
      ogg_.emplace();
    hunting_ = false;
  } else {
    ogg_.reset();
    hunting_ = options.resync && !is_first && framing_ != Framing::unknown;
  }
  discont_ = !is_first;
}

void RadioSound::end()
{
  // What was held in search of a frame is better than nothing.
  if (hunting_)
    give_out_hunted(0);
}

void RadioSound::take(BufferPtr block, std::size_t size)
{
  if (demuxer_.pass_audio(size))
    return take_audio(part_of(block, 0, size, true));
  struct Piece {
    std::size_t offset = 0;
    std::size_t size = 0;
    std::optional<Metadata> metadata;
  };
  std::vector<Piece> pieces;
  {
    const glue::WriteMap map{block.get()};
    demuxer_.feed(map.bytes().first(size));
    const auto blocks_before = demuxer_.blocks();
    while (const auto event = demuxer_.poll()) {
      if (const auto *audio = std::get_if<Demuxer::Audio>(&*event)) {
        const auto offset = audio->bytes.data() - map.bytes().data();
        pieces.push_back({static_cast<std::size_t>(offset), audio->bytes.size(), {}});
      } else {
        Metadata metadata{parse_metadata(std::get<Demuxer::Block>(*event).bytes)};
        if (metadata.fields.empty())
          ++bad_blocks_;
        else
          pieces.push_back({0, 0, std::move(metadata)});
      }
    }
    blocks_ += demuxer_.blocks() - blocks_before;
  }
  for (auto &piece : pieces) {
    if (!piece.metadata)
      take_audio(part_of(block, piece.offset, piece.size, pieces.size() == 1));
    else
      (hunting_ ? hunted_ : out_).emplace_back(*std::move(piece.metadata));
  }
}

void RadioSound::take_audio(BufferPtr audio)
{
  if (ogg_)
    return take_ogg(audio.get());
  if (hunting_) {
    hunted_.emplace_back(std::move(audio));
    return hunt();
  }
  give_out(std::move(audio));
}

void RadioSound::give_out(BufferPtr audio)
{
  if (std::exchange(discont_, false))
    GST_BUFFER_FLAG_SET(audio.get(), GST_BUFFER_FLAG_DISCONT);
  out_.emplace_back(std::move(audio));
}

void RadioSound::take_ogg(GstBuffer *audio)
{
  const glue::ReadMap map{audio};
  auto output = ogg_->feed(map.bytes());
  std::size_t done = 0;
  const auto pass = [&](std::size_t end) {
    if (end == done)
      return;
    give_out(glue::copy(Bytes{output.pages}.subspan(done, end - done)));
    done = end;
  };
  for (auto &comments : output.comments) {
    pass(comments.offset);
    out_.emplace_back(Comments{std::move(comments.lines)});
  }
  pass(output.pages.size());
}

// Looks for the first frame in all that came since the connection was made.
void RadioSound::hunt()
{
  ByteVector window;
  for (const auto &event : hunted_)
    if (const auto *audio = std::get_if<BufferPtr>(&event)) {
      const glue::ReadMap map{audio->get()};
      window.insert(window.end(), map.bytes().begin(), map.bytes().end());
    }
  if (const auto frame = find_frame(framing_, window))
    give_out_hunted(*frame);
  else if (window.size() >= sync_window)
    give_out_hunted(0);
}

void RadioSound::give_out_hunted(std::size_t skip)
{
  hunting_ = false;
  bytes_skipped_ += skip;
  for (auto &event : std::exchange(hunted_, {})) {
    auto *audio = std::get_if<BufferPtr>(&event);
    if (!audio) {
      out_.push_back(std::move(event));
      continue;
    }
    const auto size = gst_buffer_get_size(audio->get());
    const auto skipped = std::min(skip, size);
    skip -= skipped;
    if (skipped == size)
      continue;
    gst_buffer_resize(audio->get(), static_cast<gssize>(skipped), -1);
    give_out(std::move(*audio));
  }
}

}  // namespace kam::icy
