// SPDX-License-Identifier: LGPL-2.1-or-later
// A server that does what a test tells it to, well or badly, on the loopback.
#pragma once

#include "core/bytes.hpp"

#include <gio/gio.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace kam::test {

// One connection, in the hands of a script.
class Peer {
 public:
  Peer(int socket, const std::atomic<bool> &stopping) : socket_{socket}, stopping_{stopping} {}
  ~Peer();
  Peer(const Peer &) = delete;
  Peer &operator=(const Peer &) = delete;

  const std::string &request() const { return request_; }  // its head
  std::string path() const;
  // The value of a header of the request; empty if it is not there.
  std::string header(std::string_view name) const;
  // How many requests for this path there were before.
  unsigned earlier() const { return earlier_; }

  // False if nobody listens any more.
  bool send(std::string_view bytes);
  bool send(Bytes bytes) { return send(as_text(bytes)); }
  // Sends nothing more until the client goes, or the server is stopped.
  void stall();
  // Ends the connection with a RST.
  void reset();
  // Agrees to a CONNECT, and passes on what comes, both ways, until one side is done.
  void tunnel_to(unsigned port);

 private:
  friend class RadioServer;
  bool start_tls(GTlsCertificate *certificate);
  bool read_request();
  // What is there, or "" if the connection is over.
  std::string receive();
  bool wait_for(short events) const;

  int socket_;
  const std::atomic<bool> &stopping_;
  GIOStream *tls_ = nullptr;
  std::string request_;
  unsigned earlier_ = 0;
};

class RadioServer {
 public:
  using Script = std::function<void(Peer &)>;

  RadioServer();
  ~RadioServer();
  RadioServer(const RadioServer &) = delete;
  RadioServer &operator=(const RadioServer &) = delete;

  // What to do with a request for `path`. Before the first one comes.
  void on(const std::string &path, Script script) { scripts_[path] = std::move(script); }
  // From here on connections speak TLS, with the certificate of tls_identity.hpp.
  void use_tls();

  std::string uri(const std::string &path, const std::string &scheme = "http") const;
  unsigned port() const { return port_; }
  unsigned requests(const std::string &path) const;
  unsigned connections() const { return connections_; }

  // Refuses connections and ends those that there are, as if the server were not running.
  void stop();
  // Listens again, on the same port.
  void start();

 private:
  void accept_all();
  void serve(int socket);

  std::map<std::string, Script> scripts_;
  mutable std::mutex mutex_;
  std::map<std::string, unsigned> requests_;
  struct Running {
    std::thread thread;
    std::unique_ptr<std::atomic<bool>> done;
  };
  std::vector<Running> peers_;
  std::atomic<unsigned> connections_ = 0;
  std::atomic<bool> stopping_ = false;
  GTlsCertificate *certificate_ = nullptr;
  int listener_ = -1;
  unsigned port_ = 0;
  std::thread thread_;
};

// The head of a good response, and after it what of the body is given.
inline std::string ok_response(std::string_view fields = "", std::string_view body = "")
{
  return "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n" + std::string{fields} + "\r\n" +
         std::string{body};
}

// A block of metadata with its length byte.
inline std::string icy_block(std::string_view text)
{
  const auto units = (text.size() + 15) / 16;
  std::string block(1 + units * 16, '\0');
  block[0] = static_cast<char>(units);
  block.replace(1, text.size(), text);
  return block;
}

}  // namespace kam::test
