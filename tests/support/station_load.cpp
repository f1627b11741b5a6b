// SPDX-License-Identifier: LGPL-2.1-or-later
// Listens to a station many times over:
//
//   station-load PORT PATH LISTENERS SECONDS [AT-ONCE [PATIENCE]]
//   station-load --sound FRAMES FILE
//
// With "-" for the path nobody is asked for anything, as tcpserversink sends without. AT-ONCE
// of them may be without sound at a time, by default all; they are given up after PATIENCE
// seconds (60). When all have sound, or that time is over, prints "ready"; after SECONDS more a
// line of JSON: how long they waited for their first sound, and what became of them.
//
// With --sound writes what the station should send: frames of MPEG audio, 128 kbit/s, each with
// its number, from which all its bytes follow. If a listener hears such frames, each byte of
// them is looked at: nothing may be missing ("wrong"), and it has to begin with one ("cut"). Of
// each title is told between which bytes of the sound as a whole it came to who.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin)
{
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// --- the sound ----------------------------------------------------------------------------

constexpr std::size_t frame_size = 417;
constexpr std::size_t number_end = 12;
constexpr std::string_view frame_head = "\xff\xfb\x90\x64";
using Frame = std::array<char, frame_size>;

Frame make_frame(std::uint32_t number)
{
  Frame frame{};
  std::ranges::copy(frame_head, frame.begin());
  for (std::size_t i = 0; i < 8; ++i)
    frame.at(4 + i) = static_cast<char>(0x30 + (number >> (4 * i) & 15U));
  for (std::size_t i = number_end; i < frame_size; ++i)
    frame.at(i) = static_cast<char>(0x20 + ((number * 7U + i * i) & 0x3fU));
  return frame;
}

const Frame &frame_of(std::uint32_t number)
{
  struct Slot {
    std::uint32_t number = ~0U;
    Frame frame{};
  };
  static std::vector<Slot> slots(4096);
  auto &slot = slots[number % slots.size()];
  if (slot.number != number)
    slot = {number, make_frame(number)};
  return slot.frame;
}

// Follows the frames, and says what is wrong with them: a byte that is missing or another.
class Follower {
 public:
  void feed(std::string_view bytes)
  {
    while (!bytes.empty() && state_ != State::other) {
      const auto taken = state_ == State::begun ? compare(bytes) : begin(bytes);
      bytes.remove_prefix(taken);
    }
  }
  bool is_wrong() const { return is_wrong_; }
  // It was not with a frame that it began.
  bool is_cut() const { return is_cut_; }
  // Of what comes next, in the sound as a whole.
  std::uint64_t position() const { return std::uint64_t{number_} * frame_size + at_; }

 private:
  enum class State { first, begun, other };

  std::size_t begin(std::string_view bytes)
  {
    const auto taken = std::min(bytes.size(), number_end - first_.size());
    first_.append(bytes.substr(0, taken));
    while (!first_.empty() && !frame_head.starts_with(first_.substr(0, frame_head.size()))) {
      first_.erase(0, 1);
      is_cut_ = true;
    }
    if (first_.size() < number_end)
      return taken;
    for (std::size_t i = 0; i < 8; ++i)
      number_ |= (static_cast<unsigned char>(first_[4 + i]) & 15U) << (4 * i);
    at_ = number_end;
    is_wrong_ = std::memcmp(first_.data(), frame_of(number_).data(), number_end) != 0;
    state_ = is_wrong_ ? State::other : State::begun;
    return taken;
  }
  std::size_t compare(std::string_view bytes)
  {
    const auto size = std::min(bytes.size(), frame_size - at_);
    if (std::memcmp(bytes.data(), frame_of(number_).data() + at_, size) != 0) {
      is_wrong_ = true;
      state_ = State::other;
    }
    at_ += size;
    if (at_ == frame_size) {
      at_ = 0;
      ++number_;
    }
    return size;
  }

  State state_ = State::first;
  std::string first_;
  std::uint32_t number_ = 0;
  std::size_t at_ = 0;
  bool is_wrong_ = false;
  bool is_cut_ = false;
};

// --- listeners ----------------------------------------------------------------------------

volatile std::sig_atomic_t is_over = 0;

struct Listener {
  int fd = -1;
  Clock::time_point began;
  std::string head;
  bool is_in_body = false;
  bool has_sound = false;
  std::uint64_t bytes = 0;
  std::size_t interval = 0;  // of titles
  std::size_t until_title = 0;
  std::size_t title_left = 0;
  std::string title;
  bool has_title = false;
  Follower follower;
};

class Load {
 public:
  Load(int port, const std::string &path, std::size_t listeners)
      : port_{port},
        request_{path == "-" ? std::string{}
                             : "GET " + path +
                                   " HTTP/1.0\r\nHost: localhost\r\nIcy-MetaData: 1\r\n\r\n"},
        listeners_(listeners)
  {
  }

  void run(double seconds, std::size_t at_once, double patience)
  {
    const auto begun = Clock::now();
    while (waits_.size() + failed_ < listeners_.size() && seconds_since(begun) < patience) {
      while (next_ < listeners_.size() && next_ - waits_.size() - failed_ < at_once)
        begin(listeners_[next_++]);
      turn();
    }
    const auto took = seconds_since(begun);
    std::cout << "ready" << std::endl;
    const auto heard = bytes_;
    const auto held = Clock::now();
    while (seconds_since(held) < seconds && !is_over)
      turn();
    report(took, bytes_ - heard);
  }

 private:
  void begin(Listener &listener)
  {
    listener.began = Clock::now();
    listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    epoll_event event{};
    event.events = EPOLLOUT;
    event.data.ptr = &listener;
    if (listener.fd < 0 ||
        (connect(listener.fd, reinterpret_cast<const sockaddr *>(&to), sizeof to) != 0 &&
         errno != EINPROGRESS) ||
        epoll_ctl(epoll_, EPOLL_CTL_ADD, listener.fd, &event) != 0)
      lose(listener);
  }

  void turn()
  {
    std::array<epoll_event, 256> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), 20);
    for (int i = 0; i < count; ++i) {
      const auto &event = events.at(static_cast<std::size_t>(i));
      auto &listener = *static_cast<Listener *>(event.data.ptr);
      if (event.events & EPOLLOUT)
        ask(listener);
      else
        hear(listener);
    }
  }

  void ask(Listener &listener)
  {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &listener;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, listener.fd, &event);
    listener.is_in_body = request_.empty();
    if (send(listener.fd, request_.data(), request_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_.size()))
      lose(listener);
  }

  void lose(Listener &listener)
  {
    if (listener.fd >= 0)
      close(listener.fd);
    listener.fd = -1;
    if (listener.has_sound)
      ++closed_;
    else
      ++failed_;
  }

  void hear(Listener &listener)
  {
    const auto size = recv(listener.fd, space_.data(), space_.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN)
      return;
    if (size <= 0)
      return lose(listener);
    std::string_view bytes{space_.data(), static_cast<std::size_t>(size)};
    if (!listener.is_in_body) {
      listener.head.append(bytes);
      const auto end = listener.head.find("\r\n\r\n");
      if (end == std::string::npos)
        return;
      if (listener.head.find(" 200 ") > 10)
        return lose(listener);
      if (const auto field = listener.head.find("icy-metaint:"); field < end)
        listener.interval = listener.until_title = std::stoul(listener.head.substr(field + 12));
      listener.is_in_body = true;
      bytes.remove_prefix(bytes.size() - (listener.head.size() - end - 4));
    }
    if (!bytes.empty() && !listener.has_sound) {
      listener.has_sound = true;
      waits_.push_back(seconds_since(listener.began));
    }
    bytes_ += bytes.size();
    listener.bytes += bytes.size();
    take(listener, bytes);
  }

  // Sound, and in between titles: a byte that says how many times sixteen, and then so many.
  void take(Listener &listener, std::string_view bytes)
  {
    while (!bytes.empty()) {
      if (listener.title_left > 0) {
        const auto size = std::min(listener.title_left, bytes.size());
        listener.title.append(bytes.substr(0, size));
        bytes.remove_prefix(size);
        listener.title_left -= size;
        if (listener.title_left == 0)
          note_title(listener);
      } else if (listener.interval > 0 && listener.until_title == 0) {
        listener.title_left = static_cast<unsigned char>(bytes.front()) * std::size_t{16};
        listener.title.clear();
        bytes.remove_prefix(1);
        listener.until_title = listener.interval;
      } else {
        const auto size =
            listener.interval > 0 ? std::min(listener.until_title, bytes.size()) : bytes.size();
        listener.follower.feed(bytes.substr(0, size));
        bytes.remove_prefix(size);
        listener.until_title -= listener.interval > 0 ? size : 0;
      }
    }
  }

  // It stands at the first place for one behind where it began; the one that a listener begins
  // with stands anywhere.
  void note_title(Listener &listener)
  {
    const std::string_view block{listener.title};
    constexpr std::string_view name = "StreamTitle='";
    const auto end = block.find("';");
    if (!block.starts_with(name) || end == std::string_view::npos)
      return;
    const auto at = listener.follower.position();
    const std::string title{block.substr(name.size(), end - name.size())};
    if (!std::exchange(listener.has_title, true))
      return;
    auto &range = titles_.try_emplace(title, at, at).first->second;
    range = {std::min(range.first, at), std::max(range.second, at)};
  }

  void report(double took, std::uint64_t heard)
  {
    std::ranges::sort(waits_);
    const auto wait = [&](double part) {
      return waits_.empty() ? -1
                            : waits_[static_cast<std::size_t>(
                                  part * static_cast<double>(waits_.size() - 1))] *
                                  1000;
    };
    std::size_t wrong = 0;
    std::size_t cut = 0;
    std::uint64_t least = ~std::uint64_t{0};
    for (const auto &listener : listeners_) {
      wrong += listener.follower.is_wrong() ? 1 : 0;
      cut += listener.follower.is_cut() ? 1 : 0;
      least = std::min(least, listener.bytes);
    }
    std::cout << "{\"sound\": " << waits_.size() << ", \"failed\": " << failed_
              << ", \"closed\": " << closed_ << ", \"wrong\": " << wrong << ", \"cut\": " << cut
              << ", \"seconds\": " << took << ", \"p50_ms\": " << wait(0.5)
              << ", \"p99_ms\": " << wait(0.99) << ", \"most_ms\": " << wait(1)
              << ", \"bytes\": " << heard << ", \"least\": " << least << ", \"titles\": {";
    const char *between = "";
    for (const auto &[title, range] : titles_) {
      std::cout << between << '"' << title << "\": [" << range.first << ", " << range.second
                << ']';
      between = ", ";
    }
    std::cout << "}}" << std::endl;
  }

  int port_;
  std::string request_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Listener> listeners_;
  std::vector<char> space_ = std::vector<char>(std::size_t{256} << 10U);
  std::vector<double> waits_;  // of those that have sound
  std::size_t next_ = 0;
  std::size_t failed_ = 0;
  std::size_t closed_ = 0;
  std::uint64_t bytes_ = 0;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> titles_;
};

}  // namespace

int main(int argc, char **argv)
{
  const std::vector<std::string> arguments{argv + 1, argv + argc};
  if (arguments.size() == 3 && arguments[0] == "--sound") {
    std::ofstream file{arguments[2], std::ios::binary};
    const auto frames = std::stoul(arguments[1]);
    for (std::uint32_t number = 0; number < frames; ++number) {
      const auto frame = make_frame(number);
      file.write(frame.data(), frame.size());
    }
    return file ? 0 : 1;
  }
  if (arguments.size() < 4)
    return 2;
  std::signal(SIGTERM, [](int) { is_over = 1; });
  const auto listeners = std::stoul(arguments[2]);
  Load{std::stoi(arguments[0]), arguments[1], listeners}.run(
      std::stod(arguments[3]), arguments.size() > 4 ? std::stoul(arguments[4]) : listeners,
      arguments.size() > 5 ? std::stod(arguments[5]) : 60);
}
