// SPDX-License-Identifier: LGPL-2.1-or-later
// The golden vectors in tests/vectors, as plain values.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace kam::test {

// One JSON value; thin on purpose, so that tests need not compile a JSON library.
class Json {
 public:
  struct Value;
  explicit Json(std::shared_ptr<const Value> value) : value_{std::move(value)} {}

  bool is_null() const;
  bool has(std::string_view key) const;  // present and not null
  Json operator[](std::string_view key) const;
  Json operator[](std::size_t index) const;
  std::size_t size() const;
  std::vector<Json> items() const;
  std::string text() const;
  ByteVector bytes() const;  // of a hexadecimal string
  std::int64_t integer() const;
  std::uint64_t unsigned_integer() const;
  double number() const;
  bool boolean() const;

 private:
  std::shared_ptr<const Value> value_;
};

// All cases of tests/vectors/kamaelia-<name>.jsonl, in their order.
std::vector<Json> load_vectors(std::string_view name);

}  // namespace kam::test
