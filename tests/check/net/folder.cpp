// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/folder.hpp"

#include "support/check_main.hpp"
#include "support/temporary_folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

using namespace kam::net;
using kam::test::TemporaryFolder;

namespace {

Folder folder_at(const std::string &path)
{
  auto opened = Folder::open(path);
  ck_assert(std::holds_alternative<Folder>(opened));
  return std::move(std::get<Folder>(opened));
}

std::string content(const Folder &folder, const std::string &name)
{
  const auto opened = folder.open_file(name);
  const auto *file = std::get_if<OpenFile>(&opened);
  if (!file)
    return "none";
  if (file->is_folder)
    return "folder";
  std::string text(file->size, '\0');
  ck_assert(pread(file->descriptor.get(), text.data(), text.size(), 0) ==
            static_cast<ssize_t>(text.size()));
  return text;
}

}  // namespace

START_TEST(files)
{
  const TemporaryFolder place;
  std::filesystem::create_directories(place.path("in/sub"));
  place.write("in/a.txt", "hello");
  place.write("in/sub/b", "");
  const auto folder = folder_at(place.path("in"));
  ck_assert(content(folder, "a.txt") == "hello");
  ck_assert(content(folder, "sub/b").empty());
  ck_assert(content(folder, "sub") == "folder" && content(folder, "") == "folder");
  ck_assert(content(folder, "nothing") == "none" && content(folder, "a.txt/x") == "none");
  const auto opened = folder.open_file("a.txt");
  const auto &file = std::get<OpenFile>(opened);
  ck_assert(file.size == 5 && file.inode != 0 && file.modified_ns > 1'000'000'000'000'000'000U);
  ck_assert(std::holds_alternative<Error>(Folder::open(place.path("none"))));
  ck_assert(std::holds_alternative<Error>(Folder::open(place.path("in/a.txt"))));
}
END_TEST

START_TEST(no_way_out)
{
  const TemporaryFolder place;
  std::filesystem::create_directories(place.path("in/sub"));
  std::filesystem::create_directories(place.path("out"));
  place.write("out/secret", "secret");
  place.write("in/a", "a");
  place.link("in/sub/up", "../../out/secret");
  place.link("in/absolute", place.path("out/secret"));
  place.link("in/folder", "../out");
  place.link("in/magic", "/proc/self/root");
  place.link("in/loop", "loop");
  place.link("in/sub/inside", "../a");
  const auto folder = folder_at(place.path("in"));
  for (const auto *name :
       {"sub/up", "absolute", "folder/secret", "folder", "magic/etc/passwd", "loop", "..",
        "../out/secret", "sub/../../out/secret", "/etc/passwd"})
    ck_assert_msg(content(folder, name) == "none", "%s", name);
  ck_assert(content(folder, "sub/inside") == "a");
  const auto listed = folder.list("", 100, true);
  ck_assert(std::ranges::none_of(listed, [](const auto &entry) {
    return entry.name == "absolute" || entry.name == "folder" || entry.name == "loop";
  }));
}
END_TEST

// What would make its reader wait, or is no file at all.
START_TEST(no_files)
{
  const TemporaryFolder place;
  ck_assert(mkfifo(place.path("fifo").c_str(), 0600) == 0);
  place.link("device", "/dev/zero");
  const auto folder = folder_at(place.path());
  ck_assert(content(folder, "fifo") == "none" && content(folder, "device") == "none");
}
END_TEST

START_TEST(lists)
{
  const TemporaryFolder place;
  std::filesystem::create_directory(place.path("sub"));
  place.write("sub/a", "12345");
  place.write(".hidden", "");
  for (int i = 0; i < 20; ++i)
    place.write("f" + std::to_string(i), "x");
  const auto folder = folder_at(place.path());
  ck_assert(folder.list("", 100, false).size() == 21);
  ck_assert(folder.list("", 100, true).size() == 22);
  ck_assert(folder.list("", 5, true).size() == 6);
  const auto sub = folder.list("sub", 5, false);
  ck_assert(sub.size() == 1 && sub[0].name == "a" && sub[0].size == 5 && !sub[0].is_folder);
  ck_assert(folder.list("none", 5, false).empty());
}
END_TEST

START_TEST(memory)
{
  const TemporaryFolder place;
  place.write("a", std::string(300'000, 'x'));
  const auto folder = folder_at(place.path());
  const auto opened = folder.open_file("a");
  const auto fd = std::get<OpenFile>(opened).descriptor.get();
  bring_into_memory(fd, 0, 300'000);
  bring_into_memory(fd, 299'999, 300'000);  // ends where the file does
  (void)is_in_memory(fd, 0, 300'000);       // not all file systems tell
  ck_assert(is_in_memory(fd, 0, 0));
}
END_TEST

CHECK_MAIN("folder", files, no_way_out, no_files, lists, memory)
