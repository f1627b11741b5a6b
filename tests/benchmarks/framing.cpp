// SPDX-License-Identifier: LGPL-2.1-or-later
// The framing family beside its peers, in one run. What counts is the ratio in each row, by
// time or, for what runs in one thread, by instructions.
#include "benchmarks/bare_pads.hpp"
#include "core/framing/escape.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <vector>

namespace {

using namespace kam;
using bench::Chain;

constexpr std::size_t blocks = 64;
constexpr gsize small = 1400;
constexpr gsize large = gsize{64} << 10U;

// Random blocks in turn, each in a new buffer that shares the block, as sources hand them out.
class Blocks {
 public:
  explicit Blocks(gsize size)
  {
    std::mt19937 random{static_cast<unsigned>(size)};
    for (std::size_t i = 0; i < blocks; ++i) {
      auto *memory = gst_allocator_alloc(nullptr, size, nullptr);
      GstMapInfo map;
      gst_memory_map(memory, &map, GST_MAP_WRITE);
      std::generate(map.data, map.data + map.size, [&] { return guint8(random()); });
      gst_memory_unmap(memory, &map);
      memories_.push_back(memory);
    }
  }

  GstBuffer *operator()(guint64 i) const
  {
    auto *buffer = gst_buffer_new();
    gst_buffer_append_memory(buffer, gst_memory_ref(memories_[i % blocks]));
    return buffer;
  }

 private:
  std::vector<GstMemory *> memories_;
};

// Every tenth number changes places with the next, if wanted.
guint64 number_of(guint64 i, bool swapped)
{
  if (swapped && i % 10 == 4)
    return i + 1;
  if (swapped && i % 10 == 5)
    return i - 1;
  return i;
}

GstBuffer *sequenced(const Blocks &data, guint64 i, bool swapped)
{
  auto *buffer = data(i);
  const auto number = number_of(i, swapped) + 1;
  GST_BUFFER_OFFSET(buffer) = number;
  GST_BUFFER_OFFSET_END(buffer) = number + 1;
  return buffer;
}

// A minimal RTP packet (RFC 3550 §5.1), one millisecond after the one before.
GstBuffer *rtp_packet(guint64 i, bool swapped)
{
  const auto number = number_of(i, swapped);
  const auto time = static_cast<guint32>(90 * number);
  const guint8 header[12] = {0x80,
                             96,
                             guint8(number >> 8U),
                             guint8(number),
                             guint8(time >> 24U),
                             guint8(time >> 16U),
                             guint8(time >> 8U),
                             guint8(time),
                             0,
                             0,
                             0,
                             1};
  auto *buffer = gst_buffer_new_allocate(nullptr, 12 + small, nullptr);
  gst_buffer_fill(buffer, 0, header, sizeof header);
  GST_BUFFER_PTS(buffer) = GST_BUFFER_DTS(buffer) = number * GST_MSECOND;
  return buffer;
}

// Something that can be measured again and again: seconds per buffer.
using Measure = std::function<double()>;

// One line of the result: how many times less ours costs than the peer.
struct Row {
  std::string ours;
  std::string peer;
  double floor;  // to be held
  double goal;   // what the prototypes promised
  Measure measure_ours;
  Measure measure_peer;
  // For counting instructions instead: each side is the sum of its chains' costs, the second
  // chain (if there is one) being taken off. Empty if only time will do.
  std::vector<std::string> chains_ours;
  std::vector<std::string> chains_peer;
};

// The chains by name, each measured over as many buffers as take long enough.
class Chains {
 public:
  void add(Chain chain)
  {
    auto name = chain.name;
    chains_.emplace(std::move(name), Entry{std::move(chain), 0});
  }

  const Chain &operator[](const std::string &name) const { return chains_.at(name).chain; }

  Measure measure(const std::string &name)
  {
    return [this, name] {
      auto &entry = chains_.at(name);
      if (entry.count == 0)
        entry.count = bench::count_for(entry.chain, 0.03);
      return bench::seconds_per_buffer(entry.chain, entry.count);
    };
  }

  Measure difference(const std::string &whole, const std::string &part)
  {
    return [whole = measure(whole), part = measure(part)] { return whole() - part(); };
  }

 private:
  struct Entry {
    Chain chain;
    guint64 count;
  };
  std::map<std::string, Entry> chains_;
};

double median(std::vector<double> values)
{
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

const char *verdict(double ratio, const Row &row)
{
  if (ratio >= row.goal)
    return "goal";
  return ratio >= row.floor ? "floor" : "BELOW";
}

void print_header(const char *unit)
{
  std::printf("%-46s %9s  %-46s %9s  %7s %6s %6s\n", "ours", unit, "peer", unit, "ratio",
              "floor", "goal");
}

bool print_row(const Row &row, double ours, double peer, double ratio)
{
  std::printf("%-46s %9.0f  %-46s %9.0f  %6.2fx %6.2f %6.2f  %s\n", row.ours.c_str(), ours,
              row.peer.c_str(), peer, ratio, row.floor, row.goal, verdict(ratio, row));
  return ratio >= row.floor;
}

void print_summary(std::size_t held, std::size_t rows)
{
  std::printf("%zu of %zu floors held\n", held, rows);
}

// Both sides of a row are measured one right after the other, and the ratio of each such pair
// counts: other work on the machine then slows both.
void time_rows(const std::vector<Row> &rows)
{
  constexpr int rounds = 15;
  std::vector<std::vector<double>> ours(rows.size());
  std::vector<std::vector<double>> peer(rows.size());
  std::vector<std::vector<double>> ratios(rows.size());
  for (int round = 0; round < rounds; ++round) {
    std::fprintf(stderr, "round %d of %d\n", round + 1, rounds);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ours[i].push_back(1e9 * rows[i].measure_ours());
      peer[i].push_back(1e9 * rows[i].measure_peer());
      ratios[i].push_back(peer[i].back() / ours[i].back());
    }
  }
  print_header("ns");
  std::size_t held = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    held += print_row(rows[i], median(ours[i]), median(peer[i]), median(ratios[i])) ? 1 : 0;
  print_summary(held, rows.size());
}

// Instructions per buffer as valgrind counts them: the same in every run.
class InstructionCounter {
 public:
  explicit InstructionCounter(std::string program) : program_{std::move(program)} {}

  double operator()(const std::vector<std::string> &chains)
  {
    double total = per_buffer(chains.front());
    for (std::size_t i = 1; i < chains.size(); ++i)
      total -= per_buffer(chains[i]);
    return total;
  }

 private:
  double per_buffer(const std::string &chain)
  {
    constexpr guint64 few = 500;
    constexpr guint64 many = 1500;
    if (!known_.contains(chain))
      known_[chain] = static_cast<double>(run(chain, many) - run(chain, few)) / (many - few);
    return known_[chain];
  }

  gint64 run(const std::string &chain, guint64 count) const
  {
    const auto counted = std::to_string(count);
    const gchar *const argv[] = {"valgrind",
                                 "--tool=callgrind",
                                 "--callgrind-out-file=/dev/null",
                                 program_.c_str(),
                                 "--run",
                                 chain.c_str(),
                                 counted.c_str(),
                                 nullptr};
    gchar *output = nullptr;
    gint status = 0;
    if (!g_spawn_sync(nullptr, const_cast<gchar **>(argv), nullptr,
                      GSpawnFlags(G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL), nullptr,
                      nullptr, nullptr, &output, &status, nullptr) ||
        status != 0) {
      std::printf("valgrind cannot run %s\n", chain.c_str());
      std::exit(1);
    }
    const std::string text{output};
    g_free(output);
    const std::string label = "Collected : ";
    return std::stoll(text.substr(text.find(label) + label.size()));
  }

  std::string program_;
  std::map<std::string, double> known_;
};

void count_rows(const std::vector<Row> &rows, const char *program)
{
  InstructionCounter count{program};
  print_header("instr.");
  std::size_t held = 0;
  std::size_t counted = 0;
  for (const auto &row : rows) {
    if (row.chains_ours.empty())
      continue;
    const auto ours = count(row.chains_ours);
    const auto peer = count(row.chains_peer);
    held += print_row(row, ours, peer, peer / ours) ? 1 : 0;
    std::fflush(stdout);
    ++counted;
  }
  print_summary(held, counted);
}

// Seconds to escape one block, as a plain loop would.
double naive_escape(gsize size)
{
  std::mt19937 random{1};
  std::vector<guint8> data(size);
  std::generate(data.begin(), data.end(), [&] { return guint8(random()); });
  std::vector<guint8> out(3 * size);
  static constexpr char digits[] = "0123456789abcdef";
  return bench::seconds_per_call([&] {
    std::size_t to = 0;
    for (const auto byte : data) {
      if (byte == '%' || byte == 'X') {
        out[to++] = '%';
        out[to++] = guint8(digits[byte >> 4U]);
        out[to++] = guint8(digits[byte & 15U]);
      } else {
        out[to++] = byte;
      }
    }
    *const_cast<volatile guint8 *>(&out[to - 1]) = out[to - 1];
  });
}

// Seconds to count and escape one block with nothing around it.
double bare_escape(gsize size)
{
  std::mt19937 random{1};
  ByteVector data(size);
  std::generate(data.begin(), data.end(), [&] { return std::byte(random()); });
  ByteVector out(3 * size + framing::escape_slack);
  const auto sync = framing::Sync::standard();
  return bench::seconds_per_call([&] {
    (void)framing::count_special(sync, data);
    (void)framing::escape(sync, data, out);
  });
}

// A stream that `maker` made of blocks, in pieces of 100 bytes.
Chain pieces_of(const std::string &name, const std::string &maker, const std::string &reader,
                const Blocks &data, const std::string &stream_caps)
{
  static constexpr std::size_t piece = 100;
  constexpr guint64 frames = 20'000;
  const auto stream = std::make_shared<std::string>(
      bench::output_of({"", maker, "application/octet-stream", data}, frames));
  const auto input = [stream](guint64 i) {
    const auto at = static_cast<std::size_t>(i) * piece;
    return gst_buffer_new_memdup(stream->data() + at, std::min(piece, stream->size() - at));
  };
  return {name, reader, stream_caps, input, (stream->size() + piece - 1) / piece};
}

void add_chains(Chains &chains, const Blocks &small_blocks, const Blocks &large_blocks)
{
  const std::string bytes = "application/octet-stream";
  const std::string rtp =
      "application/x-rtp,media=application,clock-rate=90000,"
      "encoding-name=X-TEST,payload=96";
  for (const auto *const launch :
       {"identity silent=true", "framer", "gdppay", "framer ! deframer", "gdppay ! gdpdepay",
        "multipartmux", "multipartmux ! multipartdemux", "chunker", "chunker ! dechunker",
        "framer ! chunker ! dechunker ! deframer", "packetiser max-size=1400",
        "rndbuffersize min=1400 max=1400"})
    chains.add({std::string{launch} + ", 1400 B", launch, bytes, small_blocks});
  for (const auto *const launch : {"rtpstreampay", "rtpstreampay ! rtpstreamdepay"})
    chains.add({std::string{launch} + ", 1400 B", launch, rtp, small_blocks});
  for (const auto *const launch :
       {"framer", "chunker", "framer ! chunker ! dechunker ! deframer",
        "packetiser max-size=1400", "rndbuffersize min=1400 max=1400"})
    chains.add({std::string{launch} + ", 64 KiB", launch, bytes, large_blocks});
  for (const auto &[name, cutter] :
       {std::pair{"packetiser", "packetiser max-size=1400"},
        std::pair{"rndbuffersize", "rndbuffersize min=1400 max=1400"}}) {
    const std::string to_queue = std::string{cutter} + " ! queue ! fakesink sync=false";
    const std::string to_udp =
        std::string{cutter} + " ! udpsink host=127.0.0.1 port=9 sync=false";
    chains.add({std::string{name} + " into queue, 64 KiB", to_queue, bytes, large_blocks});
    chains.add({std::string{name} + " into udpsink, 64 KiB", to_udp, bytes, large_blocks});
  }
  for (const bool swapped : {false, true}) {
    const std::string how = swapped ? ", 1 in 10 swapped" : ", in order";
    chains.add({"recoverorder" + how, "recoverorder", bytes,
                [&, swapped](guint64 i) { return sequenced(small_blocks, i, swapped); }});
    chains.add({"rtpjitterbuffer latency=0" + how, "rtpjitterbuffer latency=0", rtp,
                [swapped](guint64 i) { return rtp_packet(i, swapped); }});
  }
  chains.add(pieces_of("dechunker, 100-byte pieces", "framer ! chunker", "dechunker",
                       small_blocks, bytes));
  chains.add(pieces_of("gdpdepay, 100-byte pieces", "gdppay", "gdpdepay", small_blocks,
                       "application/x-gdp"));
  chains.add({"rtpnullpay ! rtpnulldepay, 1400 B", "rtpnullpay mtu=1416 ! rtpnulldepay", bytes,
              small_blocks});
  chains.add({"rtpL8pay ! rtpL8depay, 1400 B", "rtpL8pay mtu=1412 min-ptime=1 ! rtpL8depay",
              "audio/x-raw,format=U8,channels=1,rate=8192,layout=interleaved", small_blocks});
  chains.add({"rtpgstpay ! rtpgstdepay, 1400 B", "rtpgstpay mtu=1500 ! rtpgstdepay", bytes,
              small_blocks});
}

// What the steps that Kamaelia takes cost in Python 3 (see the script), in seconds.
std::map<std::string, double> python_figures(const char *script)
{
  std::map<std::string, double> figures;
  gchar *output = nullptr;
  gint status = 0;
  const std::string command = std::string{"python3 "} + script;
  if (!g_spawn_command_line_sync(command.c_str(), &output, nullptr, &status, nullptr) ||
      status != 0) {
    std::printf("python3 cannot be run: the rows beside Kamaelia are left out\n");
    g_free(output);
    return figures;
  }
  std::istringstream lines{output};
  g_free(output);
  for (std::string line; std::getline(lines, line);) {
    const auto tab = line.find('\t');
    figures[line.substr(0, tab)] = std::stod(line.substr(tab + 1));
  }
  return figures;
}

std::vector<Row> rows_of(Chains &chains, const std::map<std::string, double> &python)
{
  std::vector<Row> rows;
  const auto add = [&](const std::string &ours, const std::string &peer, double floor,
                       double goal, bool threads = false) {
    Row row{ours, peer, floor, goal, chains.measure(ours), chains.measure(peer), {}, {}};
    if (!threads) {
      row.chains_ours = {ours};
      row.chains_peer = {peer};
    }
    rows.push_back(std::move(row));
  };
  const auto beside = [&](const std::string &ours, const std::string &peer, Measure measure,
                          double floor, double goal) {
    rows.push_back({ours, peer, floor, goal, chains.measure(ours), std::move(measure), {}, {}});
  };
  add("framer, 1400 B", "rtpstreampay, 1400 B", 1.2, 1.5);
  add("framer, 1400 B", "gdppay, 1400 B", 1.8, 2.2);
  add("framer ! deframer, 1400 B", "rtpstreampay ! rtpstreamdepay, 1400 B", 1.8, 2.4);
  add("framer ! deframer, 1400 B", "gdppay ! gdpdepay, 1400 B", 2.4, 3.3);
  add("framer ! deframer, 1400 B", "multipartmux ! multipartdemux, 1400 B", 2.9, 4);
  add("framer, 64 KiB", "framer, 1400 B", 0.95, 1);
  beside(
      "chunker, 1400 B", "byte-by-byte escape", [] { return naive_escape(small); }, 3, 4.3);
  beside(
      "chunker, 64 KiB", "byte-by-byte escape", [] { return naive_escape(large); }, 8, 13);
  beside(
      "chunker, 64 KiB", "our escape alone", [] { return bare_escape(large); }, 0.8, 1);
  rows.push_back(
      {"dechunker alone, 1400 B",
       "multipartdemux alone, 1400 B",
       1.1,
       1.4,
       chains.difference("chunker ! dechunker, 1400 B", "chunker, 1400 B"),
       chains.difference("multipartmux ! multipartdemux, 1400 B", "multipartmux, 1400 B"),
       {"chunker ! dechunker, 1400 B", "chunker, 1400 B"},
       {"multipartmux ! multipartdemux, 1400 B", "multipartmux, 1400 B"}});
  add("dechunker, 100-byte pieces", "gdpdepay, 100-byte pieces", 1.2, 2);
  const std::string four = "framer ! chunker ! dechunker ! deframer";
  add(four + ", 1400 B", "gdppay ! gdpdepay, 1400 B", 0.8, 1.1);
  add(four + ", 1400 B", "multipartmux ! multipartdemux, 1400 B", 1, 1.4);
  if (!python.empty()) {
    const auto steps = [&](const char *name) {
      return [seconds = python.at(name)] { return seconds; };
    };
    beside(four + ", 1400 B", "Kamaelia's steps", steps("four, 1400 B"), 40, 55);
    beside(four + ", 64 KiB", "Kamaelia's steps", steps("four, 64 KiB"), 60, 90);
    beside("recoverorder, in order", "Kamaelia's steps", steps("recoverorder"), 4, 8);
  }
  add("packetiser max-size=1400, 1400 B", "identity silent=true, 1400 B", 0.95, 1.1);
  add("packetiser max-size=1400, 1400 B", "rndbuffersize min=1400 max=1400, 1400 B", 0.8, 0.9);
  add("packetiser max-size=1400, 64 KiB", "rndbuffersize min=1400 max=1400, 64 KiB", 1.1, 1.3);
  add("packetiser into queue, 64 KiB", "rndbuffersize into queue, 64 KiB", 1.4, 1.65, true);
  add("packetiser into udpsink, 64 KiB", "rndbuffersize into udpsink, 64 KiB", 1.2, 1.35, true);
  add("recoverorder, in order", "rtpjitterbuffer latency=0, in order", 3, 6, true);
  add("recoverorder, 1 in 10 swapped", "rtpjitterbuffer latency=0, 1 in 10 swapped", 3, 6,
      true);
  add("rtpnullpay ! rtpnulldepay, 1400 B", "rtpL8pay ! rtpL8depay, 1400 B", 1 / 1.1, 1 / 0.95);
  add("rtpnullpay ! rtpnulldepay, 1400 B", "rtpgstpay ! rtpgstdepay, 1400 B", 1 / 0.75,
      1 / 0.65);
  return rows;
}

}  // namespace

int main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  const std::vector<std::string> args{argv + 1, argv + argc};
  const Blocks small_blocks{small};
  const Blocks large_blocks{large};
  Chains chains;
  add_chains(chains, small_blocks, large_blocks);
  if (args.size() == 3 && args[0] == "--run") {
    bench::seconds_per_buffer(chains[args[1]], std::stoull(args[2]));
  } else if (args.size() == 1 && args[0] == "--instructions") {
    count_rows(rows_of(chains, {}), argv[0]);
  } else if (args.size() == 1) {
    time_rows(rows_of(chains, python_figures(args[0].c_str())));
  } else {
    std::printf("usage: %s KAMAELIA-STEPS.PY | --instructions | --run CHAIN COUNT\n", argv[0]);
    return 2;
  }
}
