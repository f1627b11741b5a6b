// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/srm/fec.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <thread>

#include "support/check_main.hpp"
#include "support/random.hpp"

using namespace kam;
using namespace kam::srm;

namespace {

// --- The construction of RFC 5510, section 8, done plainly: each product bit by bit, the
// matrix by elimination.
using Element = std::uint8_t;
using Matrix = std::vector<std::vector<Element>>;

Element times(unsigned left, unsigned right)
{
  unsigned product = 0;
  for (; right != 0; right >>= 1U) {
    if ((right & 1U) != 0)
      product ^= left;
    left <<= 1U;
    if ((left & 0x100U) != 0)
      left ^= 0x11dU;
  }
  return static_cast<Element>(product);
}

Element inverse_of(Element value)
{
  for (unsigned other = 1; other < 256; ++other)
    if (times(value, other) == 1)
      return static_cast<Element>(other);
  ck_abort_msg("0 has no inverse");
  return 0;
}

Matrix vandermonde(std::size_t rows, std::size_t columns)
{
  Matrix matrix(rows, std::vector<Element>(columns));
  Element point = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    Element power = 1;
    for (std::size_t j = 0; j < columns; ++j) {
      matrix[i][j] = power;
      power = times(power, point);
    }
    point = i == 0 ? Element{1} : times(point, 2);
  }
  return matrix;
}

// Makes the first rows the identity, by operations on columns that do not change the code.
Matrix systematic(Matrix matrix)
{
  const auto columns = matrix[0].size();
  const auto add_column = [&](std::size_t to, std::size_t from, Element factor) {
    for (auto &row : matrix)
      row[to] = static_cast<Element>(row[to] ^ times(row[from], factor));
  };
  for (std::size_t pivot = 0; pivot < columns; ++pivot) {
    std::size_t best = pivot;
    while (matrix[pivot][best] == 0)
      ++best;
    if (best != pivot)
      add_column(pivot, best, 1);
    const auto factor = inverse_of(matrix[pivot][pivot]);
    for (auto &row : matrix)
      row[pivot] = times(row[pivot], factor);
    for (std::size_t j = 0; j < columns; ++j)
      if (j != pivot && matrix[pivot][j] != 0)
        add_column(j, pivot, matrix[pivot][j]);
  }
  return matrix;
}

using Symbols = std::vector<ByteVector>;

Symbols plain_parities(const Symbols &sources, std::size_t k, std::size_t m)
{
  const auto matrix = systematic(vandermonde(k + m, k));
  Symbols parities(m, ByteVector(sources[0].size()));
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < sources.size(); ++j)
      for (std::size_t at = 0; at < sources[j].size(); ++at)
        parities[i][at] ^= static_cast<std::byte>(
            times(matrix[k + i][j], std::to_integer<unsigned>(sources[j][at])));
  return parities;
}

Symbols random_symbols(test::Random &random, std::size_t count, std::size_t length)
{
  Symbols symbols(count);
  for (auto &symbol : symbols)
    symbol = random.bytes(length);
  return symbols;
}

Symbols encode(const ReedSolomon &code, const Symbols &sources, std::size_t first,
               std::size_t count)
{
  std::vector<const std::byte *> in;
  for (const auto &source : sources)
    in.push_back(source.data());
  Symbols parities(count, ByteVector(sources[0].size(), std::byte{0xee}));
  std::vector<std::byte *> out;
  for (auto &parity : parities)
    out.push_back(parity.data());
  code.encode(in, first, out, sources[0].size());
  return parities;
}

std::vector<std::size_t> chosen(test::Random &random, std::size_t count, std::size_t from)
{
  std::vector<std::size_t> all(from);
  std::iota(all.begin(), all.end(), std::size_t{0});
  for (std::size_t i = 0; i < count; ++i)
    std::swap(all[i], all[i + random.below(from - i)]);
  all.resize(count);
  return all;
}

// Loses `missing` and rebuilds them from the parities `used`.
void assert_rebuilds(Decoder &decoder, const ReedSolomon &code, const Symbols &sources,
                     std::vector<std::size_t> missing, const std::vector<std::size_t> &used)
{
  std::sort(missing.begin(), missing.end());
  auto damaged = sources;
  for (const auto gap : missing)
    std::fill(damaged[gap].begin(), damaged[gap].end(), std::byte{0xdd});
  std::vector<std::byte *> symbols;
  for (auto &symbol : damaged)
    symbols.push_back(symbol.data());
  auto parities = encode(code, sources, 0, code.parities());
  std::vector<Decoder::Parity> have;
  for (const auto index : used)
    have.push_back({index, parities[index].data()});
  decoder.rebuild(code, symbols, missing, have, sources[0].size());
  for (std::size_t i = 0; i < sources.size(); ++i)
    ck_assert_msg(damaged[i] == sources[i], "k %zu m %zu, %zu sources, %zu missing: source %zu",
                  code.sources(), code.parities(), sources.size(), missing.size(), i);
}

struct Shape {
  std::size_t k;
  std::size_t m;
};

}  // namespace

START_TEST(encodes_as_the_rfc_constructs)
{
  test::Random random{1};
  for (const auto [k, m] : {Shape{1, 1}, Shape{1, 3}, Shape{2, 2}, Shape{8, 4}, Shape{64, 16},
                            Shape{200, 55}, Shape{1, 254}, Shape{254, 1}, Shape{128, 127}}) {
    const ReedSolomon code{k, m};
    // Shorter and longer than the registers of any processor.
    for (const std::size_t length : {1, 31, 77}) {
      const auto sources = random_symbols(random, k, length);
      ck_assert_msg(encode(code, sources, 0, m) == plain_parities(sources, k, m),
                    "k %zu m %zu length %zu", k, m, length);
    }
  }
}
END_TEST

START_TEST(encodes_known_bytes)
{
  // k = 2, m = 2: the points of the parities are a and a^2. A line through s at 0 and t at 1
  // is s + x (s + t) there: 0x01 + 2 (0x01 + 0x80) = 0x01 + 0x1f, 0x01 + 4 (0x81) = 0x01 +
  // 0x3e.
  const ReedSolomon code{2, 2};
  const Symbols sources{{std::byte{0x01}}, {std::byte{0x80}}};
  const auto parities = encode(code, sources, 0, 2);
  ck_assert_uint_eq(std::to_integer<unsigned>(parities[0][0]), 0x1e);
  ck_assert_uint_eq(std::to_integer<unsigned>(parities[1][0]), 0x3f);
}
END_TEST

START_TEST(encodes_the_parities_that_are_asked_for)
{
  test::Random random{2};
  const ReedSolomon code{10, 20};
  for (const std::size_t present : {10, 9, 1}) {
    const auto sources = random_symbols(random, present, 100);
    const auto all = encode(code, sources, 0, 20);
    for (std::size_t first = 0; first <= 20; ++first)
      for (std::size_t count = 0; first + count <= 20; ++count) {
        const auto some = encode(code, sources, first, count);
        ck_assert(std::equal(some.begin(), some.end(),
                             all.begin() + static_cast<std::ptrdiff_t>(first)));
      }
  }
}
END_TEST

START_TEST(what_is_not_there_is_zeros)
{
  test::Random random{3};
  const ReedSolomon code{12, 5};
  auto sources = random_symbols(random, 7, 50);
  const auto parities = encode(code, sources, 0, 5);
  ck_assert(parities == plain_parities(sources, 12, 5));
  sources.resize(12, ByteVector(50));
  ck_assert(encode(code, sources, 0, 5) == parities);
}
END_TEST

START_TEST(rebuilds_every_loss_of_a_small_block)
{
  test::Random random{4};
  constexpr std::size_t k = 5;
  constexpr std::size_t m = 4;
  const ReedSolomon code{k, m};
  Decoder decoder;
  for (std::size_t present = 1; present <= k; ++present) {
    const auto sources = random_symbols(random, present, 40);
    for (unsigned lost = 0; lost < 1U << present; ++lost)
      for (unsigned parity_bits = 0; parity_bits < 1U << m; ++parity_bits) {
        std::vector<std::size_t> missing;
        std::vector<std::size_t> used;
        for (std::size_t i = 0; i < present; ++i)
          if ((lost >> i & 1U) != 0)
            missing.push_back(i);
        for (std::size_t i = 0; i < m; ++i)
          if ((parity_bits >> i & 1U) != 0)
            used.push_back(i);
        // More parities than needed do no harm.
        if (missing.size() <= used.size())
          assert_rebuilds(decoder, code, sources, missing, used);
      }
  }
}
END_TEST

START_TEST(rebuilds_random_losses)
{
  test::Random random{5};
  Decoder decoder;
  for (int round = 0; round < 600; ++round) {
    const auto k = 1 + random.below(254);
    const auto m = 1 + random.below(255 - k);
    const auto code = reed_solomon(k, m);
    const auto present = random.below(2) == 0 ? k : 1 + random.below(k);
    const auto sources = random_symbols(random, present, 1 + random.below(200));
    const auto losses = random.below(std::min(present, m) + 1);
    assert_rebuilds(decoder, *code, sources, chosen(random, losses, present),
                    chosen(random, losses, m));
  }
}
END_TEST

START_TEST(rebuilds_at_the_edges)
{
  test::Random random{6};
  Decoder decoder;
  for (const auto [k, m] : {Shape{1, 1}, Shape{1, 254}, Shape{127, 128}, Shape{128, 127},
                            Shape{254, 1}, Shape{200, 55}}) {
    const auto code = reed_solomon(k, m);
    const auto sources = random_symbols(random, k, 33);
    const auto most = std::min(k, m);
    // The last parities, and all sources if there are as many parities.
    std::vector<std::size_t> used(most);
    std::iota(used.begin(), used.end(), m - most);
    assert_rebuilds(decoder, *code, sources, chosen(random, most, k), used);
    for (std::size_t parity = 0; parity < m; ++parity)
      assert_rebuilds(decoder, *code, sources, {random.below(k)}, {parity});
  }
}
END_TEST

START_TEST(a_code_is_shared_while_it_is_used)
{
  const auto code = reed_solomon(64, 16);
  ck_assert(reed_solomon(64, 16) == code);
  ck_assert(reed_solomon(64, 15) != code);
  ck_assert_uint_eq(code->sources(), 64);
  ck_assert_uint_eq(code->parities(), 16);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      for (std::size_t k = 1; k < 60; ++k)
        reed_solomon(k, k % 7);
    });
  for (auto &thread : threads)
    thread.join();
  ck_assert(reed_solomon(64, 16) == code);
}
END_TEST

CHECK_MAIN("srm_fec", encodes_as_the_rfc_constructs, encodes_known_bytes,
           encodes_the_parities_that_are_asked_for, what_is_not_there_is_zeros,
           rebuilds_every_loss_of_a_small_block, rebuilds_random_losses, rebuilds_at_the_edges,
           a_code_is_shared_while_it_is_used)
