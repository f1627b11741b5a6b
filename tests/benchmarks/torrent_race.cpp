// SPDX-License-Identifier: LGPL-2.1-or-later
// One program of a swarm, for torrent.py: a seed, libtorrent alone in the ways that players use
// it, or torrentsrc. What it measures it prints as words and numbers.
//
//   torrent-race seed TORRENT FOLDER ADDRESS:PORT
//   torrent-race download raw|mmap|ours TORRENT FOLDER   mmap: libtorrent's own disk I/O
//   torrent-race play STYLE TORRENT FOLDER SECONDS   reads in order, for so long or to the end
//   torrent-race seek STYLE TORRENT FOLDER COUNT     reads, and seeks each second
//   torrent-race preroll pull|push URI FOLDER FILE   playbin3, until it has its first picture;
//                                                    FILE is played before, to load what plays
//   torrent-race session                             libtorrent, until a session answers
//
// STYLE is ours, or one of libtorrent's: deadlines, priorities, sequential, and untuned, which
// is sequential with libtorrent's defaults. For seeks it may be floor, too: how long it takes
// until the first 16 KiB come of what is sought, when all that was asked for before has been
// taken back. Before them comes what the seeds have in their buffers of what libtorrent asked
// for by itself, so that no choice of pieces can be quicker.
#include "support/random.hpp"

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/load_torrent.hpp>
#include <libtorrent/posix_disk_io.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <libtorrent/torrent_info.hpp>

#include <gst/gst.h>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Pack = lt::settings_pack;

constexpr auto ours_address = "10.78.0.2:0";

double seconds_since(Clock::time_point start)
{
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double processor_seconds()
{
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval &t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

long peak_mebibytes()
{
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// --- libtorrent alone ---------------------------------------------------------------------

Pack quiet_pack(const std::string &listen)
{
  Pack pack;
  for (const auto off :
       {Pack::enable_dht, Pack::enable_lsd, Pack::enable_upnp, Pack::enable_natpmp,
        Pack::enable_outgoing_utp, Pack::enable_incoming_utp})
    pack.set_bool(off, false);
  pack.set_bool(Pack::allow_multiple_connections_per_ip, true);
  pack.set_str(Pack::listen_interfaces, listen);
  pack.set_int(Pack::alert_queue_size, 20000);
  pack.set_int(
      Pack::alert_mask,
      int(static_cast<std::uint32_t>(lt::alert_category::error | lt::alert_category::status |
                                     lt::alert_category::piece_progress)));
  return pack;
}

// What measurements have shown to help.
void tune(Pack &pack)
{
  pack.set_int(Pack::tick_interval, 100);
  pack.set_int(Pack::initial_picker_threshold, 0);
  pack.set_int(Pack::request_queue_time, 1);
  pack.set_bool(Pack::close_redundant_connections, false);
}

// A session with one torrent, and which of its pieces have come.
class Download {
 public:
  Download(const std::string &torrent, const std::string &folder, bool is_tuned,
           bool is_sequential, bool sees_blocks = false, bool maps_files = false)
  {
    auto pack = quiet_pack(ours_address);
    if (is_tuned)
      tune(pack);
    if (sees_blocks)
      pack.set_int(Pack::alert_mask,
                   int(static_cast<std::uint32_t>(lt::alert_category::block_progress |
                                                  lt::alert_category::piece_progress)));
    lt::session_params params{pack};
    // As ours has it; with the other one it cannot be told when a piece can be read.
    if (!maps_files)
      params.disk_io_constructor = lt::posix_disk_io_constructor;
    session_ = std::make_unique<lt::session>(params);
    auto add = lt::load_torrent_file(torrent);
    info_ = add.ti;
    add.save_path = folder;
    add.flags = lt::torrent_flags::update_subscribe;
    if (is_sequential)
      add.flags |= lt::torrent_flags::sequential_download;
    have_.resize(static_cast<std::size_t>(info_->num_pieces()));
    begun_.resize(have_.size());
    handle_ = session_->add_torrent(add);
  }

  const lt::torrent_info &info() const { return *info_; }
  lt::torrent_handle &handle() { return handle_; }
  bool has(int piece) const { return have_[static_cast<std::size_t>(piece)]; }
  bool has_begun(int piece) const { return begun_[static_cast<std::size_t>(piece)]; }
  bool is_finished() const { return is_finished_; }

  // Until it is so, or the time is there.
  template <class Done>
  bool wait(Done done, Clock::time_point until = Clock::time_point::max())
  {
    while (!done()) {
      if (Clock::now() > until)
        return false;
      session_->wait_for_alert(lt::milliseconds{50});
      std::vector<lt::alert *> alerts;
      session_->pop_alerts(&alerts);
      for (const auto *alert : alerts) {
        if (const auto *piece = lt::alert_cast<lt::piece_finished_alert>(alert))
          have_[static_cast<std::size_t>(int(piece->piece_index))] = true;
        if (const auto *block = lt::alert_cast<lt::block_finished_alert>(alert))
          begun_[static_cast<std::size_t>(int(block->piece_index))] = true;
        is_finished_ |= lt::alert_cast<lt::torrent_finished_alert>(alert) != nullptr;
      }
    }
    return true;
  }

 private:
  std::shared_ptr<const lt::torrent_info> info_;
  std::unique_ptr<lt::session> session_;
  lt::torrent_handle handle_;
  std::vector<bool> have_;
  std::vector<bool> begun_;  // a block of it has come; only if they are seen
  bool is_finished_ = false;
};

// The ways to ask for what is read next.
enum class Style { deadlines, priorities, sequential, untuned, floor };
constexpr int window = 16;  // pieces

bool is_tuned(Style style)
{
  return style == Style::sequential || style == Style::floor;
}

bool is_sequential(Style style)
{
  return style == Style::untuned || is_tuned(style);
}

class RawReader {
 public:
  RawReader(Style style, const std::string &torrent, const std::string &folder)
      : style_{style},
        download_{torrent, folder, is_tuned(style), is_sequential(style), style == Style::floor}
  {
  }

  int pieces() const { return download_.info().num_pieces(); }
  bool has(int piece) const
  {
    return style_ == Style::floor ? download_.has_begun(piece) : download_.has(piece);
  }
  void go_to(int piece)
  {
    at_ = piece;
    if (style_ == Style::floor)
      want_only(piece);
    if (style_ == Style::deadlines)
      download_.handle().clear_piece_deadlines();
    ask();
  }
  // Waits for the next piece; how long, or nothing if it took too long.
  double next(Clock::time_point until)
  {
    const auto start = Clock::now();
    const auto piece = at_++;
    download_.wait([&] { return has(piece); }, until);
    ask();
    return seconds_since(start);
  }
  bool is_at_end() const { return at_ >= pieces(); }

 private:
  // Takes back what was asked for, and has nothing in the way of the piece.
  void want_only(int piece)
  {
    download_.handle().set_piece_deadline(lt::piece_index_t{piece}, 0);
    download_.handle().clear_piece_deadlines();
    std::vector<lt::download_priority_t> wanted(std::size_t(pieces()), lt::dont_download);
    constexpr int enough = 384;  // to be busy with until the next seek, and behind that
    std::fill(wanted.begin() + piece, wanted.begin() + std::min(pieces(), piece + enough),
              lt::default_priority);
    wanted[std::size_t(piece)] = lt::top_priority;
    download_.handle().prioritize_pieces(wanted);
  }
  void ask()
  {
    const auto end = std::min(pieces(), at_ + window);
    std::vector<std::pair<lt::piece_index_t, lt::download_priority_t>> wanted;
    for (int piece = 0; piece < pieces() && style_ == Style::priorities; ++piece)
      wanted.emplace_back(piece,
                          piece >= at_ && piece < end ? lt::top_priority : lt::low_priority);
    if (!wanted.empty())
      download_.handle().prioritize_pieces(wanted);
    for (auto piece = at_; piece < end && style_ == Style::deadlines; ++piece)
      if (!download_.has(piece))
        download_.handle().set_piece_deadline(lt::piece_index_t{piece}, (piece - at_) * 100);
  }

  Style style_;
  Download download_;
  int at_ = 0;
};

// --- torrentsrc ---------------------------------------------------------------------------

// A pipeline that reads, and when the last bytes came.
class OurReader {
 public:
  OurReader(const std::string &torrent, const std::string &folder)
      : piece_size_{lt::load_torrent_file(torrent).ti->piece_length()},
        pieces_{lt::load_torrent_file(torrent).ti->num_pieces()}
  {
    pipeline_ = gst_parse_launch(
        ("torrentsrc name=source location=" + torrent + " save-path=" + folder +
         " keep-files=true dht=false lsd=false upnp=false natpmp=false listen-interfaces=" +
         ours_address + " ! fakesink name=sink sync=false async=false")
            .c_str(),
        nullptr);
    auto *sink = gst_bin_get_by_name(GST_BIN(pipeline_), "sink");
    auto *pad = gst_element_get_static_pad(sink, "sink");
    gst_pad_add_probe(
        pad, GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad *, GstPadProbeInfo *info, gpointer self) {
          static_cast<OurReader *>(self)->note(GST_PAD_PROBE_INFO_BUFFER(info));
          return GST_PAD_PROBE_OK;
        },
        this, nullptr);
    gst_object_unref(pad);
    gst_object_unref(sink);
  }
  ~OurReader()
  {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
  }
  OurReader(const OurReader &) = delete;
  OurReader &operator=(const OurReader &) = delete;

  void start() { gst_element_set_state(pipeline_, GST_STATE_PLAYING); }
  int pieces() const { return pieces_; }
  // From when it is called to the first byte there.
  double seek(int piece)
  {
    const auto offset = static_cast<guint64>(piece) * static_cast<guint64>(piece_size_);
    const auto start = Clock::now();
    {
      const std::lock_guard lock{mutex_};
      has_any_ = false;
    }
    gst_element_seek(pipeline_, 1, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
                     gint64(offset), GST_SEEK_TYPE_NONE, -1);
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return has_any_ && first_ == offset; });
    return std::chrono::duration<double>(first_at_ - start).count();
  }
  // To the first byte, the bytes until then, the longest wait between two buffers.
  struct Course {
    double first = 0;
    double bytes = 0;
    double longest = 0;
  };
  Course read(double seconds)
  {
    const auto begin = Clock::now();
    start();
    auto *bus = gst_element_get_bus(pipeline_);
    const auto limit = GstClockTime(seconds * GST_SECOND);
    auto *message = gst_bus_timed_pop_filtered(
        bus, limit, GstMessageType(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
    if (message)
      gst_message_unref(message);
    gst_object_unref(bus);
    const std::lock_guard lock{mutex_};
    return {std::chrono::duration<double>(first_at_ - begin).count(), bytes_, longest_};
  }
  // Whether what is there is the piece, so that a seek to it would be no measurement.
  bool has(int piece) const
  {
    auto *query = gst_query_new_buffering(GST_FORMAT_BYTES);
    auto *source = gst_bin_get_by_name(GST_BIN(pipeline_), "source");
    bool is_there = false;
    const auto at = gint64(piece) * piece_size_;
    if (gst_element_query(source, query))
      for (guint i = 0; i < gst_query_get_n_buffering_ranges(query); ++i) {
        gint64 start = 0;
        gint64 stop = 0;
        gst_query_parse_nth_buffering_range(query, i, &start, &stop);
        is_there |= start <= at && at < stop;
      }
    gst_object_unref(source);
    gst_query_unref(query);
    return is_there;
  }

 private:
  void note(GstBuffer *buffer)
  {
    const std::lock_guard lock{mutex_};
    const auto now = Clock::now();
    if (bytes_ > 0)
      longest_ = std::max(longest_, std::chrono::duration<double>(now - last_at_).count());
    last_at_ = now;
    bytes_ += double(gst_buffer_get_size(buffer));
    if (!std::exchange(has_any_, true)) {
      first_ = GST_BUFFER_OFFSET(buffer);
      first_at_ = now;
      changed_.notify_all();
    }
  }

  const int piece_size_;
  const int pieces_;
  GstElement *pipeline_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_any_ = false;
  guint64 first_ = 0;
  Clock::time_point first_at_;
  Clock::time_point last_at_;
  double bytes_ = 0;
  double longest_ = 0;
};

// --- what is measured ---------------------------------------------------------------------

int seed(const std::string &torrent, const std::string &folder, const std::string &address)
{
  lt::session_params params{quiet_pack(address)};
  lt::session session{params};
  auto add = lt::load_torrent_file(torrent);
  add.save_path = folder;
  add.flags = lt::torrent_flags::seed_mode | lt::torrent_flags::update_subscribe;
  const auto handle = session.add_torrent(add);
  std::printf("ready\n");
  std::fflush(stdout);
  for (;;)
    pause();
}

int download(const std::string &who, const std::string &torrent, const std::string &folder)
{
  const auto processor = processor_seconds();
  const auto start = Clock::now();
  if (who != "ours") {
    Download raw{torrent, folder, true, false, false, who == "mmap"};
    raw.wait([&] { return raw.is_finished(); });
    std::printf("seconds %.4f processor %.4f", seconds_since(start),
                processor_seconds() - processor);
  } else {
    OurReader ours{torrent, folder};
    ours.read(600);
    std::printf("seconds %.4f processor %.4f", seconds_since(start),
                processor_seconds() - processor);
  }
  std::printf(" peak %ld\n", peak_mebibytes());
  std::fflush(stdout);
  // How long it takes to go is another matter.
  _exit(0);
}

Style style_of(const std::string &word)
{
  if (word == "deadlines")
    return Style::deadlines;
  if (word == "floor")
    return Style::floor;
  if (word == "untuned")
    return Style::untuned;
  return word == "priorities" ? Style::priorities : Style::sequential;
}

int play(const std::string &style, const std::string &torrent, const std::string &folder,
         double seconds)
{
  if (style == "ours") {
    OurReader ours{torrent, folder};
    const auto course = ours.read(seconds);
    std::printf("first %.3f bytes %.0f longest %.3f\n", course.first, course.bytes,
                course.longest);
  } else {
    const auto start = Clock::now();
    const auto until = start + std::chrono::milliseconds{int(seconds * 1000)};
    RawReader raw{style_of(style), torrent, folder};
    raw.go_to(0);
    raw.next(until);
    const auto first = seconds_since(start);
    double longest = 0;
    int pieces = 1;
    for (; !raw.is_at_end() && Clock::now() < until; ++pieces)
      longest = std::max(longest, raw.next(until));
    std::printf("first %.3f bytes %.0f longest %.3f\n", first,
                double(pieces) * lt::load_torrent_file(torrent).ti->piece_length(), longest);
  }
  std::fflush(stdout);
  _exit(0);
}

int seek(const std::string &style, const std::string &torrent, const std::string &folder,
         int count)
{
  kam::test::Random random{2711};
  const auto missing = [&](const auto &reader) {
    auto piece = int(random.below(std::size_t(reader.pieces())));
    while (reader.has(piece))
      piece = int(random.below(std::size_t(reader.pieces())));
    return piece;
  };
  constexpr std::chrono::seconds between{1};
  std::printf("seeks");
  if (style == "ours") {
    OurReader ours{torrent, folder};
    ours.start();
    std::this_thread::sleep_for(2 * between);
    for (int i = 0; i < count; ++i) {
      std::printf(" %.3f", ours.seek(missing(ours)));
      std::this_thread::sleep_for(between);
    }
  } else {
    RawReader raw{style_of(style), torrent, folder};
    const auto read = [&](Clock::duration duration) {
      const auto until = Clock::now() + duration;
      while (!raw.is_at_end() && Clock::now() < until)
        raw.next(until);
    };
    raw.go_to(0);
    read(2 * between);
    for (int i = 0; i < count; ++i) {
      raw.go_to(missing(raw));
      std::printf(" %.3f", raw.next(Clock::now() + std::chrono::seconds{30}));
      read(between);
    }
  }
  std::printf("\n");
  std::fflush(stdout);
  _exit(0);
}

// --- playbin3 -----------------------------------------------------------------------------

// Says that nobody can pull, so that it is pushed.
GstPadProbeReturn deny_pulling(GstPad *, GstPadProbeInfo *info, gpointer)
{
  auto *query = GST_PAD_PROBE_INFO_QUERY(info);
  if (GST_QUERY_TYPE(query) != GST_QUERY_SCHEDULING)
    return GST_PAD_PROBE_OK;
  gst_query_set_scheduling(
      query,
      GstSchedulingFlags(GST_SCHEDULING_FLAG_SEEKABLE | GST_SCHEDULING_FLAG_BANDWIDTH_LIMITED),
      1, -1, 0);
  gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
  return GST_PAD_PROBE_HANDLED;
}

struct Wishes {
  std::string folder;
  bool is_pushed;
};

void set_up_source(GstElement *, GstElement *source, gpointer data)
{
  const auto &wishes = *static_cast<const Wishes *>(data);
  if (wishes.is_pushed) {
    auto *pad = gst_element_get_static_pad(source, "src");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_QUERY_UPSTREAM, deny_pulling, nullptr, nullptr);
    gst_object_unref(pad);
  }
  if (g_object_class_find_property(G_OBJECT_GET_CLASS(source), "save-path"))
    g_object_set(source, "save-path", wishes.folder.c_str(), "dht", FALSE, "lsd", FALSE, "upnp",
                 FALSE, "natpmp", FALSE, "listen-interfaces", ours_address, nullptr);
}

// How long it takes until there is a picture; less than nothing if there is none.
double preroll(const std::string &uri, Wishes wishes)
{
  auto *playbin = gst_element_factory_make("playbin3", nullptr);
  g_object_set(playbin, "uri", uri.c_str(), "video-sink",
               gst_element_factory_make("fakesink", nullptr), nullptr);
  g_signal_connect(playbin, "source-setup", G_CALLBACK(set_up_source), &wishes);
  const auto start = Clock::now();
  gst_element_set_state(playbin, GST_STATE_PAUSED);
  auto *bus = gst_element_get_bus(playbin);
  auto *message = gst_bus_timed_pop_filtered(
      bus, 60 * GST_SECOND, GstMessageType(GST_MESSAGE_ASYNC_DONE | GST_MESSAGE_ERROR));
  const bool is_there = message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ASYNC_DONE;
  const auto took = seconds_since(start);
  if (message)
    gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(playbin, GST_STATE_NULL);
  gst_object_unref(playbin);
  return is_there ? took : -1;
}

int preroll(const std::string &mode, const std::string &uri, const std::string &folder,
            const std::string &file)
{
  const Wishes wishes{folder, mode == "push"};
  if (preroll("file://" + file, {}) < 0)
    return 1;
  const auto took = preroll(uri, wishes);
  std::printf("seconds %.4f\n", took);
  std::fflush(stdout);
  _exit(took < 0 ? 1 : 0);
}

int session()
{
  const auto start = Clock::now();
  lt::session session{lt::session_params{quiet_pack("127.0.0.1:0")}};
  session.get_torrents();
  std::printf("seconds %.4f\n", seconds_since(start));
  return 0;
}

}  // namespace

int main(int argc, char **argv)
{
  const std::vector<std::string> words{argv, argv + argc};
  gst_init(nullptr, nullptr);
  if (words.size() == 5 && words[1] == "seed")
    return seed(words[2], words[3], words[4]);
  if (words.size() == 5 && words[1] == "download")
    return download(words[2], words[3], words[4]);
  if (words.size() == 6 && words[1] == "play")
    return play(words[2], words[3], words[4], std::atof(words[5].c_str()));
  if (words.size() == 6 && words[1] == "seek")
    return seek(words[2], words[3], words[4], std::atoi(words[5].c_str()));
  if (words.size() == 6 && words[1] == "preroll")
    return preroll(words[2], words[3], words[4], words[5]);
  if (words.size() == 2 && words[1] == "session")
    return session();
  std::fprintf(stderr, "usage: see the beginning of torrent_race.cpp\n");
  return 2;
}
