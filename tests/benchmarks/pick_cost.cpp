// SPDX-License-Identifier: LGPL-2.1-or-later
// What a fortune costs, beside running the program: pick-cost FORTUNE DATABASE...
//
// Prints microseconds: to read the databases, to pick a cookie, and to have the program print
// one.
#include "core/cookie/chooser.hpp"
#include "core/cookie/jar.hpp"
#include "server_sockets.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

// NOLINTNEXTLINE(readability-redundant-declaration): not every libc declares it
extern char **environ;

namespace {

using namespace kam;
using namespace kam::bench;

std::string contents(const std::string &path)
{
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

cookie::Jar read_databases(const std::vector<std::string> &paths)
{
  std::vector<cookie::Jar::Source> sources;
  for (const auto &path : paths) {
    const auto text = contents(path);
    const auto index = contents(path + ".dat");
    auto read = cookie::FortuneFile::read(as_bytes(text), std::optional{as_bytes(index)});
    if (auto *file = std::get_if<cookie::FortuneFile>(&read))
      sources.push_back({path, std::make_shared<const cookie::FortuneFile>(std::move(*file))});
  }
  return cookie::Jar{std::move(sources)};
}

double microseconds_since(Clock::time_point begin)
{
  return seconds_since(begin) * 1e6;
}

// One run of the program, its output thrown away.
bool run(char *program)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  char all[] = "-a";
  char *words[] = {program, all, nullptr};
  pid_t process = -1;
  int status = -1;
  const bool is_started =
      posix_spawn(&process, program, &actions, nullptr, words, environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  return is_started && waitpid(process, &status, 0) == process && status == 0;
}

}  // namespace

int main(int argc, char **argv)
{
  if (argc < 3)
    return 2;
  const std::vector<std::string> paths{argv + 2, argv + argc};
  auto begin = Clock::now();
  const auto jar = read_databases(paths);
  const auto reading = microseconds_since(begin);
  constexpr int picks = 2'000'000;
  cookie::Chooser chooser{cookie::Order::random, jar.size(), 1};
  std::size_t bytes = 0;
  begin = Clock::now();
  for (int i = 0; i < picks; ++i)
    bytes += jar[chooser.next()].text.size();
  const auto picking = microseconds_since(begin) / picks;
  constexpr int runs = 200;
  begin = Clock::now();
  for (int i = 0; i < runs; ++i)
    if (!run(argv[1]))
      return 1;
  std::cout << reading << " " << picking << " " << microseconds_since(begin) / runs << " "
            << jar.size() << " " << bytes << std::endl;
}
