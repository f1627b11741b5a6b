// SPDX-License-Identifier: LGPL-2.1-or-later
// One block of what a receiver gathers: source data one behind the other, so that a run of
// segments is handed on as it lies there; stream headers and parity beside it.
#pragma once

#include "core/bytes.hpp"
#include "core/raw_memory.hpp"
#include "core/srm/codec.hpp"
#include "core/srm/fec.hpp"
#include "core/srm/memory_account.hpp"
#include "core/srm/slab.hpp"

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

namespace kam::srm {

class ReceiveBlock {
 public:
  using Symbols = std::bitset<max_symbols + 1>;

  ReceiveBlock(std::uint64_t number, std::uint16_t sources) : number_{number}, sources_{sources}
  {
  }

  std::uint64_t number() const { return number_; }  // in its object, not wrapped
  std::uint16_t sources() const { return sources_; }
  bool has_source(std::uint16_t symbol) const { return have_[symbol]; }
  bool has_parity(std::uint16_t index) const { return parity_have_[index]; }
  bool is_complete() const { return have_count_ == sources_; }
  bool is_untouched() const { return have_count_ == 0 && parity_count_ == 0; }
  std::uint16_t source_count() const { return have_count_; }
  std::uint16_t parity_count() const { return parity_count_; }
  // Symbols that are still needed to have it whole.
  std::uint16_t needed() const
  {
    const int needed = sources_ - have_count_ - parity_count_;
    return static_cast<std::uint16_t>(needed > 0 ? needed : 0);
  }

  // How many of those symbols would help: parities, and the sources that are missing.
  std::size_t helpful(const Symbols &symbols) const
  {
    return (symbols & ~have_).count() - ((symbols >> sources_) & parity_have_).count();
  }

  // How a segment of this object looks; `memory` holds sources * segment_size bytes.
  bool has_memory() const { return static_cast<bool>(memory_); }
  // All that it holds is on the account.
  void set_memory(SlabRef memory, MemoryAccount &account, bool is_stream,
                  std::size_t segment_size);
  SlabRef take_memory();
  const SlabRef &memory() const { return memory_; }

  // The payload of a packet, with the stream header if it is a stream's. Both are for symbols
  // that are not there yet.
  void put_source(std::uint16_t symbol, Bytes payload);
  void put_parity(std::uint16_t index, Bytes payload);
  // Whether there is enough to rebuild what is missing; rebuild() says how many that were.
  bool can_rebuild() const { return !is_complete() && needed() == 0; }
  std::uint16_t rebuild(const ReedSolomon &code, Decoder &decoder);

  StreamHeader stream_header(std::uint16_t symbol) const;
  Bytes source_bytes(std::uint16_t symbol, std::uint16_t count) const
  {
    return {memory_->data() + symbol * segment_size_, count * segment_size_};
  }

  // --- what its receiver knows about it
  std::uint64_t gap_at = 0;   // since when something is known to be missing; 0: nothing is
  std::uint16_t noticed = 0;  // symbols from 0 on that should have come by now
  Symbols asked;              // these have been asked for, by us or others
  std::uint64_t ask_again_at = 0;
  std::uint64_t not_before = 0;  // the end of its back-off, in a large group
  unsigned attempts = 0;

 private:
  std::uint64_t number_;
  std::uint16_t sources_;
  bool is_stream_ = false;
  std::size_t segment_size_ = 0;
  std::uint16_t have_count_ = 0;
  std::uint16_t parity_count_ = 0;
  Symbols have_;
  Symbols parity_have_;
  SlabRef memory_;
  MemoryAccount *account_ = nullptr;
  MemoryClaim memory_claim_;
  MemoryClaim parity_claim_;
  std::vector<std::array<std::byte, StreamHeader::size>> headers_;
  struct Parity {
    std::uint16_t index;
    RawMemory bytes;
  };
  std::vector<Parity> parities_;
};

}  // namespace kam::srm
