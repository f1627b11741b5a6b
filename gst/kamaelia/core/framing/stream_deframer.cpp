// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/stream_deframer.hpp"

#include <algorithm>
#include <utility>

namespace kam::framing {

void StreamDeframer::feed(Bytes input)
{
  input_ = input;
  lost_ = false;
}

std::optional<std::variant<Frame, FrameFault>> StreamDeframer::poll()
{
  if (lost_) {
    bytes_skipped_ += input_.size();
    input_ = {};
    return std::nullopt;
  }
  if (!open_) {
    if (auto fault = read_header())
      return fault;
    if (!open_)
      return std::nullopt;
  }
  if (auto frame = read_data())
    return std::move(*frame);
  return std::nullopt;
}

std::optional<FrameFault> StreamDeframer::end()
{
  const bool was_open = is_open();
  bytes_skipped_ += partial_header_.size() + input_.size();
  if (open_)
    bytes_skipped_ += open_->header_size + open_->collected.size();
  open_.reset();
  partial_header_ = {};
  input_ = {};
  lost_ = false;
  if (was_open)
    return FrameFault::short_frame;
  return std::nullopt;
}

// Opens a frame, or waits for more, or says what is wrong.
std::optional<std::variant<Frame, FrameFault>> StreamDeframer::read_header()
{
  const auto already = partial_header_.size();
  const auto wanted = std::min(input_.size(), max_header_size - already);
  Bytes bytes = input_;
  if (already > 0) {
    partial_header_.insert(partial_header_.end(), input_.begin(),
                           input_.begin() + static_cast<std::ptrdiff_t>(wanted));
    bytes = partial_header_;
  }
  if (bytes.empty())
    return std::nullopt;
  const auto parsed = parse_frame_header(bytes);
  if (std::holds_alternative<NeedMore>(parsed)) {
    if (already == 0)
      partial_header_.assign(bytes.begin(), bytes.end());
    input_ = {};
    return std::nullopt;
  }
  if (const auto *fault = std::get_if<FrameFault>(&parsed))
    return lose_track(*fault, already);
  const auto &header = std::get<FrameHeader>(parsed);
  if (header.data_size > limits_.max_frame_size)
    return lose_track(FrameFault::bad_length, already);
  open_ = Frame{.tag = std::string{header.tag},
                .sequence = header.sequence,
                .header_size = header.header_size,
                .data = {},
                .collected = {},
                .in_input = false};
  data_size_ = static_cast<std::size_t>(header.data_size);
  input_ = input_.subspan(header.header_size - already);
  partial_header_.clear();
  return std::nullopt;
}

std::optional<Frame> StreamDeframer::read_data()
{
  auto &collected = open_->collected;
  const auto missing = data_size_ - collected.size();
  const auto piece = input_.first(std::min(missing, input_.size()));
  input_ = input_.subspan(piece.size());
  if (collected.empty() && piece.size() == missing) {
    open_->data = piece;
    open_->in_input = true;
    return std::exchange(open_, std::nullopt);
  }
  // What is there decides how much memory is taken, not what was declared.
  collected.insert(collected.end(), piece.begin(), piece.end());
  if (collected.size() < data_size_)
    return std::nullopt;
  open_->data = collected;
  return std::exchange(open_, std::nullopt);
}

// Of a header that began earlier, the part in the input is skipped with the input.
FrameFault StreamDeframer::lose_track(FrameFault fault, std::size_t earlier)
{
  bytes_skipped_ += earlier;
  partial_header_.clear();
  lost_ = true;
  return fault;
}

}  // namespace kam::framing
