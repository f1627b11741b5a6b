// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/remote_object.hpp"

#include <algorithm>
#include <cassert>

namespace kam::srm {

ObjectKind RemoteObject::kind() const
{
  if (is_stream())
    return ObjectKind::stream;
  return (flags_ & object_flag::file) != 0 ? ObjectKind::file : ObjectKind::data;
}

bool RemoteObject::set_info(Bytes content)
{
  if (has_info_ && std::equal(content.begin(), content.end(), info_.begin(), info_.end()))
    return false;
  info_.assign(content.begin(), content.end());
  has_info_ = true;
  return true;
}

bool RemoteObject::describe(const ObjectHeader &header,
                            const std::optional<ObjectTransmissionInfo> &fti)
{
  constexpr std::uint8_t kind_flags = object_flag::stream | object_flag::file;
  if (!heard_) {
    heard_ = true;
    flags_ = header.flags;
    fec_id_ = header.fec_id;
  } else if (((flags_ ^ header.flags) & kind_flags) != 0 || fec_id_ != header.fec_id) {
    return false;
  }
  flags_ |= header.flags & object_flag::info;
  if (!fti)
    return true;
  if (fti_)
    return is_stream() ? fti_->segment_size == fti->segment_size &&
                             fti_->max_sources == fti->max_sources
                       : *fti_ == *fti;
  if (std::size_t{fti->segment_size} * fti->max_sources > options_->buffer_bytes)
    return false;
  fti_ = fti;
  if (!is_stream())
    partition_ = Partition{*fti};
  // Some blocks' memory waits for the next, but not a large part of all there may be.
  constexpr std::size_t most_idle = 64;
  pool_.emplace(block_bytes(), std::min(most_idle, options_->buffer_bytes / 8 / block_bytes()));
  note_delivered_object();
  return true;
}

void RemoteObject::join(PayloadId id, bool from_start)
{
  assert(!joined_ && is_usable());
  joined_ = true;
  // Beyond that a number that has wrapped could be meant.
  constexpr std::uint32_t near_start = 1U << 22U;
  if ((from_start && id.block < near_start) || id.block == 0 || !is_stream()) {
    first_ = 0;
  } else if (id.symbol < fti_->max_sources && !from_start) {
    first_ = id.block;
    next_symbol_ = id.symbol;
  } else {
    first_ = from_start ? id.block : id.block + 1U;
  }
  noticed_end_ = first_;
}

std::size_t RemoteObject::block_bytes() const
{
  return std::size_t{fti_->segment_size} * fti_->max_sources;
}

std::size_t RemoteObject::max_blocks() const
{
  // Blocks that are only expected take memory, too.
  const auto each = block_bytes() + sizeof(ReceiveBlock);
  return std::clamp<std::size_t>((memory_->used() + memory_->left()) / each, 1, 16384);
}

// Whether a sender may be there already, or enough packets have told so. One that waits for its
// receivers is not ahead of them by more than it keeps.
bool RemoteObject::is_near(std::uint64_t number, std::uint64_t now)
{
  const auto kept = options_->policy == Policy::bulk ? fti_->object_size / block_bytes() : 0;
  const auto reach = max_blocks() + kept;
  if (number < first_ + reach) {
    far_block_.deny();
    return true;
  }
  return far_block_.suggest(number, reach, now);
}

std::optional<std::uint64_t> RemoteObject::last_number() const
{
  if (is_stream() || partition_.blocks() == 0)
    return std::nullopt;
  return partition_.blocks() - 1;
}

std::uint16_t RemoteObject::sources_of(std::uint64_t number) const
{
  return is_stream() ? fti_->max_sources : partition_.sources(number);
}

std::optional<std::uint64_t> RemoteObject::number_of(std::uint32_t wire_number) const
{
  const auto reference = blocks_.empty() ? first_ : end_number() - 1;
  const auto low = static_cast<std::uint32_t>(reference);
  const auto distance = fec_id_ == FecId::small_block
                            ? static_cast<std::int32_t>(wire_number - low)
                            : distance24(low & block_mask, wire_number & block_mask);
  const auto number = static_cast<std::int64_t>(reference) + distance;
  if (number < 0)
    return std::nullopt;
  const auto last = last_number();
  if (!is_stream() && (!last || static_cast<std::uint64_t>(number) > *last))
    return std::nullopt;
  return static_cast<std::uint64_t>(number);
}

std::uint32_t RemoteObject::wire_number(const ReceiveBlock &block) const
{
  const auto number = static_cast<std::uint32_t>(block.number());
  return fec_id_ == FecId::small_block ? number : number & block_mask;
}

ReceiveBlock *RemoteObject::find_block(std::uint32_t wire_number)
{
  const auto number = is_usable() && joined_ ? number_of(wire_number) : std::nullopt;
  if (!number || *number < first_ || *number >= end_number())
    return nullptr;
  return &blocks_[static_cast<std::size_t>(*number - first_)];
}

void RemoteObject::extend_to(std::uint64_t number)
{
  while (end_number() <= number)
    blocks_.emplace_back(end_number(), sources_of(end_number()));
}

ReceiveBlock &RemoteObject::block_at(std::uint64_t number)
{
  extend_to(number);
  return blocks_[static_cast<std::size_t>(number - first_)];
}

// Whether the memory for one more packet of a block may be taken.
bool RemoteObject::has_room(const ReceiveBlock &block, bool is_parity) const
{
  const auto needed =
      (block.has_memory() ? 0 : block_bytes()) + (is_parity ? fti_->segment_size : 0U);
  return needed <= memory_->left();
}

// Whether there is room for a block. A live receiver makes room; one that must lose nothing
// leaves the packet to be sent again, and knows that all up to the end of its buffer is
// missing.
bool RemoteObject::fits(std::uint64_t number, std::uint64_t now)
{
  if (number - first_ < max_blocks())
    return true;
  if (options_->policy == Policy::bulk) {
    notice(first_ + max_blocks(), 0, now);
    return false;
  }
  jump_to(number - max_blocks() + 1, overflow_);
  return true;
}

// Whether it is as long as it says, or has to be: what was cut off would be taken for zeros.
bool RemoteObject::is_whole_symbol(std::uint64_t number, std::uint16_t symbol,
                                   Bytes payload) const
{
  if (symbol >= sources_of(number))
    return payload.size() == fti_->segment_size + (is_stream() ? StreamHeader::size : 0);
  if (!is_stream())
    return payload.size() ==
           partition_.segment_bytes(partition_.first_segment(number) + symbol);
  const auto header = parse_stream_header(payload);
  return header && header->length <= fti_->segment_size &&
         header->length == payload.size() - StreamHeader::size;
}

RemoteObject::Outcome RemoteObject::put(PayloadId id, Bytes payload, bool is_first,
                                        std::uint64_t now, Decoder &decoder)
{
  if (!joined_ || delivered_)
    return delivered_ ? Outcome::duplicate : Outcome::useless;
  const auto number = number_of(id.block);
  if (!number)
    return Outcome::useless;
  if (*number < first_)
    return Outcome::duplicate;
  const auto sources = sources_of(*number);
  if (id.symbol >= sources + fti_->max_parities ||
      !is_whole_symbol(*number, id.symbol, payload))
    return Outcome::useless;
  if (!is_near(*number, now) || !fits(*number, now))
    return Outcome::beyond;
  auto &block = block_at(*number);
  const bool is_parity = id.symbol >= sources;
  const auto index = static_cast<std::uint16_t>(is_parity ? id.symbol - sources : id.symbol);
  if (block.is_complete() || (is_parity ? block.has_parity(index) : block.has_source(index)))
    return Outcome::duplicate;
  if (!is_parity && index < first_symbol(block))
    return Outcome::duplicate;  // given up, or before we came
  const bool is_next = is_first && *number == first_;
  if (!is_next && !has_room(block, is_parity))
    return Outcome::beyond;
  store(block, is_parity, index, payload);
  // What a packet says about those before it. Parity comes when the sources have been sent.
  const auto before = options_->policy == Policy::bulk ? std::uint16_t{0} : index;
  notice(*number, is_parity ? sources : before, now);
  rebuild(block, decoder);
  if (block.gap_at != 0)
    refresh_gap(block);
  expect_end(now);
  return Outcome::taken;
}

void RemoteObject::store(ReceiveBlock &block, bool is_parity, std::uint16_t index,
                         Bytes payload)
{
  if (!block.has_memory())
    block.set_memory(pool_->take(), *memory_, is_stream(), fti_->segment_size);
  if (is_parity)
    block.put_parity(index, payload);
  else
    block.put_source(index, payload);
}

void RemoteObject::rebuild(ReceiveBlock &block, Decoder &decoder)
{
  if (!block.can_rebuild())
    return;
  if (!code_)
    code_ = reed_solomon(fti_->max_sources, fti_->max_parities);
  rebuilt_ += block.rebuild(*code_, decoder);
}

// All blocks before `number` have been sent, and of that one so many symbols.
void RemoteObject::notice(std::uint64_t number, std::uint16_t symbols, std::uint64_t now)
{
  if (noticed_end_ < number) {
    extend_to(number - 1);
    noticed_end_ = std::max(noticed_end_, first_);
    for (; noticed_end_ < number; ++noticed_end_) {
      auto &block = blocks_[static_cast<std::size_t>(noticed_end_ - first_)];
      notice_in(block, block.sources(), now);
      due_gaps_ += block.gap_at != 0 ? 1 : 0;
    }
  }
  if (symbols > 0 && number >= first_) {
    extend_to(number);
    notice_in(blocks_[static_cast<std::size_t>(number - first_)], symbols, now);
  }
}

void RemoteObject::notice_in(ReceiveBlock &block, std::uint16_t symbols, std::uint64_t now)
{
  const auto from = std::max(block.noticed, first_symbol(block));
  for (auto symbol = from; symbol < symbols; ++symbol) {
    if (block.has_source(symbol))
      continue;
    ++missed_;
    if (block.gap_at == 0)
      block.gap_at = std::max<std::uint64_t>(now, 1);
  }
  block.noticed = std::max(block.noticed, symbols);
}

bool RemoteObject::lacks_any(const ReceiveBlock &block) const
{
  for (auto symbol = first_symbol(block); symbol < block.noticed; ++symbol) {
    if (!block.has_source(symbol))
      return true;
  }
  return false;
}

void RemoteObject::refresh_gap(ReceiveBlock &block)
{
  if (lacks_any(block))
    return;
  block.gap_at = 0;
  block.asked.reset();
  block.attempts = 0;
  block.ask_again_at = 0;
  block.not_before = 0;
}

bool RemoteObject::expect_through(PayloadId id, std::uint64_t now)
{
  if (!joined_ || delivered_)
    return delivered_;
  const auto number = number_of(id.block);
  if (!number)
    return false;
  if (*number < first_)
    return true;
  if (!is_near(*number, now) || !fits(*number, now))
    return false;
  const auto symbols =
      std::min<std::uint16_t>(sources_of(*number), static_cast<std::uint16_t>(id.symbol + 1));
  notice(*number, symbols, now);
  return true;
}

void RemoteObject::expect_all(std::uint64_t now)
{
  all_sent_ = true;
  expect_end(now);
}

void RemoteObject::expect_end(std::uint64_t now)
{
  if (!all_sent_ || !joined_ || delivered_ || given_up_)
    return;
  auto end = partition_.blocks();
  if (is_stream()) {
    // A stream's end goes to the end of a block: of the last that we know, or behind it.
    const bool is_full =
        blocks_.empty() || blocks_.back().has_source(blocks_.back().sources() - 1U);
    end = end_number() + (is_full && !has_end() ? 1 : 0);
  }
  if (end > first_ && fits(end - 1, now))
    notice(end, 0, now);
}

bool RemoteObject::has_end() const
{
  if (delivered_ || !is_stream())
    return delivered_;
  if (blocks_.empty() || !blocks_.back().has_source(blocks_.back().sources() - 1U))
    return false;
  const auto last = blocks_.back().stream_header(blocks_.back().sources() - 1U);
  return last.length == 0 && last.message_start == 0;
}

bool RemoteObject::has_through(PayloadId id) const
{
  if (delivered_)
    return true;
  const auto number = joined_ ? number_of(id.block) : std::nullopt;
  if (!number)
    return false;
  if (*number < first_)
    return true;
  if (*number >= end_number())
    return false;
  for (const auto &block : blocks_) {
    const bool is_last = block.number() == *number;
    const auto end =
        is_last ? std::min<std::uint32_t>(block.sources(), id.symbol + 1U) : block.sources();
    if (!block.is_complete()) {
      for (auto symbol = first_symbol(block); symbol < end; ++symbol) {
        if (!block.has_source(symbol))
          return false;
      }
    }
    if (is_last)
      break;
  }
  return true;
}

// --- in order -----------------------------------------------------------------------------

std::size_t RemoteObject::segment_bytes(const ReceiveBlock &block, std::uint16_t symbol) const
{
  return partition_.segment_bytes(partition_.first_segment(block.number()) + symbol);
}

// Adds a segment to a run; false if the run ends with it or before it.
bool RemoteObject::append_stream_segment(const ReceiveBlock &block, std::uint16_t symbol,
                                         Run &run) const
{
  const auto header = block.stream_header(symbol);
  const auto length = std::min<std::size_t>(header.length, fti_->segment_size);
  if (header.message_start != 0 && header.message_start <= length && !run.message_start)
    run.message_start = run.bytes.size() + header.message_start - 1U;
  run.bytes = {run.bytes.data(), run.bytes.size() + length};
  return length == fti_->segment_size;
}

// The segments that come next and lie one behind the other.
RemoteObject::Run RemoteObject::gather_run()
{
  const auto &block = blocks_.front();
  Run run;
  run.bytes = block.source_bytes(next_symbol_, 0);
  run.owner = block.memory();
  bool open = true;
  for (; open && next_symbol_ < block.sources() && block.has_source(next_symbol_);
       ++next_symbol_) {
    if (!is_stream()) {
      run.bytes = {run.bytes.data(), run.bytes.size() + segment_bytes(block, next_symbol_)};
      continue;
    }
    const auto header = block.stream_header(next_symbol_);
    if (header.length == 0 && header.message_start == 0) {
      // NORM_STREAM_END: alone, after what comes before it.
      run.is_end = delivered_ = run.bytes.empty();
      break;
    }
    if (header.message_start != 0 && run.message_start)
      break;  // each message start is told
    open = append_stream_segment(block, next_symbol_, run);
  }
  return run;
}

std::optional<RemoteObject::Run> RemoteObject::next_run()
{
  while (has_next()) {
    auto run = gather_run();
    if (next_symbol_ == blocks_.front().sources())
      pop_front();
    note_delivered_object();
    delivered_any_ = true;
    if (!run.bytes.empty() || run.is_end)
      return run;
  }
  return std::nullopt;
}

void RemoteObject::note_delivered_object()
{
  if (!is_stream() && is_usable() && first_ >= partition_.blocks())
    delivered_ = true;
}

void RemoteObject::pop_front()
{
  auto memory = blocks_.front().take_memory();
  if (memory)
    pool_->give_back(std::move(memory));
  blocks_.pop_front();
  ++first_;
  next_symbol_ = 0;
  noticed_end_ = std::max(noticed_end_, first_);
}

bool RemoteObject::is_whole() const
{
  if (delivered_ || given_up_)
    return true;
  if (!is_usable() || (!is_stream() && noticed_end_ < partition_.blocks()) ||
      (is_stream() && all_sent_ && !has_end()))
    return false;
  return std::none_of(blocks_.begin(), blocks_.end(),
                      [](const ReceiveBlock &block) { return block.gap_at != 0; });
}

std::optional<std::uint64_t> RemoteObject::blocked_since() const
{
  if (blocks_.empty() || delivered_)
    return std::nullopt;
  const auto &block = blocks_.front();
  if (block.has_source(next_symbol_) || next_symbol_ >= block.noticed)
    return std::nullopt;
  if (is_hopeless(block))
    return 0;
  return block.gap_at;
}

// To the next segment that is there, or to the end of what should be.
RemoteObject::Skipped RemoteObject::skip_gap()
{
  auto &block = blocks_.front();
  Skipped skipped;
  while (next_symbol_ < block.noticed && !block.has_source(next_symbol_)) {
    ++next_symbol_;
    ++skipped.segments;
  }
  skipped.bytes = skipped.segments * fti_->segment_size;
  if (next_symbol_ == block.sources())
    pop_front();
  else
    refresh_gap(block);
  note_delivered_object();
  if (is_stream() && !delivered_any_)
    skipped = {};  // before we came
  return skipped;
}

bool RemoteObject::has_next() const
{
  return !delivered_ && !blocks_.empty() && next_symbol_ < blocks_.front().sources() &&
         blocks_.front().has_source(next_symbol_);
}

std::optional<RemoteObject::Skipped> RemoteObject::skip_to_next()
{
  if (delivered_ || blocks_.empty())
    return std::nullopt;
  Skipped skipped;
  std::uint64_t passed = 0;
  while (!blocks_.empty() && !has_next()) {
    ++passed;
    // How much was still to come of a stream nobody knows.
    if (!is_stream() || next_symbol_ < blocks_.front().noticed)
      skipped.segments = passed;
    if (++next_symbol_ >= blocks_.front().sources())
      pop_front();
  }
  if (has_next())
    skipped.segments = passed;
  skipped.bytes = skipped.segments * fti_->segment_size;
  note_delivered_object();
  return skipped;
}

void RemoteObject::give_up()
{
  if (is_usable() && joined_)
    given_up_ = true;
  else
    abandon();
}

void RemoteObject::abandon()
{
  blocks_.clear();
  delivered_ = true;
}

RemoteObject::Skipped RemoteObject::skip_front_block()
{
  const auto &block = blocks_.front();
  Skipped skipped;
  skipped.segments = std::uint64_t{block.sources()} - next_symbol_;
  pop_front();
  return skipped;
}

void RemoteObject::jump_to(std::uint64_t number, Skipped &skipped)
{
  std::uint64_t segments = 0;
  while (!blocks_.empty() && first_ < number)
    segments += skip_front_block().segments;
  if (first_ < number) {
    segments += (number - first_) * fti_->max_sources;
    first_ = number;
    next_symbol_ = 0;
    noticed_end_ = std::max(noticed_end_, first_);
  }
  if (is_stream() && !delivered_any_)
    return;
  skipped.segments += segments;
  skipped.bytes += segments * fti_->segment_size;
}

RemoteObject::Skipped RemoteObject::give_up_before(std::uint32_t wire_number, std::uint64_t now)
{
  Skipped skipped;
  const auto number = joined_ && !delivered_ ? number_of(wire_number) : std::nullopt;
  if (!number || *number <= first_ || !is_near(*number, now))
    return skipped;
  if (*number - first_ >= max_blocks()) {
    jump_to(*number, skipped);
  } else {
    notice(*number, 0, now);
    hopeless_end_ = std::max(hopeless_end_, *number);
  }
  return skipped;
}

double RemoteObject::fullness() const
{
  const auto used = static_cast<double>(memory_->used());
  return used / std::max(1.0, used + static_cast<double>(memory_->left()));
}

}  // namespace kam::srm
