// SPDX-License-Identifier: LGPL-2.1-or-later
// Plays a torrent and stops again, at all moments of its download: afterwards there are as many
// threads and descriptors as before.
#include "support/random.hpp"
#include "support/torrent_seed.hpp"

#include <gst/gst.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <tuple>

using namespace kam;
using namespace kam::test;

namespace {

constexpr std::chrono::seconds patience{60};

std::ptrdiff_t entries(const char *folder)
{
  return std::distance(std::filesystem::directory_iterator{folder},
                       std::filesystem::directory_iterator{});
}

template <class Done>
bool wait(Done done)
{
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

// A seed in a process of its own, for it has threads that come and go.
class SeedProcess {
 public:
  SeedProcess()
  {
    std::array<int, 2> out{};
    std::array<int, 2> in{};
    if (pipe2(out.data(), O_CLOEXEC) != 0 || pipe2(in.data(), O_CLOEXEC) != 0)
      std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      close(in[1]);
      seed(out[1], in[0]);
    }
    close(out[1]);
    close(in[0]);
    end_ = in[1];
    std::array<char, 1024> text{};
    const auto size = read(out[0], text.data(), text.size());
    magnet_.assign(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    close(out[0]);
  }
  ~SeedProcess()
  {
    close(end_);
    waitpid(pid_, nullptr, 0);
  }
  SeedProcess(const SeedProcess &) = delete;
  SeedProcess &operator=(const SeedProcess &) = delete;

  const std::string &magnet() const { return magnet_; }
  static constexpr std::size_t size = 3'000'000;

 private:
  // Until the other end of `end` is closed.
  [[noreturn]] static void seed(int out, int end)
  {
    {
      const TorrentSeed seed;
      const auto magnet = seed.magnet();
      std::ignore = write(out, magnet.data(), magnet.size());
      char nothing = 0;
      std::ignore = read(end, &nothing, 1);
    }
    _exit(0);
  }

  pid_t pid_ = -1;
  int end_ = -1;
  std::string magnet_;
};

// A pipeline that counts what comes.
class Cycle {
 public:
  explicit Cycle(const SeedProcess &seed)
      : pipeline_{gst_parse_launch("torrentsrc name=source listen-interfaces=127.0.0.1:0 "
                                   "dht=false lsd=false upnp=false natpmp=false ! "
                                   "fakesink name=sink sync=false async=false",
                                   nullptr)}
  {
    auto *source = gst_bin_get_by_name(GST_BIN(pipeline_), "source");
    g_object_set(source, "location", seed.magnet().c_str(), nullptr);
    auto *pad = gst_element_get_static_pad(source, "src");
    gst_pad_add_probe(
        pad, GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer bytes) {
          *static_cast<std::atomic<std::size_t> *>(bytes) +=
              gst_buffer_get_size(GST_PAD_PROBE_INFO_BUFFER(info));
          return GST_PAD_PROBE_OK;
        },
        &bytes_, nullptr);
    gst_object_unref(pad);
    gst_object_unref(source);
  }
  ~Cycle() { gst_object_unref(pipeline_); }
  Cycle(const Cycle &) = delete;
  Cycle &operator=(const Cycle &) = delete;

  // To PLAYING, and to NULL as soon as so many bytes have come.
  bool run(std::size_t bytes)
  {
    bytes_ = 0;
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
    const bool has_come = wait([&] { return bytes_ >= bytes; });
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    return has_come;
  }

 private:
  GstElement *pipeline_;
  std::atomic<std::size_t> bytes_ = 0;
};

}  // namespace

int main(int argc, char **argv)
{
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CYCLES\n", argv[0]);
    return 2;
  }
  const SeedProcess seed;
  gst_init(nullptr, nullptr);
  const TemporaryFolder cache;
  setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  Random random{2711};
  const int cycles = std::atoi(argv[1]);
  {
    Cycle cycle{seed};
    if (!cycle.run(SeedProcess::size))
      return 1;
  }
  // What the first one leaves in GLib and GStreamer stays, and is no leak.
  std::this_thread::sleep_for(std::chrono::seconds{3});
  const auto threads = entries("/proc/self/task");
  const auto descriptors = entries("/proc/self/fd");
  {
    Cycle cycle{seed};
    for (int i = 0; i < cycles; ++i)
      // A third of them before anything has come.
      if (!cycle.run(i % 3 == 0 ? 0 : random.below(SeedProcess::size))) {
        std::fprintf(stderr, "nothing comes in cycle %d\n", i);
        return 1;
      }
  }
  const bool is_back = wait([&] {
    return entries("/proc/self/task") <= threads && entries("/proc/self/fd") <= descriptors;
  });
  std::printf("%d cycles: %td threads of %td before, %td descriptors of %td\n", cycles,
              entries("/proc/self/task"), threads, entries("/proc/self/fd"), descriptors);
  return is_back ? 0 : 1;
}
