// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/contents.hpp"

#include "support/check_main.hpp"

#include <string>
#include <tuple>

using namespace kam::torrent;

namespace {

// As libtorrent lists a hybrid torrent: with padding, which is not among the files.
Contents folder()
{
  Contents contents;
  contents.name = std::string{"t"};
  contents.piece_length = 100;
  contents.piece_count = 8;
  contents.size = 800;
  contents.files = {{"t/a.txt", 0, 350, 0, false},
                    {"t/b.mp3", 400, 120, 2, false},
                    {"t/c.ogg", 600, 130, 4, false},
                    {"t/empty.mkv", 800, 0, 6, false},
                    {"t/link.mkv", 800, 0, 7, true}};
  return contents;
}

int chosen(const FileWish &wish)
{
  const auto file = choose_file(folder(), wish);
  return file ? static_cast<int>(*file) : -1;
}

}  // namespace

START_TEST(pieces_of_a_file)
{
  const auto contents = folder();
  ck_assert((contents.pieces_of(contents.files[0]) == Range{0, 4}));
  ck_assert((contents.pieces_of(contents.files[1]) == Range{4, 6}));
  ck_assert((contents.pieces_of(contents.files[1], {99, 100}) == Range{4, 5}));
  ck_assert((contents.pieces_of(contents.files[1], {99, 101}) == Range{4, 6}));
  ck_assert((contents.pieces_of(contents.files[1], {110, 5000}) == Range{5, 6}));
  ck_assert((contents.pieces_of(contents.files[1], {120, 130}) == Range{}));
  ck_assert((contents.pieces_of(contents.files[3]) == Range{}));
  ck_assert((Contents{}.pieces_of(contents.files[0]) == Range{}));
}
END_TEST

START_TEST(choices)
{
  ck_assert_int_eq(chosen({}), 2);
  ck_assert_int_eq(chosen({.index = 0}), 0);
  ck_assert_int_eq(chosen({.index = 5}), -1);
  ck_assert_int_eq(chosen({.index = 3}), -1);  // nothing in it
  ck_assert_int_eq(chosen({.index = 4}), -1);  // a link
  ck_assert_int_eq(chosen({.path = "t/b.mp3"}), 1);
  ck_assert_int_eq(chosen({.path = "b.mp3"}), 1);
  ck_assert_int_eq(chosen({.path = "*.mp3"}), 1);
  ck_assert_int_eq(chosen({.path = "?.[a-p]*"}), 1);
  ck_assert_int_eq(chosen({.path = "*.mkv"}), -1);
  ck_assert_int_eq(chosen({.path = ""}), 2);
  ck_assert_int_eq(chosen({.indices = {2}}), 1);
  ck_assert_int_eq(chosen({.indices = {1}}), 2);  // padding
  ck_assert_int_eq(chosen({.index = 0, .path = "b.mp3", .indices = {4}}), 0);
  auto no_media = folder();
  no_media.files.resize(1);
  ck_assert(choose_file(no_media, {}) == std::optional<std::size_t>{0});
  ck_assert(!choose_file(Contents{}, {}));
}
END_TEST

START_TEST(files_that_are_shown_together)
{
  const auto contents = folder();
  using Files = std::vector<std::size_t>;
  ck_assert(choose_files(contents, "") == Files{2});
  ck_assert((choose_files(contents, "t/*") == Files{0, 1, 2}));
  ck_assert(choose_files(contents, "b.mp3") == Files{1});
  ck_assert(choose_files(contents, "*.nothing").empty());
  Contents film;
  film.name = "film";
  film.files = {{"film/Film.de.srt", 0, 10, 0},
                {"film/Film.mkv", 10, 1000, 1},
                {"film/Film.SRT", 1010, 10, 2},
                {"film/Trailer.srt", 1020, 10, 3},
                {"film/Film.txt", 1030, 10, 4}};
  ck_assert((choose_files(film, "") == Files{1, 0, 2}));
  ck_assert(choose_files(Contents{}, "").empty());
}
END_TEST

START_TEST(globs)
{
  for (const auto &[pattern, text, fits] :
       std::initializer_list<std::tuple<const char *, const char *, bool>>{
           {"", "", true},
           {"", "a", false},
           {"*", "", true},
           {"*", "a/b", true},
           {"a", "b", false},
           {"a*b*c", "axxbyyc", true},
           {"a*b*c", "axxbyy", false},
           {"*ab", "aab", true},
           {"*aab*", "aaaab", true},
           {"?", "", false},
           {"??", "ab", true},
           {"[ab]c", "bc", true},
           {"[!ab]c", "bc", false},
           {"[!ab]c", "xc", true},
           {"[a-c]", "b", true},
           {"[a-c]", "d", false},
           {"[]]", "]", true},
           {"[", "[", true},
           {"a[b", "a[b", true},
           {"[a-]", "-", true},
           {"*.[mM]kv", "x.Mkv", true}})
    ck_assert_msg(matches_glob(pattern, text) == fits, "%s and %s", pattern, text);
  // What takes some for ever.
  const std::string many(5000, 'a');
  ck_assert(!matches_glob("*a*a*a*a*a*a*a*a*a*b", many));
}
END_TEST

START_TEST(paths_stay_below_their_folder)
{
  for (const auto *path : {"a", "a/b.mkv", ".a", "...", "a/..b", " "})
    ck_assert_msg(is_below(path), "%s", path);
  for (const auto *path :
       {"", "/", "/a", "a/", "a//b", ".", "a/.", "./a", "..", "a/../b", "../a"})
    ck_assert_msg(!is_below(path), "%s", path);
  ck_assert(!is_below({"a\0b", 3}));
  Contents contents;
  ck_assert(contents.stays_below());
  contents.files = {{.path = "a/b"}, {.path = "a/."}};
  ck_assert(!contents.stays_below());
}
END_TEST

START_TEST(media)
{
  ck_assert(looks_like_media("a.MKV"));
  ck_assert(looks_like_media("x/y.opus"));
  ck_assert(!looks_like_media("mkv"));
  ck_assert(!looks_like_media("a."));
  ck_assert(!looks_like_media("a.mkv.txt"));
}
END_TEST

CHECK_MAIN("torrent_contents", pieces_of_a_file, choices, files_that_are_shown_together, globs,
           paths_stay_below_their_folder, media)
