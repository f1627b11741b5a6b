// SPDX-License-Identifier: LGPL-2.1-or-later
// Who deletes a torrent's files that several processes have in one folder. One process is as
// good as two here: the locks are those of descriptors.
#include "elements/torrent/swarm/filesclaim.hpp"
#include "support/check_main.hpp"
#include "support/torrent_oracle.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <check.h>  // last: it defines a macro called fail
#undef fail

using namespace kam::test;
using kam::torrent::FilesClaim;

namespace {

const std::string hash(40, 'a');

bool is_empty(const Folder &folder)
{
  return std::filesystem::is_empty(folder.path());
}

}  // namespace

START_TEST(who_is_alone_deletes)
{
  const Folder folder;
  {
    FilesClaim claim{folder.path(), hash};
    ck_assert(!claim.was_shared());
    ck_assert(!is_empty(folder));
    ck_assert(claim.release());
  }
  ck_assert(is_empty(folder));
}
END_TEST

START_TEST(who_goes_last_deletes)
{
  const Folder folder;
  std::optional<FilesClaim> first{std::in_place, folder.path(), hash};
  std::optional<FilesClaim> second{std::in_place, folder.path(), hash};
  ck_assert(second->was_shared());
  const FilesClaim another{folder.path(), std::string(40, 'b')};
  ck_assert(!another.was_shared());
  ck_assert(!first->release());
  first.reset();
  FilesClaim third{folder.path(), hash};
  ck_assert(third.was_shared());
  ck_assert(!second->release());
  second.reset();
  ck_assert(third.release());
}
END_TEST

START_TEST(nobody_deletes_what_one_keeps)
{
  const Folder folder;
  {
    std::optional<FilesClaim> keeper{std::in_place, folder.path(), hash};
    keeper->keep();
    FilesClaim claim{folder.path(), hash};
    ck_assert(!keeper->release());
    keeper.reset();
    ck_assert(!claim.release());
  }
  ck_assert(is_empty(folder));
  // Another time is another matter.
  FilesClaim claim{folder.path(), hash};
  ck_assert(claim.release());
}
END_TEST

// The file is there, and nobody has it.
START_TEST(what_a_killed_process_left_is_no_claim)
{
  const Folder folder;
  std::ofstream{folder / ("." + hash + ".held")} << '1';
  FilesClaim claim{folder.path(), hash};
  ck_assert(!claim.was_shared());
  ck_assert(claim.release());
}
END_TEST

// Who comes while files are deleted waits for that, and has them for itself.
START_TEST(nobody_comes_while_files_are_deleted)
{
  const Folder folder;
  std::optional<FilesClaim> claim{std::in_place, folder.path(), hash};
  ck_assert(claim->release());
  std::unique_ptr<FilesClaim> next;
  std::thread other{[&] { next = std::make_unique<FilesClaim>(folder.path(), hash); }};
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  claim.reset();
  other.join();
  ck_assert(!next->was_shared());
  ck_assert(next->release());
}
END_TEST

START_TEST(one_of_two_who_go_at_once_deletes)
{
  for (int i = 0; i < 200; ++i) {
    const Folder folder;
    FilesClaim one{folder.path(), hash};
    FilesClaim two{folder.path(), hash};
    bool first = false;
    std::thread other{[&] { first = one.release(); }};
    const bool second = two.release();
    other.join();
    ck_assert(first != second);
  }
}
END_TEST

START_TEST(in_a_folder_that_cannot_be_written_nobody_is_seen)
{
  FilesClaim claim{"/proc/self", hash};
  ck_assert(!claim.was_shared());
  claim.keep();
  ck_assert(claim.release());
}
END_TEST

CHECK_MAIN("torrent_files_claim", who_is_alone_deletes, who_goes_last_deletes,
           nobody_deletes_what_one_keeps, what_a_killed_process_left_is_no_claim,
           nobody_comes_while_files_are_deleted, one_of_two_who_go_at_once_deletes,
           in_a_folder_that_cannot_be_written_nobody_is_seen)
