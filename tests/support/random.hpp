// SPDX-License-Identifier: LGPL-2.1-or-later
// Random data that is the same in every run and on every machine.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <random>
#include <string_view>

namespace kam::test {

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_{seed} {}

  // From 0 to limit - 1.
  std::size_t below(std::size_t limit) { return engine_() % limit; }

  // Bytes of which many are from `alphabet`: they are the ones with a meaning.
  ByteVector bytes(std::size_t size, std::string_view alphabet = {})
  {
    ByteVector result(size);
    for (auto &byte : result)
      byte = alphabet.empty() || below(3) == 0
                 ? static_cast<std::byte>(engine_())
                 : static_cast<std::byte>(alphabet[below(alphabet.size())]);
    return result;
  }

 private:
  std::mt19937 engine_;
};

}  // namespace kam::test
