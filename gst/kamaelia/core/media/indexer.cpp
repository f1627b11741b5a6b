// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/media/indexer.hpp"

#include "core/media/formats.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace kam::media {

Format format_of(std::string_view media_type)
{
  struct Row {
    std::string_view name;
    Format format;
  };
  static constexpr std::array rows{
      Row{"application/ogg", Format::ogg},   Row{"audio/aac", Format::adts},
      Row{"audio/aacp", Format::adts},       Row{"audio/flac", Format::flac},
      Row{"audio/mp3", Format::mpeg_audio},  Row{"audio/mp4", Format::mp4},
      Row{"audio/mpeg", Format::mpeg_audio}, Row{"audio/ogg", Format::ogg},
      Row{"audio/webm", Format::webm},       Row{"audio/x-flac", Format::flac},
      Row{"audio/x-matroska", Format::webm}, Row{"video/mp2t", Format::mpeg_ts},
      Row{"video/mp4", Format::mp4},         Row{"video/mpegts", Format::mpeg_ts},
      Row{"video/ogg", Format::ogg},         Row{"video/quicktime", Format::mp4},
      Row{"video/webm", Format::webm},       Row{"video/x-matroska", Format::webm},
  };
  auto type = media_type.substr(0, media_type.find(';'));
  while (type.ends_with(' '))
    type.remove_suffix(1);
  const auto *row = std::ranges::find(rows, type, &Row::name);
  return row == rows.end() ? Format::unknown : row->format;
}

std::unique_ptr<Indexer> make_indexer(Format format)
{
  switch (format) {
  case Format::unknown: return nullptr;
  case Format::mpeg_audio: return std::make_unique<FrameIndexer>(icy::Framing::mpeg_audio);
  case Format::adts: return std::make_unique<FrameIndexer>(icy::Framing::adts);
  case Format::ogg: return std::make_unique<OggIndexer>();
  case Format::webm: return std::make_unique<WebmIndexer>();
  case Format::mp4: return std::make_unique<Mp4Indexer>();
  case Format::flac: return std::make_unique<FlacIndexer>();
  case Format::mpeg_ts: return std::make_unique<TsIndexer>();
  }
  return nullptr;
}

void Indexer::feed(Bytes input, std::vector<JoinPoint> &joins)
{
  const auto skipped = std::min<std::uint64_t>(skip_, input.size());
  input = input.subspan(static_cast<std::size_t>(skipped));
  offset_ += skipped;
  skip_ -= skipped;
  if (held_.size() + input.size() < need_) {
    held_.insert(held_.end(), input.begin(), input.end());
    return;
  }
  ByteVector joined;
  if (!held_.empty()) {
    joined = std::exchange(held_, {});
    joined.insert(joined.end(), input.begin(), input.end());
    input = joined;
  }
  need_ = 1;
  while (!input.empty()) {
    const auto step = this->step(input, offset_, joins);
    if (step.take == 0 && step.skip == 0) {
      need_ = std::max(step.need, input.size() + 1);
      break;
    }
    const auto done = std::min<std::uint64_t>(step.take + step.skip, input.size());
    input = input.subspan(static_cast<std::size_t>(done));
    offset_ += done;
    skip_ = step.take + step.skip - done;
  }
  held_.assign(input.begin(), input.end());
}

void Indexer::restart(Bytes headers)
{
  const auto offset = offset_ + held_.size();
  const auto forget_position = [&] {
    held_.clear();
    need_ = 1;
    skip_ = 0;
    offset_ = offset;
  };
  forget();
  forget_position();
  std::vector<JoinPoint> unused;
  feed(headers, unused);
  forget_position();
}

}  // namespace kam::media
