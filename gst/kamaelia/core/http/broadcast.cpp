// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/broadcast.hpp"

#include "core/icy/muxer.hpp"

#include <algorithm>
#include <utility>

namespace kam::http {
namespace {

// Places closer to each other are of no use to anybody.
constexpr std::uint64_t smallest_unit = 64;
// Older ones are forgotten; they are told as what was on before.
constexpr std::size_t max_titles = 64;

// The last of `items` whose member is not above `value`; nullptr if there is none.
template <class Items, class Member, class Value>
auto *last_up_to(const Items &items, Member member, Value value)
{
  const auto after = std::ranges::upper_bound(items, value, {}, member);
  return after == items.begin() ? nullptr : &*std::prev(after);
}

}  // namespace

void Broadcast::begin_format(media::Format format, Bytes headers)
{
  if (!indexer_ || format != format_) {
    // An indexer counts from where it begins.
    indexer_ = media::make_indexer(format);
    format_begin_ = log_.end();
  }
  format_ = format;
  has_joined_ = false;
  headers_ = headers.empty()
                 ? nullptr
                 : std::make_shared<const ByteVector>(headers.begin(), headers.end());
  if (indexer_)
    indexer_->restart(headers);
}

void Broadcast::add_stamp(Nanoseconds time, bool may_join)
{
  const bool is_near = !stamps_.empty() && log_.end() - stamps_.back().offset < smallest_unit;
  if (!is_near || stamps_.back().may_join != may_join)
    stamps_.push_back({log_.end(), time, may_join});
}

void Broadcast::add_join(std::uint64_t offset, const media::SharedBytes &headers)
{
  has_joined_ = true;
  if (!joins_.empty() && offset < joins_.back().offset + smallest_unit)
    return;
  const auto *stamp = last_up_to(stamps_, &Stamp::offset, offset);
  const auto time = stamp ? stamp->time : end_time_;
  joins_.push_back(
      {offset, joins_.empty() ? time : std::max(time, joins_.back().time), headers});
}

void Broadcast::append(Bytes bytes, Nanoseconds time, bool may_join)
{
  if (bytes.empty())
    return;
  end_time_ = std::max(time, end_time_);
  add_stamp(end_time_, may_join);
  const auto begin = log_.end();
  log_.append(bytes);
  if (indexer_) {
    found_.clear();
    indexer_->feed(bytes, found_);
    for (const auto &join : found_) {
      const auto offset = format_begin_ + join.offset;
      const auto *stamp = last_up_to(stamps_, &Stamp::offset, offset);
      // The pages of Ogg do not say which of them have key frames.
      if (format_ != media::Format::ogg || !stamp || stamp->may_join)
        add_join(offset, join.headers);
    }
  }
  // Some frames cannot be told by their bytes (MP3 of a free bitrate); better to begin in the
  // middle of one than never.
  constexpr std::uint64_t patience = std::uint64_t{64} << 10U;
  const bool are_frames =
      format_ == media::Format::mpeg_audio || format_ == media::Format::adts;
  const bool gives_up = are_frames && !has_joined_ && log_.end() - format_begin_ > patience;
  if ((!indexer_ || gives_up) && may_join) {
    const bool has_joined = has_joined_;
    add_join(begin, headers_);
    has_joined_ = has_joined;
  }
  forget();
}

void Broadcast::set_title(std::string text, std::string url, std::string_view block_text)
{
  auto block = std::make_shared<const ByteVector>(icy::metadata_block(block_text, url));
  titles_.push_back({++last_title_, log_.end(), end_time_, std::move(text), std::move(url),
                     std::move(block)});
  if (titles_.size() > max_titles)
    titles_.pop_front();
}

void Broadcast::forget()
{
  const auto size_limit = [this](std::uint64_t size) {
    return log_.end() - std::min(log_.end(), std::max<std::uint64_t>(size, limits_.min_bytes));
  };
  // From the place on where somebody begins who is `lag` behind.
  const auto lag_limit = [&](Nanoseconds lag, std::uint64_t size) {
    const auto *join = last_up_to(joins_, &Join::time, end_time_ - lag);
    const auto by_time = join             ? join->offset
                         : joins_.empty() ? std::uint64_t{0}
                                          : joins_.front().offset;
    return std::max(size_limit(size), std::min(by_time, size_limit(0)));
  };
  lag_limit_ = std::max(lag_limit_, lag_limit(limits_.lag, limits_.max_bytes / 4 * 3));
  log_.forget_before(lag_limit(limits_.lag + limits_.lag / 4, limits_.max_bytes));
  while (!joins_.empty() && joins_.front().offset < log_.begin())
    joins_.pop_front();
  while (stamps_.size() > 1 && stamps_[1].offset <= log_.begin())
    stamps_.pop_front();
}

const Broadcast::Join *Broadcast::join(Burst burst) const
{
  if (joins_.empty())
    return nullptr;
  const auto *found =
      burst.bytes > 0
          ? last_up_to(joins_, &Join::offset,
                       log_.end() - std::min<std::uint64_t>(burst.bytes, log_.end()))
          : last_up_to(joins_, &Join::time, end_time_ - burst.time);
  const auto *earliest = next_join(lag_limit_);
  if (!earliest)
    return &joins_.back();
  return found && found->offset >= earliest->offset ? found : earliest;
}

const Broadcast::Join *Broadcast::next_join(std::uint64_t offset) const
{
  const auto found = std::ranges::lower_bound(joins_, offset, {}, &Join::offset);
  return found == joins_.end() ? nullptr : &*found;
}

const Broadcast::Title *Broadcast::title_at(std::uint64_t offset) const
{
  return last_up_to(titles_, &Title::offset, offset);
}

}  // namespace kam::http
