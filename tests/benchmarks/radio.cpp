// SPDX-License-Identifier: LGPL-2.1-or-later
// icecastsrc beside souphttpsrc, beside recv() alone, and beside a reader that copies nothing:
// to read a gigabyte, and to listen to a hundred stations. Each measurement is a process of its
// own; what counts are the ratios.
#include "benchmarks/stations.hpp"
#include "glue/refs.hpp"

#include <gio/gio.h>
#include <gst/gst.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace kam;
using glue::Ref;

using bench::cpu_seconds;

constexpr std::uint64_t bulk_size = std::uint64_t{1} << 30U;
constexpr int stations = 100;
constexpr int bulk_rounds = 7;
constexpr int radio_rounds = 3;
constexpr int radio_seconds = 10;

struct Cost {
  double seconds = 0;
  double cpu_seconds = 0;
  double bytes = 0;
  double server_cpu_seconds = 0;
};

double now()
{
  return static_cast<double>(g_get_monotonic_time()) / 1e6;
}

// In a process of its own: runs the pipeline until EOS, or for so many seconds after a start
// that is not counted, and says what that took.
int measure(const char *line, int seconds)
{
  gst_init(nullptr, nullptr);
  GError *error = nullptr;
  const auto pipeline = Ref<GstElement>::adopt(gst_parse_launch(line, &error));
  if (error) {
    std::fprintf(stderr, "%s\n", error->message);
    return EXIT_FAILURE;
  }
  std::atomic<guint64> bytes = 0;
  auto *sinks = gst_bin_iterate_sinks(GST_BIN(pipeline.get()));
  gst_iterator_foreach(
      sinks,
      [](const GValue *item, gpointer to) {
        const auto pad = Ref<GstPad>::adopt(
            gst_element_get_static_pad(GST_ELEMENT(g_value_get_object(item)), "sink"));
        gst_pad_add_probe(
            pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
            [](GstPad *, GstPadProbeInfo *info, gpointer total) noexcept {
              *static_cast<std::atomic<guint64> *>(total) +=
                  gst_buffer_get_size(GST_PAD_PROBE_INFO_BUFFER(info));
              return GST_PAD_PROBE_OK;
            },
            to, nullptr);
      },
      &bytes);
  gst_iterator_free(sinks);
  const auto bus = Ref<GstBus>::adopt(gst_element_get_bus(pipeline.get()));
  const auto over = [&](GstClockTime time) {
    const auto message = Ref<GstMessage>::adopt(gst_bus_timed_pop_filtered(
        bus.get(), time, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR)));
    if (message && GST_MESSAGE_TYPE(message.get()) == GST_MESSAGE_ERROR) {
      gst_message_parse_error(message.get(), &error, nullptr);
      std::fprintf(stderr, "%s\n", error->message);
      std::exit(EXIT_FAILURE);
    }
  };
  Cost start{now(), cpu_seconds()};
  gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);
  if (seconds > 0) {
    over(3 * GST_SECOND);
    start = {now(), cpu_seconds(), static_cast<double>(bytes)};
  }
  over(seconds > 0 ? static_cast<GstClockTime>(seconds) * GST_SECOND : GST_CLOCK_TIME_NONE);
  const Cost end{now(), cpu_seconds(), static_cast<double>(bytes)};
  std::printf("%.6f %.6f %.0f\n", end.seconds - start.seconds,
              end.cpu_seconds - start.cpu_seconds, end.bytes - start.bytes);
  std::fflush(stdout);
  _exit(EXIT_SUCCESS);
}

Cost cost_of(std::vector<std::string> arguments)
{
  arguments.insert(arguments.begin(), "/proc/self/exe");
  std::vector<const char *> argv;
  for (const auto &argument : arguments)
    argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  GError *error = nullptr;
  const auto process = Ref<GSubprocess>::adopt(
      g_subprocess_newv(argv.data(), G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error));
  char *text = nullptr;
  if (!process ||
      !g_subprocess_communicate_utf8(process.get(), nullptr, nullptr, &text, nullptr, nullptr))
    throw std::runtime_error{"a measurement did not run"};
  const glue::StringPtr owned{text};
  Cost cost;
  if (std::sscanf(text, "%lf %lf %lf", &cost.seconds, &cost.cpu_seconds, &cost.bytes) != 3)
    throw std::runtime_error{"a measurement failed: " + arguments[2].substr(0, 60)};
  return cost;
}

Cost cost_of_pipeline(const std::string &line, int seconds)
{
  return cost_of({"--measure", line, std::to_string(seconds)});
}

Cost cost_of_bare(guint16 port, const char *path, int listeners, int seconds,
                  bench::Reading reading = bench::Reading::copy)
{
  return cost_of({reading == bench::Reading::copy ? "--bare" : "--drop", std::to_string(port),
                  path, std::to_string(listeners), std::to_string(seconds)});
}

double median(std::vector<double> values)
{
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// What a contestant took, over all rounds.
struct Contestant {
  std::string name;
  std::vector<double> cost;
};

// Ours is the first; how many times as much each of the others took, round by round.
void rows(const char *what, const std::vector<Contestant> &contestants, double goal)
{
  const auto &ours = contestants.front();
  for (std::size_t i = 1; i < contestants.size(); ++i) {
    const auto &peer = contestants[i];
    std::vector<double> ratios;
    for (std::size_t round = 0; round < ours.cost.size(); ++round)
      ratios.push_back(peer.cost[round] / ours.cost[round]);
    std::printf("| %s | `%s` | %.3g | `%s` | %.3g | **%.2f×** | ", what, ours.name.c_str(),
                median(ours.cost), peer.name.c_str(), median(peer.cost), median(ratios));
    std::printf(i == 1 && goal > 0 ? "%.0f |\n" : "|\n", goal);
  }
  std::fflush(stdout);
}

// Serves one gigabyte of nothing from a folder of its own.
class Nginx {
 public:
  Nginx(const char *program, const std::filesystem::path &parent)
  {
    GError *error = nullptr;
    auto name = (parent / "bench-radio-XXXXXX").string();
    if (!g_mkdtemp(name.data()))
      throw std::runtime_error{"no folder for nginx"};
    folder_ = name;
    std::ofstream{folder_ / "bulk"}.close();
    std::filesystem::resize_file(folder_ / "bulk", bulk_size);
    const auto listener = Ref<GSocketListener>::adopt(g_socket_listener_new());
    port_ = g_socket_listener_add_any_inet_port(listener.get(), nullptr, nullptr);
    g_socket_listener_close(listener.get());
    std::ofstream{folder_ / "conf"}
        << "daemon off; master_process off; pid " << folder_.string() << "/pid; error_log "
        << folder_.string() << "/log;\nevents {}\nhttp { access_log off; "
        << "sendfile on; types {} default_type audio/mpeg;\nserver { listen 127.0.0.1:" << port_
        << "; root " << folder_.string() << "; } }\n";
    process_ = Ref<GSubprocess>::adopt(g_subprocess_new(G_SUBPROCESS_FLAGS_NONE, &error,
                                                        program, "-p", folder_.c_str(), "-c",
                                                        (folder_ / "conf").c_str(), nullptr));
    const auto client = Ref<GSocketClient>::adopt(g_socket_client_new());
    const auto deadline = now() + 20;
    while (now() < deadline) {
      const auto connection = Ref<GSocketConnection>::adopt(
          g_socket_client_connect_to_host(client.get(), "127.0.0.1", port_, nullptr, nullptr));
      if (connection)
        return;
      g_usleep(10000);
    }
    throw std::runtime_error{"nginx does not start"};
  }
  ~Nginx()
  {
    g_subprocess_send_signal(process_.get(), SIGTERM);
    g_subprocess_wait(process_.get(), nullptr, nullptr);
    std::filesystem::remove_all(folder_);
  }
  Nginx(const Nginx &) = delete;
  Nginx &operator=(const Nginx &) = delete;

  guint16 port() const { return port_; }
  double cpu_seconds() const
  {
    std::ifstream stat{std::string{"/proc/"} + g_subprocess_get_identifier(process_.get()) +
                       "/stat"};
    std::string field;
    double ticks = 0;
    for (int i = 1; i <= 15 && stat >> field; ++i)
      if (i >= 14)  // in user space, and in the kernel
        ticks += std::stod(field);
    return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

 private:
  std::filesystem::path folder_;
  guint16 port_ = 0;
  Ref<GSubprocess> process_;
};

// This program again, as a server.
class Server {
 public:
  explicit Server(const char *mode)
  {
    process_ = Ref<GSubprocess>::adopt(g_subprocess_new(
        GSubprocessFlags(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDIN_PIPE),
        nullptr, "/proc/self/exe", mode, nullptr));
    const auto lines = Ref<GDataInputStream>::adopt(
        g_data_input_stream_new(g_subprocess_get_stdout_pipe(process_.get())));
    const glue::StringPtr line{
        g_data_input_stream_read_line(lines.get(), nullptr, nullptr, nullptr)};
    if (!line || std::sscanf(line.get(), "port %hu", &port_) != 1)
      throw std::runtime_error{"a server does not start"};
  }
  ~Server()
  {
    g_output_stream_close(g_subprocess_get_stdin_pipe(process_.get()), nullptr, nullptr);
    g_subprocess_wait(process_.get(), nullptr, nullptr);
  }
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;

  guint16 port() const { return port_; }

 private:
  Ref<GSubprocess> process_;
  guint16 port_ = 0;
};

// Where the file is in memory, it has no pages but the one of zeros that the kernel has for all
// holes, and nginx costs as little as a server can.
void bulk(const std::string &what, const char *program, const std::filesystem::path &folder)
{
  const Nginx nginx{program, folder};
  const auto location = " location=http://127.0.0.1:" + std::to_string(nginx.port()) + "/bulk";
  std::vector<Contestant> seconds{{"icecastsrc", {}},
                                  {"souphttpsrc", {}},
                                  {"souphttpsrc blocksize=65536", {}},
                                  {"recv() alone", {}},
                                  {"recv() that drops 8 MiB at a time", {}}};
  auto cpu_seconds = seconds;
  auto server_cpu_seconds = seconds;
  const auto cost_of_one = [&](std::size_t which) {
    const auto before = nginx.cpu_seconds();
    const auto *more = which == 0 ? " retries=0" : "";
    auto cost = which >= 3
                    ? cost_of_bare(nginx.port(), "/bulk", 1, 0,
                                   which == 3 ? bench::Reading::copy : bench::Reading::drop)
                    : cost_of_pipeline(
                          seconds[which].name + more + location + " ! fakesink sync=false", 0);
    cost.server_cpu_seconds = nginx.cpu_seconds() - before;
    return cost;
  };
  cost_of_one(3);  // warms the caches
  for (int round = 0; round < bulk_rounds; ++round)
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      const auto cost = cost_of_one(i);
      if (cost.bytes < bulk_size)
        throw std::runtime_error{"not all of it came"};
      seconds[i].cost.push_back(cost.seconds);
      cpu_seconds[i].cost.push_back(cost.cpu_seconds);
      server_cpu_seconds[i].cost.push_back(cost.server_cpu_seconds);
    }
  rows((what + ", s/GiB").c_str(), seconds, 5);
  rows((what + ", CPU s/GiB").c_str(), cpu_seconds, 6);
  rows((what + ", CPU s/GiB of the server").c_str(), server_cpu_seconds, 0);
}

void radio()
{
  const Server station{"--station"};
  const auto all = [&station](const std::string &before, const std::string &after) {
    std::string line;
    for (int i = 0; i < stations; ++i)
      line += before + " location=http://127.0.0.1:" + std::to_string(station.port()) + "/" +
              after + " ! fakesink sync=false ";
    return line;
  };
  // Of a stream, in a minute, in milliseconds.
  const auto per_minute = [](const Cost &used) {
    const auto expected = 16000.0 * stations * used.seconds;
    if (used.bytes < 0.9 * expected || used.bytes > 1.1 * expected)
      throw std::runtime_error{"the stations did not come in their time"};
    return used.cpu_seconds * 1000 * 60 / used.seconds / stations;
  };
  std::vector<Contestant> contestants{{"icecastsrc", {}},
                                      {"souphttpsrc ! icydemux", {}},
                                      {"icecastsrc read-interval=0", {}},
                                      {"poll() and recv() alone", {}}};
  for (int round = 0; round < radio_rounds; ++round) {
    contestants[0].cost.push_back(
        per_minute(cost_of_pipeline(all("icecastsrc", ""), radio_seconds)));
    contestants[1].cost.push_back(per_minute(cost_of_pipeline(
        all("souphttpsrc iradio-mode=true is-live=true", " ! icydemux"), radio_seconds)));
    contestants[2].cost.push_back(
        per_minute(cost_of_pipeline(all("icecastsrc read-interval=0", ""), radio_seconds)));
    contestants[3].cost.push_back(
        per_minute(cost_of_bare(station.port(), "/", stations, radio_seconds)));
  }
  rows("CPU ms per stream-minute", contestants, 3);
}

}  // namespace

int main(int argc, char **argv)
{
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--station")
    return bench::be_station();
  if ((mode == "--bare" || mode == "--drop") && argc == 6)
    return bench::be_bare_listeners(
        static_cast<std::uint16_t>(std::atoi(argv[2])), argv[3], std::atoi(argv[4]),
        std::atoi(argv[5]), mode == "--bare" ? bench::Reading::copy : bench::Reading::drop);
  if (mode == "--measure" && argc == 4)
    return measure(argv[2], std::atoi(argv[3]));
  const std::string part = argc > 2 ? argv[2] : "";
  if (argc < 2 || (!part.empty() && part != "bulk" && part != "stations")) {
    std::fprintf(stderr, "usage: %s NGINX [bulk | stations]\n", argv[0]);
    return 2;
  }
  try {
    std::printf("| what | ours | | peer | | ratio | goal |\n|---|---|---|---|---|---|---|\n");
    if (part != "stations") {
      bulk("holes in memory", argv[1], "/dev/shm");
      bulk("a file", argv[1], std::filesystem::temp_directory_path());
    }
    if (part != "bulk")
      radio();
    return EXIT_SUCCESS;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
