// SPDX-License-Identifier: LGPL-2.1-or-later
// Multicasts a film with srmsink to several receivers with srmsrc, each of which loses other
// packets, shows how far each is and what was done to repair it, and compares what arrived.
// Each receiver and the sender is a process of its own, at a node of the laboratory of network
// namespaces in tests/network, or on the loopback where there can be none.
#include "clip.hpp"
#include "console.hpp"
#include "pipeline.hpp"

#include <fcntl.h>
#include <gst/gst.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace {

using demo::Pipeline;
using demo::stat;
namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr auto group = "239.255.76.78";
constexpr auto port = "6003";
constexpr int namespaces_impossible = 77;  // what netlab says then

struct Options {
  std::string file;
  std::string folder = ".";
  std::string netlab;
  std::string role;
  std::string interface = "eth0";
  double loss = 5;
  double rate = 0;  // Mbit/s
  int receivers = 4;
};

volatile std::sig_atomic_t interrupted = 0;

// ---- the processes at the nodes: each prints its statistics on a line, again and again ----

void print_stats(const Pipeline &pipeline, const std::vector<const char *> &keys)
{
  for (const auto *const key : keys)
    std::printf("%s=%llu ", key, static_cast<unsigned long long>(stat(pipeline, "srm", key)));
  std::printf("\n");
  std::fflush(stdout);
}

const std::vector<const char *> receiver_keys{
    "bytes-delivered", "segments-missed", "segments-rebuilt", "segments-repaired",
    "segments-lost",   "nacks-sent",      "nacks-suppressed"};
const std::vector<const char *> sender_keys{"packets-sent",   "source-packets",
                                            "repair-packets", "parity-packets",
                                            "bytes-sent",     "nacks-received"};

void run_role(const std::string &description, const std::vector<const char *> &keys)
{
  Pipeline pipeline{description};
  pipeline.play();
  print_stats(pipeline, keys);
  while (!pipeline.poll(200 * GST_MSECOND))
    print_stats(pipeline, keys);
  print_stats(pipeline, keys);
}

void receive(const Options &options)
{
  run_role("srmsrc name=srm address=" + std::string{group} + " port=" + port +
               " multicast-iface=" + options.interface + " ! filesink location=\"" +
               options.file + "\" async=false sync=false buffer-mode=unbuffered",
           receiver_keys);
}

// In bulk mode, so that it ends only when all receivers have told that they have everything.
void send(const Options &options)
{
  run_role("filesrc location=\"" + options.file +
               "\" blocksize=16384 ! srmsink name=srm host=" + group + " port=" + port +
               " multicast-iface=" + options.interface + " mode=bulk max-rate=" +
               std::to_string(static_cast<std::uint64_t>(options.rate * 1e6)) +
               " min-receivers=" + std::to_string(options.receivers),
           sender_keys);
}

// ---- the one that shows it ----

// A process whose lines are read while it runs; it ends with us.
class Child {
 public:
  explicit Child(const Words &words)
  {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::system_error{errno, std::generic_category(), "pipe"};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::vector<char *> arguments;
    for (const auto &word : words)
      arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    const int error =
        posix_spawnp(&process_, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    output_ = ends[0];
    if (error != 0) {
      close(output_);
      throw std::system_error{error, std::generic_category(), words.front()};
    }
  }
  ~Child()
  {
    close(output_);
    if (process_ > 0) {
      kill(process_, SIGTERM);
      waitpid(process_, nullptr, 0);
    }
  }
  Child(const Child &) = delete;
  Child &operator=(const Child &) = delete;

  int output() const { return output_; }
  bool ended() const { return process_ == 0; }
  int status() const { return status_; }
  // The last whole line.
  const std::string &line() const { return line_; }

  // Takes what there is; blocks if there is nothing.
  void read()
  {
    std::array<char, 4096> piece{};
    const auto size = ::read(output_, piece.data(), piece.size());
    if (size < 0 && errno == EINTR)
      return;
    if (size <= 0) {
      int status = 0;
      waitpid(process_, &status, 0);
      process_ = 0;
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      return;
    }
    open_line_.append(piece.data(), static_cast<std::size_t>(size));
    for (auto end = open_line_.find('\n'); end != std::string::npos;
         end = open_line_.find('\n')) {
      line_ = open_line_.substr(0, end);
      open_line_.erase(0, end + 1);
    }
  }

  std::uint64_t number(const char *key) const
  {
    std::istringstream words{line_};
    const auto wanted = std::string{key} + "=";
    for (std::string word; words >> word;)
      if (word.starts_with(wanted))
        return std::stoull(word.substr(wanted.size()));
    return 0;
  }

 private:
  pid_t process_ = 0;
  int output_ = -1;
  int status_ = 0;
  std::string open_line_;
  std::string line_;
};

// Waits until a child has ended, and returns its last line.
std::string run_to_end(const Words &words, int &status)
{
  Child child{words};
  while (!child.ended())
    child.read();
  status = child.status();
  return child.line();
}

// The laboratory's network, or the loopback if there can be none.
class Network {
 public:
  explicit Network(const Options &options) : netlab_{options.netlab}
  {
    auto words = command({"up"});
    for (int i = 0; i < options.receivers; ++i)
      words.push_back(std::to_string(options.loss));
    int status = 0;
    if (!netlab_.empty())
      run_to_end(words, status);
    if (netlab_.empty() || status == namespaces_impossible)
      netlab_.clear();
    else if (status != 0)
      throw std::runtime_error{"the network cannot be made"};
  }
  ~Network()
  {
    try {
      int status = 0;
      if (is_there())
        run_to_end(command({"down"}), status);
    } catch (const std::exception &error) {
      std::fprintf(stderr, "demo: the network is left behind: %s\n", error.what());
    }
  }
  Network(const Network &) = delete;
  Network &operator=(const Network &) = delete;

  bool is_there() const { return !netlab_.empty(); }

  Words at(const std::string &node, Words words) const
  {
    if (!is_there()) {
      words.insert(words.end(), {"--interface", "lo"});
      return words;
    }
    auto all = command({"run", node});
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  std::uint64_t count(const char *what, const std::string &node) const
  {
    int status = 0;
    const auto line = is_there() ? run_to_end(command({what, node}), status) : "0";
    return line.empty() ? 0 : std::stoull(line);
  }

 private:
  // With a name of its own, beside which others can exist.
  Words command(const Words &words) const
  {
    Words all{"env", "NETLAB=kamdemo" + std::to_string(getpid()), netlab_};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

  std::string netlab_;
};

std::string node_of(std::size_t index)
{
  return std::string{"r"}.append(std::to_string(index + 1));
}

using Children = std::vector<std::unique_ptr<Child>>;

// A bar for each receiver that grows on a terminal, lines elsewhere.
class Bars {
 public:
  Bars(std::uint64_t size, std::size_t count)
      : size_{std::max<std::uint64_t>(size, 1)}, count_{count}
  {
  }

  void show(const Children &receivers)
  {
    std::uint64_t least = size_;
    for (std::size_t i = 0; i < count_; ++i)
      least = std::min(least, receivers[i]->number("bytes-delivered"));
    const int percent = static_cast<int>(100 * least / size_);
    if (!terminal_ && shown_ >= 0 && percent < shown_ + 20)
      return;
    if (terminal_ && shown_ >= 0)
      std::printf("\x1b[%zuA", count_);
    shown_ = percent / 20 * 20;
    for (std::size_t i = 0; i < count_; ++i)
      show(i, *receivers[i]);
    std::fflush(stdout);
  }

 private:
  void show(std::size_t index, const Child &receiver) const
  {
    const auto done = std::min(size_, receiver.number("bytes-delivered"));
    constexpr std::uint64_t width = 24;
    std::string bar;
    for (std::uint64_t i = 0; terminal_ && i < width; ++i)
      bar += i * size_ < done * width ? "█" : "·";
    std::printf("  receiver %zu %s %3d %%   %6s missed, %6s rebuilt, %6s requests\n", index + 1,
                bar.c_str(), static_cast<int>(100 * done / size_),
                demo::grouped(receiver.number("segments-missed")).c_str(),
                demo::grouped(receiver.number("segments-rebuilt")).c_str(),
                demo::grouped(receiver.number("nacks-sent")).c_str());
  }

  std::uint64_t size_;
  std::size_t count_;
  bool terminal_ = isatty(STDOUT_FILENO) != 0;
  int shown_ = -1;
};

std::string checksum_of(const std::string &path)
{
  std::ifstream file{path, std::ios::binary};
  const std::unique_ptr<GChecksum, decltype(&g_checksum_free)> sum{
      g_checksum_new(G_CHECKSUM_SHA256), g_checksum_free};
  std::vector<char> piece(1U << 16U);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())).gcount() > 0)
    g_checksum_update(sum.get(), reinterpret_cast<const guchar *>(piece.data()),
                      static_cast<gssize>(file.gcount()));
  return g_checksum_get_string(sum.get());
}

// Waits for what the children say, until all have ended.
void follow(const Children &receivers, Child &sender, Bars &bars)
{
  const auto gone_wrong = [](const Child &child) {
    return child.ended() && child.status() != 0;
  };
  while (true) {
    std::vector<pollfd> files;
    std::vector<Child *> speakers;
    const auto listen_to = [&](Child &child) {
      if (child.ended())
        return;
      files.push_back({child.output(), POLLIN, 0});
      speakers.push_back(&child);
    };
    for (const auto &receiver : receivers)
      listen_to(*receiver);
    listen_to(sender);
    if (files.empty())
      return;
    poll(files.data(), files.size(), 500);
    if (interrupted)
      throw std::runtime_error{"interrupted"};
    for (std::size_t i = 0; i < files.size(); ++i)
      if (files[i].revents != 0)
        speakers[i]->read();
    bars.show(receivers);
    if (gone_wrong(sender) ||
        std::any_of(receivers.begin(), receivers.end(),
                    [&](const auto &child) { return gone_wrong(*child); }))
      throw std::runtime_error{"one of the pipelines has failed"};
  }
}

bool report(const Options &options, const Network &network, const Children &receivers,
            const Child &sender, std::uint64_t size)
{
  using demo::grouped;
  const auto sources = sender.number("source-packets");
  demo::heading("what the sender sent, once for all of them");
  demo::row("packets of the film", grouped(sources));
  demo::row("packets of repair", grouped(sender.number("repair-packets")),
            demo::percent(sender.number("repair-packets"), sources) + " on top");
  demo::row("requests for repair", grouped(sender.number("nacks-received")));
  demo::row("bytes on the network", grouped(sender.number("bytes-sent")),
            demo::percent(sender.number("bytes-sent"), size) + " of the file");
  demo::heading("what became of it");
  const auto wanted = checksum_of(options.file);
  std::printf("    %-12s %8s %8s %8s   %s\n", "", "lost", "rebuilt", "requests", "SHA-256");
  std::printf("    %-12s %8s %8s %8s   %.32s...\n", "sent", "", "", "", wanted.c_str());
  bool same = true;
  for (std::size_t i = 0; i < receivers.size(); ++i) {
    const auto path = options.folder + "/received-" + std::to_string(i + 1);
    const auto sum = checksum_of(path);
    same = same && sum == wanted;
    std::printf("    receiver %-3zu %8s %8s %8s   %.32s...  %s\n", i + 1,
                grouped(network.count("lost", node_of(i))).c_str(),
                grouped(receivers[i]->number("segments-rebuilt")).c_str(),
                grouped(receivers[i]->number("nacks-sent")).c_str(), sum.c_str(),
                sum == wanted ? "the same" : "DIFFERENT");
  }
  std::printf("\n  %s\n  To play one: gst-play-1.0 \"%s/received-1\"\n\n",
              same ? "Everybody has the film, bit by bit." : "NOT everybody has the film.",
              options.folder.c_str());
  return same;
}

void explain(const Options &options, const Network &network, std::uint64_t size)
{
  std::printf(
      "\n  gst-kamaelia: a film for %d receivers, sent once\n\n"
      "  sends      %s (%s bytes) with srmsink to %s, at %.0f Mbit/s\n",
      options.receivers, options.file.c_str(), demo::grouped(size).c_str(), group,
      options.rate);
  if (network.is_there())
    std::printf(
        "  network    namespaces on a bridge; each receiver loses %g %% of the packets\n",
        options.loss);
  else
    std::printf(
        "  network    the loopback, which loses nothing: this user may not have network\n"
        "             namespaces here\n");
  std::printf("  receives   srmsrc, which asks for what is missing\n\n");
  std::fflush(stdout);
}

bool run_scene(Options options, const std::string &program)
{
  fs::create_directories(options.folder);
  if (options.file.empty()) {
    options.file = options.folder + "/clip.mkv";
    demo::make_clip(options.file);
  }
  const auto size = fs::file_size(options.file);
  // A few seconds, to have something to look at.
  if (options.rate <= 0)
    options.rate = std::clamp(static_cast<double>(size) * 8 / 4e6, 1.0, 200.0);
  const Network network{options};
  explain(options, network, size);
  Children receivers;
  for (int i = 0; i < options.receivers; ++i) {
    const auto path = options.folder + "/received-" + std::to_string(i + 1);
    if (fs::exists(path) && fs::equivalent(path, options.file))
      throw std::runtime_error{"this file would be written: choose another --folder"};
    fs::remove(path);
    receivers.push_back(std::make_unique<Child>(
        network.at(node_of(receivers.size()), {program, "--role", "receiver", path})));
    // Its first line says that it listens.
    receivers.back()->read();
  }
  Child sender{
      network.at("snd", {program, "--role", "sender", "--rate", std::to_string(options.rate),
                         "--receivers", std::to_string(options.receivers), options.file})};
  Bars bars{size, receivers.size()};
  follow(receivers, sender, bars);
  return report(options, network, receivers, sender, size);
}

Options parse(int argc, char **argv)
{
  Options options;
  std::map<const char *, std::pair<char *, std::string *>> texts{
      {"folder", {nullptr, &options.folder}},
      {"interface", {nullptr, &options.interface}},
      {"netlab", {nullptr, &options.netlab}},
      {"role", {nullptr, &options.role}}};
  std::vector<GOptionEntry> entries{
      {"receivers", 0, 0, G_OPTION_ARG_INT, &options.receivers, "How many there are (4)",
       "NUMBER"},
      {"loss", 0, 0, G_OPTION_ARG_DOUBLE, &options.loss,
       "Packets that each of them loses, in per cent (5)", "PERCENT"},
      {"rate", 0, 0, G_OPTION_ARG_DOUBLE, &options.rate,
       "How fast to send, in Mbit/s (so that it takes four seconds)", "MBIT"}};
  for (auto &[name, text] : texts)
    entries.push_back({name, 0, std::string{"folder"} == name ? 0 : G_OPTION_FLAG_HIDDEN,
                       G_OPTION_ARG_FILENAME, static_cast<gpointer>(&text.first),
                       "Where to write (the current folder)", "FOLDER"});
  entries.push_back({});
  auto *context = g_option_context_new("[FILE] - a film for several receivers, sent once");
  g_option_context_add_main_entries(context, entries.data(), nullptr);
  g_option_context_add_group(context, gst_init_get_option_group());
  GError *error = nullptr;
  const bool ok = g_option_context_parse(context, &argc, &argv, &error);
  g_option_context_free(context);
  if (!ok) {
    const std::string what = error->message;
    g_error_free(error);
    throw std::runtime_error{what};
  }
  for (const auto &[name, text] : texts)
    if (text.first)
      *text.second = text.first;
  for (const auto &[name, text] : texts)
    g_free(text.first);
  if (options.receivers < 1 || options.receivers > 16 || !(options.loss >= 0) ||
      options.loss > 50 || options.rate < 0)
    throw std::runtime_error{"--receivers is 1 to 16, --loss 0 to 50 per cent"};
  if (argc > 1)
    options.file = argv[1];
  return options;
}

bool run(int argc, char **argv)
{
  const auto options = parse(argc, argv);
  if (options.role == "receiver") {
    receive(options);
    return true;
  }
  if (options.role == "sender") {
    send(options);
    return true;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return run_scene(options, fs::read_symlink("/proc/self/exe").string());
}

}  // namespace

int main(int argc, char **argv)
{
  try {
    return run(argc, argv) ? EXIT_SUCCESS : EXIT_FAILURE;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "\ndemo: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
