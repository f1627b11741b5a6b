// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/journal.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"

#include <algorithm>
#include <string>

using namespace kam;
using namespace kam::torrent;

namespace {

const JournalHead head{.boot = "boot-1",
                       .info_hash = std::string(40, 'a'),
                       .save_path = "/where/it/is",
                       .piece_count = 20};

void note(ByteVector &file, const Journal &journal, std::uint32_t piece)
{
  std::ranges::copy(journal.mark_bytes(piece),
                    file.begin() + static_cast<std::ptrdiff_t>(journal.mark_offset(piece)));
}

ByteVector file_with(const Journal &journal, std::initializer_list<std::uint32_t> pieces)
{
  auto file = journal.blank();
  for (const auto piece : pieces)
    note(file, journal, piece);
  return file;
}

long count(const std::optional<std::vector<bool>> &pieces)
{
  return pieces ? std::ranges::count(*pieces, true) : -1;
}

}  // namespace

START_TEST(what_was_noted_is_read)
{
  const Journal journal{head};
  const auto pieces = journal.read(file_with(journal, {0, 3, 19}));
  ck_assert_int_eq(count(pieces), 3);
  ck_assert((*pieces)[0] && (*pieces)[3] && (*pieces)[19]);
  ck_assert_int_eq(count(journal.read(journal.blank())), 0);
  ck_assert_int_eq(count(Journal{{}}.read(Journal{{}}.blank())), 0);
}
END_TEST

START_TEST(after_another_boot_only_if_it_was_closed)
{
  auto later = head;
  later.boot = "boot-2";
  const Journal journal{head};
  auto file = file_with(journal, {1});
  ck_assert_int_eq(count(Journal{later}.read(file)), -1);
  file[Journal::closed_offset] = std::byte{1};
  ck_assert_int_eq(count(Journal{later}.read(file)), 1);
  ck_assert_int_eq(count(journal.read(file)), 1);
}
END_TEST

START_TEST(another_torrents_or_places_is_not_believed)
{
  const Journal journal{head};
  const auto file = file_with(journal, {1, 2});
  for (auto change : {+[](JournalHead &h) { h.info_hash[3] = 'b'; },
                      +[](JournalHead &h) { h.save_path = "/where/it/was"; },
                      +[](JournalHead &h) { h.piece_count = 21; },
                      +[](JournalHead &h) { h.piece_count = 19; }}) {
    auto other = head;
    change(other);
    ck_assert_int_eq(count(Journal{other}.read(file)), -1);
  }
}
END_TEST

// Damage costs the pieces whose marks it hits, and never makes one.
START_TEST(damage_makes_no_piece)
{
  const Journal journal{head};
  const auto good = file_with(journal, {1, 2, 3, 5, 8, 13});
  test::Random random{3};
  for (int i = 0; i < 100'000; ++i) {
    auto bad = good;
    for (std::size_t hits = 1 + random.below(4); hits > 0; --hits)
      bad[random.below(bad.size())] ^= static_cast<std::byte>(1 + random.below(255));
    if (random.below(10) == 0)
      bad.resize(random.below(bad.size()));
    const auto pieces = journal.read(bad);
    if (!pieces)
      continue;
    for (const auto piece : {0U, 4U, 6U, 7U, 9U, 10U, 11U, 12U, 14U, 19U})
      ck_assert_msg(!(*pieces)[piece], "round %d, piece %u", i, piece);
  }
  ck_assert_int_eq(count(journal.read({})), -1);
}
END_TEST

START_TEST(marks_of_other_pieces_and_journals_do_not_count)
{
  const Journal journal{head};
  auto file = journal.blank();
  std::ranges::copy(journal.mark_bytes(4),
                    file.begin() + static_cast<std::ptrdiff_t>(journal.mark_offset(5)));
  auto other = head;
  other.save_path = "/elsewhere";
  std::ranges::copy(Journal{other}.mark_bytes(6),
                    file.begin() + static_cast<std::ptrdiff_t>(journal.mark_offset(6)));
  ck_assert_int_eq(count(journal.read(file)), 0);
}
END_TEST

START_TEST(what_is_too_long_is_cut)
{
  const Journal journal{{.boot = std::string(100, 'b'),
                         .info_hash = std::string(1000, 'h'),
                         .save_path = std::string(100'000, 'p'),
                         .piece_count = UINT32_MAX}};
  ck_assert_uint_lt(journal.blank().size(), 9'000'000);
}
END_TEST

CHECK_MAIN("torrent_journal", what_was_noted_is_read, after_another_boot_only_if_it_was_closed,
           another_torrents_or_places_is_not_believed, damage_makes_no_piece,
           marks_of_other_pieces_and_journals_do_not_count, what_is_too_long_is_cut)
