// SPDX-License-Identifier: LGPL-2.1-or-later
// Is a station to a player, given as a command line, and expects that the player shows its
// titles, also after the station was away.
#include "support/web_server.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

using namespace kam;

namespace {

constexpr std::size_t interval = 1000;

std::string block(const std::string &title)
{
  auto text = "StreamTitle='" + title + "';";
  text.resize((text.size() + 15) / 16 * 16);
  return static_cast<char>(text.size() / 16) + text;
}

// Reads the player's lines until one is `wanted`.
bool find_line(GDataInputStream *lines, const std::string &wanted)
{
  for (;;) {
    const glue::StringPtr line{g_data_input_stream_read_line(lines, nullptr, nullptr, nullptr)};
    if (!line)
      return false;
    std::cout << line.get() << std::endl;
    if (line.get() == wanted)
      return true;
  }
}

}  // namespace

int main(int argc, char **argv)
{
  std::atomic<int> connections = 0;
  test::RawServer station{[&](const std::string &, const test::RawServer::Connection &peer) {
    const bool is_first = connections++ == 0;
    const std::string title = is_first ? "A Band - It's on; air" : "Second";
    const std::string audio(interval, 'a');
    peer.send("ICY 200 OK\r\nContent-Type: application/octet-stream\r\nicy-metaint: " +
              std::to_string(interval) + "\r\n\r\n" + audio + block(title) + audio);
    if (!is_first)
      peer.hang();
  }};
  std::vector<std::string> words{argv + 1, argv + argc};
  words.push_back(station.uri("/"));
  words.emplace_back("fakesink sync=false");
  std::vector<const char *> player;
  for (const auto &word : words)
    player.push_back(word.c_str());
  player.push_back(nullptr);
  const auto process = glue::Ref<GSubprocess>::adopt(
      g_subprocess_newv(player.data(), G_SUBPROCESS_FLAGS_STDOUT_PIPE, nullptr));
  if (!process)
    return 77;
  const auto lines = glue::Ref<GDataInputStream>::adopt(
      g_data_input_stream_new(g_subprocess_get_stdout_pipe(process.get())));
  const bool found = find_line(lines.get(), "playing: A Band - It's on; air") &&
                     find_line(lines.get(), "playing: Second");
  g_subprocess_force_exit(process.get());
  g_subprocess_wait(process.get(), nullptr, nullptr);
  return found ? EXIT_SUCCESS : EXIT_FAILURE;
}
