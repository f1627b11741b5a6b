// SPDX-License-Identifier: LGPL-2.1-or-later
// A systematic Vandermonde code is Lagrange interpolation: symbol n of a block is the value,
// at point x_n, of the polynomial that the sources are the values of. So the coefficient of
// source j in the symbol at x_i is
//
//   prod (x_i - x_l) / prod (x_j - x_l)      over all sources l other than j
//
// which is a_i b_j / (x_i - x_j) with an a for each row and a b for each column: a Cauchy
// matrix but for the factors. Such a matrix has an inverse that can be written down, and so
// has each square part of it: nothing needs elimination.
#include "core/srm/fec.hpp"

#include <isa-l/erasure_code.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <map>
#include <mutex>
#include <numeric>
#include <utility>

namespace kam::srm {
namespace {

// What ISA-L makes of a coefficient.
constexpr std::size_t table_size = 32;

using Element = unsigned char;

// GF(2^8) with the generator a = 2. Addition and subtraction are XOR.
class Field {
 public:
  static constexpr unsigned order = 255;

  constexpr Field()
  {
    constexpr unsigned polynomial = 0x11d;
    unsigned value = 1;
    for (unsigned exponent = 0; exponent < order; ++exponent) {
      powers_[exponent] = static_cast<Element>(value);
      logarithms_[value] = static_cast<Element>(exponent);
      value <<= 1U;
      if (value > order)
        value ^= polynomial;
    }
  }

  // Of any exponent, and of what is not 0.
  constexpr Element power(unsigned exponent) const { return powers_[exponent % order]; }
  constexpr unsigned logarithm(Element value) const { return logarithms_[value]; }

 private:
  std::array<Element, order> powers_{};
  std::array<Element, order + 1> logarithms_{};
};

constexpr Field field;

// x_n: 0, 1, a, a^2, ...
constexpr auto points = [] {
  std::array<Element, max_symbols> all{};
  for (unsigned n = 1; n < all.size(); ++n)
    all[n] = field.power(n - 1);
  return all;
}();

// The logarithm of x_n - x_m, of two different symbols.
unsigned log_difference(std::size_t n, std::size_t m)
{
  return field.logarithm(static_cast<Element>(points[n] ^ points[m]));
}

// The logarithm of the product of x_n - x_m over all m of `others` but n itself.
unsigned log_product(std::size_t n, std::span<const std::size_t> others)
{
  unsigned sum = 0;
  for (const auto m : others)
    if (m != n)
      sum += log_difference(n, m);
  return sum % Field::order;
}

// ISA-L's arrays of pointers are not const.
class Pointers {
 public:
  template <class Byte>
  explicit Pointers(std::span<Byte *const> symbols)
  {
    for (auto *symbol : symbols)
      add(symbol);
  }
  Pointers() = default;

  void add(const std::byte *symbol)
  {
    assert(size_ < pointers_.size());
    pointers_[size_++] = reinterpret_cast<unsigned char *>(const_cast<std::byte *>(symbol));
  }
  unsigned char **data() { return pointers_.data(); }
  unsigned char *operator[](std::size_t index) const { return pointers_[index]; }
  std::size_t size() const { return size_; }

 private:
  std::array<unsigned char *, max_symbols> pointers_{};
  std::size_t size_ = 0;
};

// Each of `out` is a sum of all `in`, multiplied by the coefficients of its row of tables.
void multiply(const unsigned char *tables, Pointers &in, Pointers &out, std::size_t length)
{
  ec_encode_data(static_cast<int>(length), static_cast<int>(in.size()),
                 static_cast<int>(out.size()), const_cast<unsigned char *>(tables), in.data(),
                 out.data());
}

void add_to(std::byte *sum, const unsigned char *summand, std::size_t length)
{
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= length; at += sizeof(std::uint64_t)) {
    std::uint64_t left = 0;
    std::uint64_t right = 0;
    std::memcpy(&left, sum + at, sizeof left);
    std::memcpy(&right, summand + at, sizeof right);
    left ^= right;
    std::memcpy(sum + at, &left, sizeof left);
  }
  for (; at < length; ++at)
    sum[at] ^= std::byte{summand[at]};
}

}  // namespace

ReedSolomon::ReedSolomon(std::size_t sources, std::size_t parities)
    : sources_{sources}, parities_{parities}, tables_(sources * parities * table_size)
{
  assert(sources > 0 && sources + parities <= max_symbols);
  std::array<std::size_t, max_symbols> all{};
  std::iota(all.begin(), all.end(), std::size_t{0});
  log_products_.reserve(sources + parities);
  for (std::size_t n = 0; n < sources + parities; ++n)
    log_products_.push_back(log_product(n, std::span{all}.first(sources)));
  std::vector<Element> rows;
  rows.reserve(sources * parities);
  for (auto i = sources; i < sources + parities; ++i)
    for (std::size_t j = 0; j < sources; ++j)
      rows.push_back(field.power(log_products_[i] + 2 * Field::order - log_products_[j] -
                                 log_difference(i, j)));
  if (parities > 0)
    ec_init_tables(static_cast<int>(sources), static_cast<int>(parities), rows.data(),
                   tables_.data());
}

const unsigned char *ReedSolomon::tables_of(std::size_t row) const
{
  assert(row < parities_);
  return tables_.data() + row * sources_ * table_size;
}

void ReedSolomon::encode(std::span<const std::byte *const> sources, std::size_t first_parity,
                         std::span<std::byte *const> out, std::size_t length) const
{
  assert(!sources.empty() && sources.size() <= sources_);
  assert(first_parity + out.size() <= parities_);
  Pointers in{sources};
  if (sources.size() == sources_) {
    Pointers parities{out};
    if (!out.empty())
      multiply(tables_of(first_parity), in, parities, length);
    return;
  }
  // The tables of one row are not next to those of another then.
  for (std::size_t i = 0; i < out.size(); ++i) {
    Pointers parity{out.subspan(i, 1)};
    multiply(tables_of(first_parity + i), in, parity, length);
  }
}

std::shared_ptr<const ReedSolomon> reed_solomon(std::size_t sources, std::size_t parities)
{
  // Whoever sends chooses the pair, so that only those are kept that are in use.
  static std::mutex mutex;
  static std::map<std::pair<std::size_t, std::size_t>, std::weak_ptr<const ReedSolomon>> codes;
  const std::lock_guard lock{mutex};
  auto &known = codes[{sources, parities}];
  auto code = known.lock();
  if (!code) {
    code = std::make_shared<const ReedSolomon>(sources, parities);
    known = code;
    std::erase_if(codes, [](const auto &entry) { return entry.second.expired(); });
  }
  return code;
}

// First, what the sources that are there contribute to the parities is taken off those; what
// remains is what the missing ones contribute. That is solved.
void Decoder::rebuild(const ReedSolomon &code, std::span<std::byte *const> symbols,
                      std::span<const std::size_t> missing, std::span<const Parity> parities,
                      std::size_t length)
{
  assert(symbols.size() <= code.sources() && parities.size() >= missing.size());
  if (missing.empty())
    return;
  parities = parities.first(missing.size());
  Pointers present;
  Pointers rebuilt;
  std::size_t next_missing = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const auto is_missing = next_missing < missing.size() && missing[next_missing] == i;
    (is_missing ? rebuilt : present).add(symbols[i]);
    next_missing += is_missing ? 1 : 0;
  }
  assert(next_missing == missing.size());
  if (present.size() > 0) {
    gather_present(code, symbols.size(), missing, parities);
    multiply(tables_.data(), present, rebuilt, length);
    for (std::size_t i = 0; i < parities.size(); ++i)
      add_to(parities[i].bytes, rebuilt[i], length);
  }
  invert(code, missing, parities);
  Pointers remainders;
  for (const auto &parity : parities)
    remainders.add(parity.bytes);
  multiply(tables_.data(), remainders, rebuilt, length);
}

// The tables of the parities' rows, without the columns of what is missing.
void Decoder::gather_present(const ReedSolomon &code, std::size_t sources,
                             std::span<const std::size_t> missing,
                             std::span<const Parity> parities)
{
  tables_.resize(parities.size() * (sources - missing.size()) * table_size);
  auto *to = tables_.data();
  for (const auto &parity : parities) {
    const auto *row = code.tables_of(parity.index);
    std::size_t from = 0;
    const auto copy_until = [&](std::size_t end) {
      to = std::copy(row + from * table_size, row + end * table_size, to);
      from = end + 1;
    };
    for (const auto gap : missing)
      copy_until(gap);
    if (from < sources)
      copy_until(sources);
  }
}

// The part of the matrix that is left has a_i b_j / (x_i - x_j) for the parities i and the
// missing j. With A(x) the product of x - x_i over these parities, B(x) that of x - x_j over
// these missing, and ' where the factor that is 0 is left out, its inverse has
//
//   A(x_j) B(x_i) / (a_i b_j (x_i - x_j) A'(x_i) B'(x_j))
//
// All signs are the same in this field.
void Decoder::invert(const ReedSolomon &code, std::span<const std::size_t> missing,
                     std::span<const Parity> parities)
{
  const auto size = missing.size();
  std::array<std::size_t, max_symbols> rows{};
  for (std::size_t i = 0; i < size; ++i)
    rows[i] = code.sources() + parities[i].index;
  const auto used = std::span{std::as_const(rows)}.first(size);

  std::array<unsigned, max_symbols> row_factors{};
  for (std::size_t i = 0; i < size; ++i)
    row_factors[i] = log_product(rows[i], missing) + 2 * Field::order -
                     code.log_products_[rows[i]] - log_product(rows[i], used);
  matrix_.resize(size * size);
  for (std::size_t j = 0; j < size; ++j) {
    const auto column_factor = log_product(missing[j], used) + code.log_products_[missing[j]] +
                               Field::order - log_product(missing[j], missing);
    for (std::size_t i = 0; i < size; ++i)
      matrix_[j * size + i] = field.power(column_factor + row_factors[i] + Field::order -
                                          log_difference(rows[i], missing[j]));
  }
  tables_.resize(size * size * table_size);
  ec_init_tables(static_cast<int>(size), static_cast<int>(size), matrix_.data(),
                 tables_.data());
}

}  // namespace kam::srm
