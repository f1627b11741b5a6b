// SPDX-License-Identifier: LGPL-2.1-or-later
// The framing family beside its peers, in one run. What counts is the ratio in each row:
// "floor" is what has to be held, "goal" what the prototypes promised.
#include "benchmarks/bare_pads.hpp"
#include "core/framing/escape.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <sstream>
#include <vector>

namespace {

using namespace kam;
using bench::Chain;

constexpr int rounds = 5;
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

// What each chain took in each round, in seconds per buffer.
class Figures {
 public:
  void add(const Chain &chain) { chains_.push_back(chain); }

  void measure()
  {
    for (int round = 0; round < rounds; ++round) {
      std::fprintf(stderr, "round %d of %d\n", round + 1, rounds);
      for (const auto &chain : chains_)
        seconds_[chain.name].push_back(bench::timed(chain));
    }
  }

  void set(const std::string &name, std::vector<double> seconds)
  {
    seconds_[name] = std::move(seconds);
  }

  bool has(const std::string &name) const { return seconds_.contains(name); }
  double operator[](const std::string &name) const
  {
    auto all = seconds_.at(name);
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
  }

 private:
  std::vector<Chain> chains_;
  std::map<std::string, std::vector<double>> seconds_;
};

int floors_held = 0;
int floors_missed = 0;

// One line: how many times faster ours is than theirs.
void row(const char *ours, const char *theirs, double ratio, double floor, double goal)
{
  const bool held = ratio >= floor;
  ++(held ? floors_held : floors_missed);
  std::printf("%-44s %-36s %7.2f x  %6.2f %6.2f  %s\n", ours, theirs, ratio, floor, goal,
              ratio >= goal ? "goal"
              : held        ? "floor"
                            : "BELOW");
}

void chain_row(const Figures &f, const char *ours, const char *theirs, double floor,
               double goal)
{
  row(ours, theirs, f[theirs] / f[ours], floor, goal);
}

// Seconds to escape one block, the sync's escape included, as a plain loop would.
double naive_escape(gsize size)
{
  std::mt19937 random{1};
  std::vector<guint8> data(size);
  std::generate(data.begin(), data.end(), [&] { return guint8(random()); });
  std::vector<guint8> out(3 * size);
  static constexpr char digits[] = "0123456789abcdef";
  const auto start = std::chrono::steady_clock::now();
  guint64 runs = 0;
  std::chrono::duration<double> spent{};
  do {
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
    ++runs;
    spent = std::chrono::steady_clock::now() - start;
  } while (spent.count() < 0.1);
  return spent.count() / static_cast<double>(runs);
}

// Seconds to count and escape one block with nothing around it.
double bare_escape(gsize size)
{
  std::mt19937 random{1};
  ByteVector data(size);
  std::generate(data.begin(), data.end(), [&] { return std::byte(random()); });
  ByteVector out(3 * size + framing::escape_slack);
  const auto sync = framing::Sync::standard();
  const auto start = std::chrono::steady_clock::now();
  guint64 runs = 0;
  std::chrono::duration<double> spent{};
  do {
    (void)framing::count_special(sync, data);
    (void)framing::escape(sync, data, out);
    ++runs;
    spent = std::chrono::steady_clock::now() - start;
  } while (spent.count() < 0.1);
  return spent.count() / static_cast<double>(runs);
}

std::vector<double> repeated(double (*measure)(gsize), gsize size)
{
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i)
    all.push_back(measure(size));
  return all;
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

void add_chains(Figures &f, const Blocks &small_blocks, const Blocks &large_blocks)
{
  const std::string bytes = "application/octet-stream";
  const std::string four = "framer ! chunker ! dechunker ! deframer";
  const std::string gdp = "gdppay ! gdpdepay";
  const std::string multipart = "multipartmux ! multipartdemux";
  const std::string rtpstream = "rtpstreampay ! rtpstreamdepay";
  const std::string rtp =
      "application/x-rtp,media=application,clock-rate=90000,"
      "encoding-name=X-TEST,payload=96";
  for (const auto *const launch :
       {"identity silent=true", "framer", "gdppay", "framer ! deframer", "gdppay ! gdpdepay",
        "multipartmux", "multipartmux ! multipartdemux", "chunker", "chunker ! dechunker",
        "framer ! chunker ! dechunker ! deframer", "packetiser max-size=1400",
        "rndbuffersize min=1400 max=1400"})
    f.add({std::string{launch} + ", 1400 B", launch, bytes, small_blocks});
  f.add({"rtpstreampay, 1400 B", "rtpstreampay", rtp, small_blocks});
  f.add({rtpstream + ", 1400 B", rtpstream, rtp, small_blocks});
  for (const auto *const launch :
       {"framer", "chunker", "framer ! chunker ! dechunker ! deframer",
        "packetiser max-size=1400", "rndbuffersize min=1400 max=1400",
        "packetiser max-size=1400 ! queue ! fakesink sync=false",
        "rndbuffersize min=1400 max=1400 ! queue ! fakesink sync=false",
        "packetiser max-size=1400 ! udpsink host=127.0.0.1 port=9 sync=false",
        "rndbuffersize min=1400 max=1400 ! udpsink host=127.0.0.1 port=9 sync=false"})
    f.add({std::string{launch} + ", 64 KiB", launch, bytes, large_blocks});
  for (const bool swapped : {false, true}) {
    const std::string how = swapped ? ", 1 in 10 swapped" : ", in order";
    f.add({"recoverorder" + how, "recoverorder", bytes,
           [&, swapped](guint64 i) { return sequenced(small_blocks, i, swapped); }});
    f.add({"rtpjitterbuffer latency=0" + how, "rtpjitterbuffer latency=0", rtp,
           [swapped](guint64 i) { return rtp_packet(i, swapped); }});
  }
  f.add(pieces_of("dechunker, 100-byte pieces", "framer ! chunker", "dechunker", small_blocks,
                  bytes));
  f.add(pieces_of("gdpdepay, 100-byte pieces", "gdppay", "gdpdepay", small_blocks,
                  "application/x-gdp"));
  f.add({"rtpnullpay ! rtpnulldepay, 1400 B", "rtpnullpay mtu=1416 ! rtpnulldepay", bytes,
         small_blocks});
  f.add({"rtpL8pay ! rtpL8depay, 1400 B", "rtpL8pay mtu=1412 min-ptime=1 ! rtpL8depay",
         "audio/x-raw,format=U8,channels=1,rate=8192,layout=interleaved", small_blocks});
  f.add({"rtpgstpay ! rtpgstdepay, 1400 B", "rtpgstpay mtu=1500 ! rtpgstdepay", bytes,
         small_blocks});
}

// Seconds per message of the steps that Kamaelia takes, in Python 3 (see the script).
void add_python(Figures &f, const char *script)
{
  gchar *output = nullptr;
  gint status = 0;
  const std::string command = std::string{"python3 "} + script;
  if (!g_spawn_command_line_sync(command.c_str(), &output, nullptr, &status, nullptr) ||
      status != 0) {
    std::printf("python3 cannot be run: the rows beside Kamaelia are left out\n");
    g_free(output);
    return;
  }
  std::istringstream lines{output};
  g_free(output);
  for (std::string line; std::getline(lines, line);) {
    const auto tab = line.find('\t');
    f.set(line.substr(0, tab), {std::stod(line.substr(tab + 1))});
  }
}

void print_rows(const Figures &f)
{
  std::printf("%-44s %-36s %9s  %6s %6s\n", "ours", "beside", "faster", "floor", "goal");
  chain_row(f, "framer, 1400 B", "rtpstreampay, 1400 B", 1.2, 1.5);
  chain_row(f, "framer, 1400 B", "gdppay, 1400 B", 1.8, 2.2);
  chain_row(f, "framer ! deframer, 1400 B", "rtpstreampay ! rtpstreamdepay, 1400 B", 1.8, 2.4);
  chain_row(f, "framer ! deframer, 1400 B", "gdppay ! gdpdepay, 1400 B", 2.4, 3.3);
  chain_row(f, "framer ! deframer, 1400 B", "multipartmux ! multipartdemux, 1400 B", 2.9, 4);
  chain_row(f, "framer, 64 KiB", "framer, 1400 B", 0.95, 1);
  chain_row(f, "chunker, 1400 B", "naive escape, 1400 B", 3, 4.3);
  chain_row(f, "chunker, 64 KiB", "naive escape, 64 KiB", 8, 13);
  chain_row(f, "chunker, 64 KiB", "bare escape, 64 KiB", 0.8, 1);
  row("dechunker alone, 1400 B", "multipartdemux alone, 1400 B",
      (f["multipartmux ! multipartdemux, 1400 B"] - f["multipartmux, 1400 B"]) /
          (f["chunker ! dechunker, 1400 B"] - f["chunker, 1400 B"]),
      1.1, 1.4);
  chain_row(f, "dechunker, 100-byte pieces", "gdpdepay, 100-byte pieces", 1.2, 2);
  const char *four_small = "framer ! chunker ! dechunker ! deframer, 1400 B";
  const char *four_large = "framer ! chunker ! dechunker ! deframer, 64 KiB";
  chain_row(f, four_small, "gdppay ! gdpdepay, 1400 B", 0.8, 1.1);
  chain_row(f, four_small, "multipartmux ! multipartdemux, 1400 B", 1, 1.4);
  if (f.has("python four, 1400 B")) {
    chain_row(f, four_small, "python four, 1400 B", 40, 55);
    chain_row(f, four_large, "python four, 64 KiB", 60, 90);
    chain_row(f, "recoverorder, in order", "python recoverorder", 4, 8);
  }
  chain_row(f, "packetiser max-size=1400, 1400 B", "identity silent=true, 1400 B", 0.95, 1.1);
  chain_row(f, "packetiser max-size=1400, 1400 B", "rndbuffersize min=1400 max=1400, 1400 B",
            0.8, 0.9);
  chain_row(f, "packetiser max-size=1400, 64 KiB", "rndbuffersize min=1400 max=1400, 64 KiB",
            1.1, 1.3);
  chain_row(f, "packetiser max-size=1400 ! queue ! fakesink sync=false, 64 KiB",
            "rndbuffersize min=1400 max=1400 ! queue ! fakesink sync=false, 64 KiB", 1.4, 1.65);
  chain_row(
      f, "packetiser max-size=1400 ! udpsink host=127.0.0.1 port=9 sync=false, 64 KiB",
      "rndbuffersize min=1400 max=1400 ! udpsink host=127.0.0.1 port=9 sync=false, 64 KiB", 1.2,
      1.35);
  chain_row(f, "recoverorder, in order", "rtpjitterbuffer latency=0, in order", 3, 6);
  chain_row(f, "recoverorder, 1 in 10 swapped", "rtpjitterbuffer latency=0, 1 in 10 swapped", 3,
            6);
  chain_row(f, "rtpnullpay ! rtpnulldepay, 1400 B", "rtpL8pay ! rtpL8depay, 1400 B", 1 / 1.1,
            1 / 0.95);
  chain_row(f, "rtpnullpay ! rtpnulldepay, 1400 B", "rtpgstpay ! rtpgstdepay, 1400 B", 1 / 0.75,
            1 / 0.65);
}

}  // namespace

int main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  const Blocks small_blocks{small};
  const Blocks large_blocks{large};
  Figures figures;
  add_chains(figures, small_blocks, large_blocks);
  figures.measure();
  for (const auto &[size, name] : {std::pair{small, "1400 B"}, std::pair{large, "64 KiB"}}) {
    figures.set(std::string{"naive escape, "} + name, repeated(naive_escape, size));
    figures.set(std::string{"bare escape, "} + name, repeated(bare_escape, size));
  }
  if (argc > 1)
    add_python(figures, argv[1]);
  print_rows(figures);
  std::printf("%d floors held, %d missed\n", floors_held, floors_missed);
}
