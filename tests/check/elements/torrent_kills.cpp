// SPDX-License-Identifier: LGPL-2.1-or-later
// Kills a process that plays a torrent, again and again in the middle of its download, and has
// another one go on: what comes is always what is in the torrent, and little comes twice.
#include "support/random.hpp"
#include "support/torrent_seed.hpp"

#include <gst/gst.h>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

using namespace kam;
using namespace kam::test;

namespace {

constexpr std::int64_t most_twice = 16'000'000;  // bytes, in all
constexpr std::chrono::seconds patience{60};

[[noreturn]] void give_up(const std::string &why)
{
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

// --- the process that is killed -----------------------------------------------------------

int play(const std::string &location, const std::string &peer, const std::string &file,
         const std::string &to)
{
  gst_init(nullptr, nullptr);
  auto *pipeline = gst_parse_launch(
      ("torrentsrc name=source listen-interfaces=127.0.0.1:0 dht=false lsd=false upnp=false "
       "natpmp=false keep-files=true peers=" +
       peer + " file-index=" + file + " ! filesink buffer-mode=unbuffered location=" + to)
          .c_str(),
      nullptr);
  auto *source = gst_bin_get_by_name(GST_BIN(pipeline), "source");
  g_object_set(source, "location", location.c_str(), nullptr);
  gst_object_unref(source);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  auto *bus = gst_element_get_bus(pipeline);
  auto *message = gst_bus_timed_pop_filtered(
      bus, GST_CLOCK_TIME_NONE, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  const bool is_good = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
  if (!is_good) {
    GError *error = nullptr;
    gchar *detail = nullptr;
    gst_message_parse_error(message, &error, &detail);
    std::fprintf(stderr, "%s (%s)\n", error->message, detail);
    g_error_free(error);
    g_free(detail);
  }
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return is_good ? 0 : 1;
}

class Player {
 public:
  Player(const std::string &location, const std::string &peer, std::size_t file,
         const std::string &to)
  {
    std::array<std::string, 6> words{"torrent-kills",      "play", location, peer,
                                     std::to_string(file), to};
    std::array<char *, 7> arguments{};
    std::ranges::transform(words, arguments.begin(), [](auto &word) { return word.data(); });
    if (posix_spawn(&pid_, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) != 0)
      give_up("there can be no other process");
  }
  ~Player() { kill_it(); }
  Player(const Player &) = delete;
  Player &operator=(const Player &) = delete;

  bool has_ended()
  {
    if (!has_ended_ && waitpid(pid_, &status_, WNOHANG) == pid_)
      has_ended_ = true;
    return has_ended_;
  }
  bool is_good() const { return WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }
  void kill_it()
  {
    if (has_ended())
      return;
    kill(pid_, SIGKILL);
    waitpid(pid_, &status_, 0);
    has_ended_ = true;
  }

 private:
  pid_t pid_ = -1;
  int status_ = 0;
  bool has_ended_ = false;
};

// --- who kills ----------------------------------------------------------------------------

class Killer {
 public:
  Killer(int kills, std::uint32_t random_seed)
      : kills_{kills}, random_{random_seed}, seed_{options(kills, random_seed)}
  {
    setenv("XDG_CACHE_HOME", folder_.path().c_str(), 1);
  }

  void kill_all()
  {
    for (int kills = 0, ends = 0; kills < kills_;) {
      const auto file = random_.below(files);
      Player player{location(), seed_.address(), file, output()};
      const auto enough = seed_.uploaded() + std::int64_t(random_.below(800'000));
      const bool is_killed = wait([&] { return seed_.uploaded() > enough; }, player);
      // Its limit lets the seed send much at once, and that is not when it is killed.
      std::this_thread::sleep_for(std::chrono::milliseconds{random_.below(200)});
      player.kill_it();
      if (!is_killed && !player.is_good())
        give_up("it failed by itself");
      ++(is_killed ? kills : ends);
      if (ends > kills_)
        give_up("all of it has come, and there is nothing to kill");
      compare(file, !is_killed);
    }
  }

  void play_all()
  {
    for (std::size_t file = 0; file < files; ++file) {
      Player player{location(), seed_.address(), file, output()};
      wait([] { return false; }, player);
      if (!player.is_good())
        give_up("it failed by itself");
      compare(file, true);
    }
  }

  // Bytes that came more than once.
  std::int64_t came_twice() const
  {
    std::int64_t size = 0;
    for (std::size_t file = 0; file < files; ++file)
      size += std::int64_t(seed_.content(file).size());
    return seed_.uploaded() - size;
  }

 private:
  static constexpr std::size_t files = 3;

  static SeedOptions options(int kills, std::uint32_t random_seed)
  {
    SeedOptions options;
    // More than comes until the last of them.
    const auto size = static_cast<std::size_t>(kills) * 1'000'000;
    options.files = {{"a.mkv", size}, {"b.mkv", 100'001}, {"c.mkv", size}};
    options.format = static_cast<TorrentFormat>(random_seed % 3);
    options.random_seed = random_seed;
    options.upload_limit = 8'000'000;
    return options;
  }

  std::string location()
  {
    return random_.below(2) == 0 ? seed_.bare_magnet() : seed_.torrent_file();
  }
  std::string output() const { return (folder_.path() / "out").string(); }

  template <class Done>
  static bool wait(Done done, Player &player)
  {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!player.has_ended()) {
      if (done())
        return true;
      if (std::chrono::steady_clock::now() > until)
        give_up("it goes on for too long");
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    return false;
  }

  void compare(std::size_t file, bool is_whole)
  {
    std::ifstream stream{output(), std::ios::binary};
    const std::string came{std::istreambuf_iterator<char>{stream}, {}};
    const auto &content = seed_.content(file);
    if (came.size() > content.size() || (is_whole && came.size() != content.size()) ||
        std::memcmp(came.data(), content.data(), came.size()) != 0)
      give_up("what came is not what is in the torrent");
    std::filesystem::remove(output());
  }

  const int kills_;
  Random random_;
  TorrentSeed seed_;
  TemporaryFolder folder_;
};

}  // namespace

int main(int argc, char **argv)
{
  const std::vector<std::string> words{argv, argv + argc};
  if (words.size() == 6 && words[1] == "play")
    return play(words[2], words[3], words[4], words[5]);
  if (words.size() != 3) {
    std::fprintf(stderr, "usage: %s KILLS RANDOM-SEED\n", argv[0]);
    return 2;
  }
  Killer killer{std::atoi(argv[1]), static_cast<std::uint32_t>(std::atoi(argv[2]))};
  killer.kill_all();
  killer.play_all();
  const auto twice = killer.came_twice();
  std::printf("%s kills: no wrong byte, and %.1f MB came twice\n", argv[1],
              static_cast<double>(twice) / 1e6);
  return twice <= most_twice ? 0 : 1;
}
