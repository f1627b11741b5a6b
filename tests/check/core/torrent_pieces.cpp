// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/piece_cutter.hpp"
#include "core/torrent/piece_size.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

using namespace kam;
using namespace kam::torrent;

START_TEST(grows_pieces_with_the_file)
{
  constexpr std::uint64_t mebi = 1U << 20U;
  ck_assert_uint_eq(choose_piece_size(0), 64U << 10U);
  ck_assert_uint_eq(choose_piece_size(1), 64U << 10U);
  ck_assert_uint_eq(choose_piece_size(256 * mebi - 1), 64U << 10U);
  ck_assert_uint_eq(choose_piece_size(256 * mebi), 128U << 10U);
  ck_assert_uint_eq(choose_piece_size(1024 * mebi), 512U << 10U);
  ck_assert_uint_eq(choose_piece_size(UINT64_MAX), 16U << 20U);
  ck_assert_uint_eq(choose_piece_size({}), 1U << 20U);
  for (std::uint64_t bytes = 1; bytes < (std::uint64_t{1} << 42U); bytes = bytes * 3 + 1) {
    const auto size = choose_piece_size(bytes);
    ck_assert(is_piece_size(size));
    ck_assert_uint_le(bytes / size, max_pieces);
  }
}
END_TEST

START_TEST(knows_what_clients_take)
{
  for (const std::uint32_t good : {min_piece_size, 1U << 18U, max_piece_size})
    ck_assert(is_piece_size(good));
  for (const std::uint32_t bad : {0U, 1U, 8192U, 17000U, (1U << 18U) + 1, 2 * max_piece_size})
    ck_assert(!is_piece_size(bad));
}
END_TEST

START_TEST(cuts_where_pieces_end)
{
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    test::Random random{seed};
    const auto data = random.bytes(random.below(200));
    const auto piece_size = static_cast<std::uint32_t>(1 + random.below(40));
    PieceCutter cutter{piece_size};
    std::vector<ByteVector> pieces;
    bool begins_piece = true;
    for (Bytes rest = data; !rest.empty();) {
      const auto part = rest.first(random.below(std::min<std::size_t>(rest.size(), 70) + 1));
      rest = rest.subspan(part.size());
      cutter.feed(part);
      while (const auto run = cutter.poll()) {
        if (begins_piece)
          pieces.emplace_back();
        ck_assert_uint_eq(run->piece, pieces.size() - 1);
        ck_assert(!run->bytes.empty());
        pieces.back().insert(pieces.back().end(), run->bytes.begin(), run->bytes.end());
        begins_piece = run->ends_piece;
        ck_assert_int_eq(run->ends_piece, pieces.back().size() == piece_size);
      }
    }
    ck_assert_uint_eq(cutter.total_bytes(), data.size());
    ck_assert_uint_eq(cutter.pieces(), pieces.size());
    ck_assert_int_eq(cutter.is_at_piece_end(), data.size() % piece_size == 0);
    ByteVector joined;
    for (const auto &piece : pieces)
      joined.insert(joined.end(), piece.begin(), piece.end());
    ck_assert_msg(joined == data, "seed %u", seed);
  }
}
END_TEST

CHECK_MAIN("torrent_pieces", grows_pieces_with_the_file, knows_what_clients_take,
           cuts_where_pieces_end)
