// SPDX-License-Identifier: LGPL-2.1-or-later
// Reed-Solomon erasure code over GF(2^8), as NORM has it (RFC 5510; the field polynomial is
// 0x11D): Vandermonde rows at the points 0, 1, a, a^2, … made systematic by the inverse of the
// top k x k. Bit-identical with what libnorm computes. The arithmetic is ISA-L's.
//
// A block may be shorter than k sources: those missing are zeros, the parity rows stay the
// same.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kam::srm {

// Sources and parities of a block together.
inline constexpr std::size_t max_symbols = 255;

// The code for one pair of k and m. Immutable, so it may be used from any thread.
class ReedSolomon {
 public:
  // 1 <= sources, sources + parities <= 255.
  ReedSolomon(std::size_t sources, std::size_t parities);

  std::size_t sources() const { return sources_; }
  std::size_t parities() const { return parities_; }

  // Writes parity `first_parity` and those after it, one for each of `out`. All symbols have
  // `length` bytes. sources.size() <= k; those that are not there are zeros.
  void encode(std::span<const std::byte *const> sources, std::size_t first_parity,
              std::span<std::byte *const> out, std::size_t length) const;

 private:
  friend class Decoder;

  // The multiplication tables of parity `row`, one per source.
  const unsigned char *tables_of(std::size_t row) const;

  std::size_t sources_;
  std::size_t parities_;
  std::vector<unsigned> log_products_;  // per symbol; fec.cpp says of what
  std::vector<unsigned char> tables_;
};

// The code for k and m, shared by all who use it at the same time, since making one takes up
// to a millisecond and half a megabyte. Thread-safe.
std::shared_ptr<const ReedSolomon> reed_solomon(std::size_t sources, std::size_t parities);

// Rebuilds the missing sources of a block from as many parities. Solves only for the missing:
// r x r, never k x k. Keeps its scratch memory from block to block.
class Decoder {
 public:
  struct Parity {
    std::size_t index = 0;  // 0 to m - 1
    // length bytes; used as scratch.
    std::byte *bytes = nullptr;
  };

  // symbols: one pointer per source of the block; those listed in `missing` (ascending) point
  // to where they are to be written. parities.size() >= missing.size(); only that many are
  // used, and are different from each other.
  void rebuild(const ReedSolomon &code, std::span<std::byte *const> symbols,
               std::span<const std::size_t> missing, std::span<const Parity> parities,
               std::size_t length);

 private:
  void gather_present(const ReedSolomon &code, std::size_t sources,
                      std::span<const std::size_t> missing, std::span<const Parity> parities);
  void invert(const ReedSolomon &code, std::span<const std::size_t> missing,
              std::span<const Parity> parities);

  std::vector<unsigned char> matrix_;
  std::vector<unsigned char> tables_;
};

}  // namespace kam::srm
