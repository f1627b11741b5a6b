// SPDX-License-Identifier: LGPL-2.1-or-later
// A protocol server in this process, and clients that behave or do not.
#pragma once

#include "core/bytes.hpp"
#include "support/harness.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kam::test {

// Until `done`, for a quarter of a minute at most.
template <class Done>
bool comes_true(Done done)
{
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{15};
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    poll(nullptr, 0, 1);
  }
  return true;
}

// A connection whose calls wait.
class Client {
 public:
  explicit Client(int port) : Client{port, 0}
  {
    const timeval patience{15, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  // So many, of whom none waits for another to be connected.
  static std::vector<Client> at_once(int port, std::size_t count)
  {
    std::vector<Client> clients;
    while (clients.size() < count)
      clients.push_back(Client{port, SOCK_NONBLOCK});
    for (auto &client : clients)
      client.finish_connecting();
    return clients;
  }
  Client(Client &&other) noexcept
      : fd_{std::exchange(other.fd_, -1)}, is_connected_{other.is_connected_}
  {
  }
  Client &operator=(Client &&) = delete;
  ~Client() { leave(); }

  bool is_connected() const { return is_connected_; }
  int fd() const { return fd_; }
  bool send(Bytes bytes) const
  {
    while (!bytes.empty()) {
      const auto sent =
          TEMP_FAILURE_RETRY(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
      if (sent <= 0)
        return false;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool send(std::string_view text) const { return send(as_bytes(text)); }
  // As much as the system takes at once.
  std::size_t send_without_waiting(Bytes bytes) const
  {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
  }
  void end() const { shutdown(fd_, SHUT_WR); }
  // So many bytes, fewer if the server ends or resets.
  ByteVector receive(std::size_t count) const
  {
    ByteVector bytes(count);
    std::size_t got = 0;
    while (got < count) {
      const auto size = receive_some(bytes.data() + got, count - got);
      if (size <= 0)
        break;
      got += static_cast<std::size_t>(size);
    }
    bytes.resize(got);
    return bytes;
  }
  std::string receive_text(std::size_t count) const
  {
    const auto bytes = receive(count);
    return std::string{as_text(bytes)};
  }
  // What comes until the server ends. `how` is 0, or the errno of what happened instead.
  ByteVector receive_all(int *how = nullptr) const
  {
    ByteVector bytes;
    std::array<std::byte, 65536> part;
    for (;;) {
      const auto size = receive_some(part.data(), part.size());
      if (size <= 0) {
        if (how)
          *how = size == 0 ? 0 : errno;
        return bytes;
      }
      bytes.insert(bytes.end(), part.begin(), part.begin() + size);
    }
  }
  void reset()
  {
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    leave();
  }
  void leave()
  {
    if (fd_ >= 0)
      close(std::exchange(fd_, -1));
  }

 private:
  Client(int port, int flags) : fd_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)}
  {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = connect(fd_, reinterpret_cast<const sockaddr *>(&to), sizeof to) == 0;
  }
  // A program that a server has started and that ends may interrupt it with SIGCHLD.
  ssize_t receive_some(std::byte *to, std::size_t size) const
  {
    return TEMP_FAILURE_RETRY(recv(fd_, to, size, 0));
  }
  void finish_connecting()
  {
    constexpr int patience_ms = 15'000;
    pollfd watch{fd_, POLLOUT, 0};
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (poll(&watch, 1, patience_ms) == 1)
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    is_connected_ = error == 0;
    fcntl(fd_, F_SETFL, 0);
  }

  int fd_;
  bool is_connected_;
};

// Runs from its making to its end.
class Server {
 public:
  // `launch`: the element with its properties, "protocolserver launch=identity".
  explicit Server(const std::string &launch, std::function<void(GstElement *)> prepare = {})
  {
    GError *error = nullptr;
    element_ = gst_parse_launch(launch.c_str(), &error);
    ck_assert_msg(element_ && !error, "%s", error ? error->message : "");
    gst_object_ref_sink(element_);
    bus_ = gst_bus_new();
    gst_element_set_bus(element_, bus_);
    g_signal_connect(
        element_, "client-removed",
        G_CALLBACK(+[](GstElement *, guint64, int reason, GstStructure *, gpointer self) {
          auto &server = *static_cast<Server *>(self);
          const std::lock_guard lock{server.mutex_};
          ++server.removals_[reason];
        }),
        this);
    if (prepare)
      prepare(element_);
  }
  ~Server()
  {
    gst_element_set_state(element_, GST_STATE_NULL);
    gst_element_set_bus(element_, nullptr);
    gst_object_unref(bus_);
    gst_object_unref(element_);
  }
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;

  Server &play()
  {
    ck_assert_int_eq(gst_element_set_state(element_, GST_STATE_PLAYING),
                     GST_STATE_CHANGE_SUCCESS);
    return *this;
  }
  void stop()
  {
    ck_assert_int_eq(gst_element_set_state(element_, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
  }
  GstElement *element() const { return element_; }
  GstBus *bus() const { return bus_; }
  int port() const
  {
    int port = 0;
    g_object_get(element_, "current-port", &port, nullptr);
    return port;
  }
  Client connect() const
  {
    Client client{port()};
    ck_assert(client.is_connected());
    return client;
  }
  guint64 stat(const std::string &key) const
  {
    GstStructure *stats = nullptr;
    g_object_get(element_, "stats", &stats, nullptr);
    guint64 value = G_MAXUINT64;
    ck_assert_msg(gst_structure_get_uint64(stats, key.c_str(), &value), "no statistic '%s'",
                  key.c_str());
    gst_structure_free(stats);
    return value;
  }
  bool comes_to(const std::string &key, guint64 value) const
  {
    const bool came = comes_true([&] { return stat(key) == value; });
    if (!came)
      g_printerr("%s is %" G_GUINT64_FORMAT "\n", key.c_str(), stat(key));
    return came;
  }
  // How many clients were told to be gone for this reason.
  int removals(const char *reason)
  {
    auto *type =
        static_cast<GEnumClass *>(g_type_class_ref(g_type_from_name("KamClientRemoval")));
    const int value = g_enum_get_value_by_nick(type, reason)->value;
    g_type_class_unref(type);
    const std::lock_guard lock{mutex_};
    return removals_[value];
  }

 private:
  GstElement *element_ = nullptr;
  GstBus *bus_ = nullptr;
  std::mutex mutex_;
  std::map<int, int> removals_;
};

inline void assert_text(const std::string &got, const std::string &expected)
{
  ck_assert_msg(got == expected, "\"%s\" instead of \"%s\"", got.c_str(), expected.c_str());
}

// A file that is gone with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const ByteVector &contents = {})
  {
    const int fd = g_file_open_tmp("kam-server-XXXXXX", &path_, nullptr);
    ck_assert(fd >= 0 && write(fd, contents.data(), contents.size()) ==
                             static_cast<ssize_t>(contents.size()));
    close(fd);
  }
  ~TemporaryFile()
  {
    std::filesystem::remove(path_);
    g_free(path_);
  }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  const char *path() const { return path_; }
  std::string contents() const
  {
    std::ifstream file{path_};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

 private:
  char *path_ = nullptr;
};

// The text of the error that the server posts when it cannot go to `state`.
// What it says about not getting to that state.
inline std::string error_on_the_way_to(Server &server, GstState state)
{
  ck_assert_int_eq(gst_element_set_state(server.element(), state), GST_STATE_CHANGE_FAILURE);
  auto *message = gst_bus_pop_filtered(server.bus(), GST_MESSAGE_ERROR);
  ck_assert(message != nullptr);
  GError *error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  std::string text = error->message;
  g_error_free(error);
  gst_message_unref(message);
  return text;
}

inline bool has_message(const Server &server, GstMessageType type)
{
  auto *message = gst_bus_pop_filtered(server.bus(), type);
  if (message)
    gst_message_unref(message);
  return message != nullptr;
}

}  // namespace kam::test
