// SPDX-License-Identifier: LGPL-2.1-or-later
// Sends with libnorm, Debian's implementation of RFC 5740:
//
//   norm-send [OPTION VALUE...] FILE...
//
// --kind stream: what is in the files (- is the standard input), one after the other, as one
// stream with a message of --message bytes at a time; data: each file as an object in memory,
// or, if --message is given, each so many bytes of it; file: each file as a file object.
// With --acking 2,3 these nodes have to acknowledge all of it, and a stream never runs ahead
// of them by more than its buffer. Ends when they have, or else when it has told often enough
// that it is at the end.
#include "peer.hpp"

#include <unistd.h>

#include <fcntl.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <list>
#include <system_error>

namespace {

using namespace kam::norm;

Options::Table defaults()
{
  auto table = common_defaults();
  table.insert({
      {"kind", "stream"},
      {"message", ""},   // bytes
      {"rate", "40e6"},  // bit/s
      {"segment", "1400"},
      {"block", "64"},
      {"parity", "16"},
      {"auto-parity", "0"},  // of these, how many are sent unasked
      {"buffer", "4194304"},
      {"grtt", "0.01"},  // s, its first guess
      {"backoff", "4"},
      {"group-size", "10"},
      {"robust", "20"},  // how often it tells that it is at the end
      {"congestion-control", "0"},
      {"acking", ""},  // nodes
      {"push", "0"},   // 1: each message of a stream is sent at once
      {"instance", "1"},
      {"name", ""},   // the info of each object; of a file object, else its name
      {"wait", "0"},  // ms from the start to the first data
  });
  return table;
}

// One file descriptor, read in pieces.
class Input {
 public:
  explicit Input(const std::string &path)
      : file_{path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC)}
  {
    if (file_ < 0)
      throw std::system_error{errno, std::generic_category(), path};
  }
  ~Input()
  {
    if (file_ != STDIN_FILENO)
      close(file_);
  }
  Input(const Input &) = delete;
  Input &operator=(const Input &) = delete;

  // Fills the piece, or less of it at the end.
  std::size_t read(std::vector<char> &piece) const
  {
    std::size_t have = 0;
    while (have < piece.size()) {
      const auto got = ::read(file_, piece.data() + have, piece.size() - have);
      if (got < 0 && errno != EINTR)
        throw std::system_error{errno, std::generic_category()};
      if (got == 0)
        break;
      have += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    return have;
  }

 private:
  int file_;
};

// The sending side of a session: what is on its way, and what has been acknowledged.
class Sender {
 public:
  explicit Sender(const Options &options)
      : options_{options}, session_{options}, acking_{options.counts("acking")}
  {
    const auto *const session = session_.get();
    NormSetTxRate(session, options.number("rate"));
    NormSetGrttEstimate(session, options.number("grtt"));
    NormSetBackoffFactor(session, options.number("backoff"));
    NormSetGroupSize(session, options.count("group-size"));
    NormSetTxRobustFactor(session, static_cast<int>(options.count("robust")));
    NormSetCongestionControl(session, options.count("congestion-control") != 0);
    for (const auto node : acking_)
      NormAddAckingNode(session, node);
    // Objects stay as long as somebody may ask for them, however many there are.
    NormSetTxCacheBounds(session, std::int64_t{1} << 40, 1, 32767);
    if (!NormStartSender(session, static_cast<NormSessionId>(options.count("instance")),
                         options.count("buffer"), UINT16(options.count("segment")),
                         UINT16(options.count("block")), UINT16(options.count("parity"))))
      throw Failure{"libnorm does not start to send"};
    NormSetAutoParity(session, static_cast<unsigned char>(options.count("auto-parity")));
    NormSetTxSocketBuffer(session, options.count("socket-buffer"));
    usleep(options.count("wait") * 1000);
  }

  void send_stream()
  {
    const auto &name = options_.text("name");
    const auto segment = options_.count("segment");
    const bool push = options_.count("push") != 0;
    stream_ = NormStreamOpen(session_.get(), options_.count("buffer"), name.data(),
                             static_cast<unsigned>(name.size()));
    room_ = NormGetStreamBufferSegmentCount(options_.count("buffer"), UINT16(segment),
                                            UINT16(options_.count("block"))) -
            options_.count("block");
    std::vector<char> message(message_size(1316));
    for (const auto &path : options_.rest()) {
      const Input input{path};
      for (std::size_t size = 0; (size = input.read(message)) > 0 && !session_.stopped();) {
        write({message.data(), size}, segment);
        NormStreamMarkEom(stream_);
        if (push)
          NormStreamFlush(stream_, true, NORM_FLUSH_ACTIVE);
      }
    }
    NormStreamFlush(stream_, true, acking_.empty() ? NORM_FLUSH_ACTIVE : NORM_FLUSH_PASSIVE);
    finish(stream_);
    flushed_ = false;
    NormStreamClose(stream_, true);
    await(flushed_);
  }

  void send_objects()
  {
    const bool files = options_.text("kind") == "file";
    NormObjectHandle last = NORM_OBJECT_INVALID;
    for (const auto &path : options_.rest()) {
      if (files) {
        last = enqueue([&] {
          const auto name = options_.text("name").empty()
                                ? std::filesystem::path{path}.filename().string()
                                : options_.text("name");
          return NormFileEnqueue(session_.get(), path.c_str(), name.data(),
                                 static_cast<unsigned>(name.size()));
        });
        continue;
      }
      // libnorm reads from our memory until the session is destroyed.
      std::ifstream file{path, std::ios::binary};
      if (!file)
        throw Failure{path + " cannot be read"};
      const auto &data = data_.emplace_back(std::istreambuf_iterator<char>{file},
                                            std::istreambuf_iterator<char>{});
      const auto size = message_size(data.size());
      std::size_t at = 0;
      do {
        const std::string_view piece = std::string_view{data}.substr(at, size);
        last = enqueue([&] {
          const auto &name = options_.text("name");
          return NormDataEnqueue(session_.get(), piece.data(), UINT32(piece.size()),
                                 name.data(), static_cast<unsigned>(name.size()));
        });
        at += size;
      } while (at < data.size());
    }
    finish(last);
  }

 private:
  std::size_t message_size(std::size_t standard) const
  {
    return options_.text("message").empty()
               ? standard
               : std::max<std::size_t>(1, options_.count("message"));
  }

  // Writes into the stream's buffer, when there is room and, with acknowledgements, when what
  // would be overwritten has been acknowledged.
  void write(std::string_view data, unsigned segment)
  {
    while (!data.empty() && !session_.stopped()) {
      const auto unacknowledged = static_cast<unsigned>(since_watermark_ / segment) + ahead_;
      unsigned written = 0;
      if (acking_.empty() || unacknowledged < room_)
        written = NormStreamWrite(stream_, data.data(), static_cast<unsigned>(data.size()));
      data.remove_prefix(written);
      since_watermark_ += written;
      if (!acking_.empty() && !awaits_watermark_ && since_watermark_ / segment >= room_ / 2) {
        NormSetWatermark(session_.get(), stream_, true);
        awaits_watermark_ = true;
        ahead_ = static_cast<unsigned>(since_watermark_ / segment);
        since_watermark_ = 0;
      }
      if (!data.empty())
        session_.handle_event(100, [this](const NormEvent &event) { handle(event); });
      else
        while (session_.handle_event(0, [this](const NormEvent &event) { handle(event); })) {
        }
    }
  }

  template <class Enqueue>
  NormObjectHandle enqueue(const Enqueue &try_it)
  {
    while (!session_.stopped()) {
      const auto object = try_it();
      if (object != NORM_OBJECT_INVALID)
        return object;
      session_.handle_event(100, [this](const NormEvent &event) { handle(event); });
    }
    return NORM_OBJECT_INVALID;
  }

  // Everything that was sent is where it was to go, as far as libnorm can tell.
  void finish(NormObjectHandle last)
  {
    if (last == NORM_OBJECT_INVALID)
      return;
    if (acking_.empty()) {
      await(flushed_);
      return;
    }
    while (awaits_watermark_ && !session_.stopped())
      session_.handle_event(-1, [this](const NormEvent &event) { handle(event); });
    NormSetWatermark(session_.get(), last, true);
    awaits_watermark_ = true;
    while (awaits_watermark_ && !session_.stopped())
      session_.handle_event(-1, [this](const NormEvent &event) { handle(event); });
    if (!session_.stopped())
      std::printf("acknowledged by %zu\n", acking_.size());
  }

  void await(const bool &condition)
  {
    while (!condition && !session_.stopped())
      session_.handle_event(-1, [this](const NormEvent &event) { handle(event); });
  }

  void handle(const NormEvent &event)
  {
    switch (event.type) {
    case NORM_TX_FLUSH_COMPLETED: flushed_ = true; break;
    case NORM_SEND_ERROR: std::fprintf(stderr, "norm-send: a packet was refused\n"); break;
    case NORM_TX_WATERMARK_COMPLETED:
      if (NormGetAckingStatus(session_.get()) == NORM_ACK_SUCCESS) {
        awaits_watermark_ = false;
        ahead_ = 0;
      } else {
        // Asked often enough for libnorm, not for us.
        NormResetWatermark(session_.get());
      }
      break;
    default: break;
    }
  }

  const Options &options_;
  Session session_;
  std::vector<unsigned> acking_;
  std::list<std::string> data_;
  NormObjectHandle stream_ = NORM_OBJECT_INVALID;
  unsigned room_ = 0;   // segments that fit into the stream's buffer
  unsigned ahead_ = 0;  // segments up to the watermark that is awaited
  std::size_t since_watermark_ = 0;
  bool awaits_watermark_ = false;
  bool flushed_ = false;
};

int run(int argc, char **argv)
{
  const Options options{argc, argv, defaults()};
  if (options.rest().empty())
    throw Failure{"what is there to send? norm-send [OPTION VALUE...] FILE..."};
  const auto &kind = options.text("kind");
  if (kind != "stream" && kind != "data" && kind != "file")
    throw Failure{"--kind is stream, data or file"};
  Sender sender{options};
  if (kind == "stream")
    sender.send_stream();
  else
    sender.send_objects();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char **argv)
{
  return kam::norm::run_main(argc, argv, run);
}
