// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/loss_history.hpp"

#include "core/srm/codec.hpp"

#include <algorithm>
#include <cmath>

namespace kam::srm {

namespace {

// What is overtaken by fewer packets than that has been late, not lost.
constexpr unsigned overtaken = 3;
// A jump that is longer is a sender that paused its counting.
constexpr std::int32_t longest_jump = 4096;
constexpr std::array weights{1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2};

}  // namespace

double tcp_friendly_rate(double packet_size, std::uint64_t rtt, double loss)
{
  const auto seconds = static_cast<double>(std::max<std::uint64_t>(rtt, 1)) / 1e9;
  const auto timeouts = 12 * std::sqrt(3 * loss / 8) * loss * (1 + 32 * loss * loss);
  return packet_size / (seconds * (std::sqrt(2 * loss / 3) + timeouts));
}

bool LossHistory::handle_packet(std::uint16_t sequence, std::uint64_t now, std::uint64_t rtt)
{
  if (!is_begun_) {
    is_begun_ = true;
    next_ = std::uint64_t{sequence} + 0x10000;  // so that who comes late has a number as well
  }
  const auto ahead = distance16(static_cast<std::uint16_t>(next_), sequence);
  if (ahead > longest_jump || ahead < -longest_jump) {
    next_ += static_cast<std::uint16_t>(ahead) + std::uint64_t{1};
    missing_ = 0;
    return false;
  }
  if (ahead < 0) {
    const auto number = next_ - static_cast<std::uint64_t>(-ahead);
    if (missing_ > 0 && number >= hole_ && number < hole_ + missing_) {
      // Which of them it was matters little: the event is where the hole is.
      --missing_;
    }
    return false;
  }
  if (ahead > 0) {
    if (missing_ == 0) {
      hole_ = next_;
      hole_seen_ = now;
      since_hole_ = 0;
    }
    missing_ += static_cast<unsigned>(ahead);
  }
  next_ += static_cast<std::uint64_t>(ahead) + 1;
  if (missing_ == 0 || ++since_hole_ < overtaken)
    return false;
  missing_ = 0;
  return note_loss(hole_, hole_seen_, rtt);
}

bool LossHistory::note_loss(std::uint64_t at, std::uint64_t now, std::uint64_t rtt)
{
  if (events_ > 0 && now < event_at_ + rtt)
    return false;
  if (events_ > 0) {
    std::shift_right(lengths_.begin(), lengths_.end(), 1);
    lengths_[0] = static_cast<double>(at - event_number_);
    known_ = std::min(known_ + 1, intervals);
  }
  event_at_ = now;
  event_number_ = at;
  return ++events_ == 1;
}

void LossHistory::assume_before(double loss)
{
  lengths_[0] = 1 / loss;
  known_ = 1;
}

double LossHistory::event_rate() const
{
  if (events_ == 0)
    return 0;
  // The interval that has not ended counts when that makes the mean longer.
  const auto open = static_cast<double>(next_ - event_number_);
  double closed_sum = 0;
  double closed_weight = 0;
  double open_sum = open * weights[0];
  double open_weight = weights[0];
  for (std::size_t i = 0; i < known_; ++i) {
    closed_sum += lengths_[i] * weights[i];
    closed_weight += weights[i];
    if (i + 1 < intervals) {
      open_sum += lengths_[i] * weights[i + 1];
      open_weight += weights[i + 1];
    }
  }
  const auto mean =
      std::max(closed_weight > 0 ? closed_sum / closed_weight : 0, open_sum / open_weight);
  return std::min(1.0, 1 / std::max(mean, 1.0));
}

}  // namespace kam::srm
