// SPDX-License-Identifier: LGPL-2.1-or-later
// Receives with libnorm, Debian's implementation of RFC 5740:
//
//   norm-receive [OPTION VALUE...] FILE
//
// The bytes of streams and of data objects go to FILE (- is the standard output) as they come;
// file objects are put beside it, named FILE.NAME, NAME being what their info says. Prints a
// line for each thing that happens:
//
//   stream INFO              one begins
//   broken OFFSET            a part of a stream is missing for good
//   data SIZE INFO           an object of data is complete
//   file SIZE INFO           a file is complete
//   aborted                  an object will never be
//   complete BYTES OBJECTS   the stream was ended, or there are --bytes or --objects
//
// After that it stays, for the sender may still want acknowledgements, until SIGINT or SIGTERM.
// Exit status 1: it was stopped before it was complete.
#include "peer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>

namespace {

using namespace kam::norm;

Options::Table defaults()
{
  auto table = common_defaults();
  table["node"] = "2";
  table.insert({
      {"buffer", "8388608"},  // bytes per sender
      {"bytes", ""},
      {"objects", ""},
      {"unicast", "0"},      // 1: NACKs go to the sender alone
      {"silent", "0"},       // 1: no feedback at all
      {"sync", "all"},       // current: from now on; stream: this stream from its start; all
      {"message", "65536"},  // bytes that are read from a stream and written at once
  });
  return table;
}

class Receiver {
 public:
  explicit Receiver(const Options &options)
      : options_{options}, session_{options}, path_{options.rest().at(0)}
  {
    file_ = path_ == "-" ? STDOUT_FILENO
                         : open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_ < 0)
      throw std::system_error{errno, std::generic_category(), path_};
    // What libnorm writes and renames wants a whole path.
    if (path_ != "-")
      path_ = std::filesystem::absolute(path_);
    const auto folder = path_ == "-" ? "." : path_.substr(0, path_.rfind('/'));
    NormSetCacheDirectory(session_.instance(), (folder + "/").c_str());
    const auto *const session = session_.get();
    NormSetDefaultUnicastNack(session, options.count("unicast") != 0);
    NormSetSilentReceiver(session, options.count("silent") != 0);
    const auto &sync = options.text("sync");
    NormSetDefaultSyncPolicy(session, sync == "all"      ? NORM_SYNC_ALL
                                      : sync == "stream" ? NORM_SYNC_STREAM
                                                         : NORM_SYNC_CURRENT);
    NormSetRxCacheLimit(session, 16384);
    bytes_wanted_ = limit("bytes");
    objects_wanted_ = limit("objects");
    piece_.resize(std::max(1U, options.count("message")));
    if (!NormStartReceiver(session, options.count("buffer")))
      throw Failure{"libnorm does not start to receive"};
    NormSetRxSocketBuffer(session, options.count("socket-buffer"));
  }
  ~Receiver()
  {
    if (file_ != STDOUT_FILENO)
      close(file_);
  }
  Receiver(const Receiver &) = delete;
  Receiver &operator=(const Receiver &) = delete;

  int run()
  {
    while (!session_.stopped())
      session_.handle_event(-1, [this](const NormEvent &event) { handle(event); });
    return complete_ ? EXIT_SUCCESS : EXIT_FAILURE;
  }

 private:
  std::uint64_t limit(const char *name) const
  {
    return options_.text(name).empty() ? std::numeric_limits<std::uint64_t>::max()
                                       : static_cast<std::uint64_t>(options_.number(name));
  }

  void handle(const NormEvent &event)
  {
    switch (event.type) {
    case NORM_RX_OBJECT_NEW:
      if (NormObjectGetType(event.object) == NORM_OBJECT_STREAM)
        in_step_ = false;
      break;
    case NORM_RX_OBJECT_INFO:
      if (NormObjectGetType(event.object) == NORM_OBJECT_STREAM)
        say("stream " + info_of(event.object));
      break;
    case NORM_RX_OBJECT_UPDATED:
      if (NormObjectGetType(event.object) == NORM_OBJECT_STREAM)
        read(event.object);
      break;
    case NORM_RX_OBJECT_COMPLETED: take(event.object); break;
    case NORM_RX_OBJECT_ABORTED: say("aborted"); break;
    default: break;
    }
  }

  void read(NormObjectHandle stream)
  {
    while (true) {
      if (!in_step_ && !NormStreamSeekMsgStart(stream))
        return;
      in_step_ = true;
      auto size = static_cast<unsigned>(piece_.size() - filled_);
      if (!NormStreamRead(stream, piece_.data() + filled_, &size)) {
        say("broken " + std::to_string(NormStreamGetReadOffset(stream)));
        in_step_ = false;
        continue;
      }
      if (size == 0)
        break;
      filled_ += size;
      if (filled_ == piece_.size())
        flush();
    }
    // A file has what there is; a reader of messages, whole ones.
    if (path_ != "-")
      flush();
    if (bytes_ >= bytes_wanted_)
      complete();
  }

  void take(NormObjectHandle object)
  {
    const auto size = static_cast<std::uint64_t>(NormObjectGetSize(object));
    switch (NormObjectGetType(object)) {
    case NORM_OBJECT_STREAM:
      read(object);
      flush();
      complete();
      return;
    case NORM_OBJECT_DATA: {
      flush();
      write(NormDataAccessData(object), static_cast<std::size_t>(size));
      say("data " + std::to_string(size) + " " + info_of(object));
      break;
    }
    case NORM_OBJECT_FILE: {
      auto name = info_of(object);
      for (auto &character : name)
        character = character == '/' ? '_' : character;
      NormFileRename(object, (path_ + "." + name).c_str());
      bytes_ += size;
      say("file " + std::to_string(size) + " " + name);
      break;
    }
    default: return;
    }
    ++objects_;
    if (objects_ >= objects_wanted_ || bytes_ >= bytes_wanted_)
      complete();
  }

  static std::string info_of(NormObjectHandle object)
  {
    std::string info(NormObjectGetInfoLength(object), '\0');
    info.resize(NormObjectGetInfo(object, info.data(), UINT16(info.size())));
    return info;
  }

  void flush()
  {
    write(piece_.data(), filled_);
    filled_ = 0;
  }

  void write(const char *data, std::size_t size)
  {
    bytes_ += size;
    while (size > 0) {
      const auto put = ::write(file_, data, size);
      if (put < 0 && errno != EINTR)
        throw std::system_error{errno, std::generic_category(), path_};
      data += put > 0 ? put : 0;
      size -= put > 0 ? static_cast<std::size_t>(put) : 0;
    }
  }

  void complete()
  {
    if (!complete_)
      say("complete " + std::to_string(bytes_) + " " + std::to_string(objects_));
    complete_ = true;
  }

  void say(const std::string &line) const
  {
    std::fprintf(path_ == "-" ? stderr : stdout, "%s\n", line.c_str());
    std::fflush(stdout);
  }

  const Options &options_;
  Session session_;
  std::string path_;
  int file_ = -1;
  std::vector<char> piece_;
  std::size_t filled_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t bytes_wanted_ = 0;
  std::uint64_t objects_ = 0;
  std::uint64_t objects_wanted_ = 0;
  bool in_step_ = false;
  bool complete_ = false;
};

int run(int argc, char **argv)
{
  const Options options{argc, argv, defaults()};
  if (options.rest().size() != 1)
    throw Failure{"where to? norm-receive [OPTION VALUE...] FILE"};
  return Receiver{options}.run();
}

}  // namespace

int main(int argc, char **argv)
{
  return kam::norm::run_main(argc, argv, run);
}
