// SPDX-License-Identifier: LGPL-2.1-or-later
// icecastsrc beside souphttpsrc: how much it takes to read a gigabyte, and to listen to a
// hundred stations. Each measurement is a process of its own; what counts are the ratios.
#include "benchmarks/paced_station.hpp"
#include "glue/refs.hpp"

#include <gio/gio.h>
#include <gst/gst.h>
#include <sys/resource.h>
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
#include <vector>

namespace {

using namespace kam;
using glue::Ref;

constexpr double bulk_bytes = 1024.0 * 1024 * 1024;
constexpr int stations = 100;
constexpr int bulk_rounds = 5;
constexpr int radio_rounds = 3;
constexpr int radio_seconds = 20;

struct Cost {
  double seconds = 0;
  double cpu_seconds = 0;
  double bytes = 0;
};

double cpu_seconds()
{
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval &time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

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
  Cost start{now(), cpu_seconds(), 0};
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

Cost cost_of(const std::string &line, int seconds)
{
  const auto seconds_text = std::to_string(seconds);
  GError *error = nullptr;
  const auto process = Ref<GSubprocess>::adopt(
      g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "/proc/self/exe", "--measure",
                       line.c_str(), seconds_text.c_str(), nullptr));
  char *text = nullptr;
  if (!process ||
      !g_subprocess_communicate_utf8(process.get(), nullptr, nullptr, &text, nullptr, nullptr))
    throw std::runtime_error{"a measurement did not run"};
  const glue::StringPtr owned{text};
  Cost cost;
  if (std::sscanf(text, "%lf %lf %lf", &cost.seconds, &cost.cpu_seconds, &cost.bytes) != 3)
    throw std::runtime_error{"a measurement failed: " + line.substr(0, 60)};
  return cost;
}

double median(std::vector<double> values)
{
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void row(const char *what, const char *ours, double our_value, const char *peer,
         double peer_value, double ratio, double goal)
{
  std::printf("| %s | `%s` | %.3g | `%s` | %.3g | **%.2f×** | %.1f |\n", what, ours, our_value,
              peer, peer_value, ratio, goal);
}

// Serves one gigabyte of nothing from a folder of its own.
class Nginx {
 public:
  explicit Nginx(const char *program)
  {
    GError *error = nullptr;
    const glue::StringPtr folder{g_dir_make_tmp("bench-radio-XXXXXX", &error)};
    folder_ = folder.get();
    std::ofstream{folder_ / "bulk"}.close();
    std::filesystem::resize_file(folder_ / "bulk", static_cast<std::uintmax_t>(bulk_bytes));
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

  std::string uri() const { return "http://127.0.0.1:" + std::to_string(port_) + "/bulk"; }

 private:
  std::filesystem::path folder_;
  guint16 port_ = 0;
  Ref<GSubprocess> process_;
};

class Station {
 public:
  Station()
  {
    process_ = Ref<GSubprocess>::adopt(g_subprocess_new(
        GSubprocessFlags(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDIN_PIPE),
        nullptr, "/proc/self/exe", "--station", nullptr));
    const auto lines = Ref<GDataInputStream>::adopt(
        g_data_input_stream_new(g_subprocess_get_stdout_pipe(process_.get())));
    const glue::StringPtr line{
        g_data_input_stream_read_line(lines.get(), nullptr, nullptr, nullptr)};
    if (!line)
      throw std::runtime_error{"the station does not start"};
    uri_ = "http://127.0.0.1:" + std::string{line.get()}.substr(5) + "/";
  }
  ~Station()
  {
    g_output_stream_close(g_subprocess_get_stdin_pipe(process_.get()), nullptr, nullptr);
    g_subprocess_wait(process_.get(), nullptr, nullptr);
  }
  Station(const Station &) = delete;
  Station &operator=(const Station &) = delete;

  const std::string &uri() const { return uri_; }

 private:
  Ref<GSubprocess> process_;
  std::string uri_;
};

void bulk(const char *nginx)
{
  const Nginx server{nginx};
  const auto ours = "icecastsrc retries=0 location=" + server.uri() + " ! fakesink sync=false";
  for (const std::string peer : {"souphttpsrc", "souphttpsrc blocksize=65536"}) {
    const auto theirs = peer + " location=" + server.uri() + " ! fakesink sync=false";
    std::vector<double> speed;
    std::vector<double> cpu;
    Cost our_cost;
    Cost peer_cost;
    for (int i = 0; i < bulk_rounds; ++i) {
      our_cost = cost_of(ours, 0);
      peer_cost = cost_of(theirs, 0);
      if (our_cost.bytes != bulk_bytes || peer_cost.bytes != bulk_bytes)
        throw std::runtime_error{"not all of it came"};
      speed.push_back(peer_cost.seconds / our_cost.seconds);
      cpu.push_back(peer_cost.cpu_seconds / our_cost.cpu_seconds);
    }
    row("GiB/s", "icecastsrc", 1 / our_cost.seconds, peer.c_str(), 1 / peer_cost.seconds,
        median(speed), peer == "souphttpsrc" ? 5 : 1);
    row("CPU s/GiB", "icecastsrc", our_cost.cpu_seconds, peer.c_str(), peer_cost.cpu_seconds,
        median(cpu), peer == "souphttpsrc" ? 6 : 1);
  }
}

void radio()
{
  const Station station;
  const auto all = [&station](const std::string &before, const std::string &after) {
    std::string line;
    for (int i = 0; i < stations; ++i)
      line += before + " location=" + station.uri() + after + " ! fakesink sync=false ";
    return line;
  };
  // Of a stream, in a minute, in milliseconds.
  const auto cost = [](const std::string &line) {
    const auto used = cost_of(line, radio_seconds);
    const auto expected = 16000.0 * stations * used.seconds;
    if (used.bytes < 0.9 * expected || used.bytes > 1.1 * expected)
      throw std::runtime_error{"the stations did not come in their time"};
    return used.cpu_seconds * 1000 * 60 / used.seconds / stations;
  };
  std::vector<double> ratios;
  double ours = 0;
  double theirs = 0;
  for (int i = 0; i < radio_rounds; ++i) {
    ours = cost(all("icecastsrc", ""));
    theirs = cost(all("souphttpsrc iradio-mode=true is-live=true", " ! icydemux"));
    ratios.push_back(theirs / ours);
  }
  row("CPU ms per stream-minute", "icecastsrc", ours, "souphttpsrc ! icydemux", theirs,
      median(ratios), 3);
}

}  // namespace

int main(int argc, char **argv)
{
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--station")
    return kam::bench::be_station();
  if (mode == "--measure" && argc == 4)
    return measure(argv[2], std::atoi(argv[3]));
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s NGINX\n", argv[0]);
    return 2;
  }
  try {
    std::printf("| what | ours | | peer | | ratio | goal |\n|---|---|---|---|---|---|---|\n");
    bulk(argv[1]);
    radio();
    return EXIT_SUCCESS;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}
