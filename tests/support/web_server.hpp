// SPDX-License-Identifier: LGPL-2.1-or-later
// A web server in this process, on a port that nobody else has: libsoup's, which behaves, and
// one that sends what it is told and nothing else, which need not.
#pragma once

#include "glue/refs.hpp"

#include <gio/gio.h>
#include <libsoup/soup.h>

#include <sys/socket.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace kam::test {

// Runs until the object ends; the handler is called in the server's thread.
class WebServer {
 public:
  using Handler = std::function<void(SoupServerMessage *, const std::string &path)>;

  explicit WebServer(Handler handler, GTlsCertificate *certificate = nullptr)
      : handler_{std::move(handler)}, context_{g_main_context_new()}
  {
    g_main_context_push_thread_default(context_.get());
    server_ = glue::Ref<SoupServer>::adopt(soup_server_new(nullptr, nullptr));
    if (certificate)
      soup_server_set_tls_certificate(server_.get(), certificate);
    soup_server_add_handler(
        server_.get(), nullptr,
        [](SoupServer *, SoupServerMessage *message, const char *path, GHashTable *,
           gpointer self) { static_cast<WebServer *>(self)->handler_(message, path); },
        this, nullptr);
    const auto options = certificate ? SOUP_SERVER_LISTEN_HTTPS : SoupServerListenOptions(0);
    g_assert_true(soup_server_listen_local(server_.get(), 0, options, nullptr));
    GSList *uris = soup_server_get_uris(server_.get());
    port_ = g_uri_get_port(static_cast<GUri *>(uris->data));
    g_slist_free_full(uris, reinterpret_cast<GDestroyNotify>(g_uri_unref));
    g_main_context_pop_thread_default(context_.get());
    thread_ = std::thread{[this] {
      g_main_context_push_thread_default(context_.get());
      g_main_loop_run(loop_.get());
      soup_server_disconnect(server_.get());
      server_ = {};
      while (g_main_context_iteration(context_.get(), FALSE)) {
      }
      g_main_context_pop_thread_default(context_.get());
    }};
  }
  ~WebServer()
  {
    g_main_context_invoke(
        context_.get(),
        [](gpointer loop) -> gboolean {
          g_main_loop_quit(static_cast<GMainLoop *>(loop));
          return G_SOURCE_REMOVE;
        },
        loop_.get());
    thread_.join();
  }
  WebServer(const WebServer &) = delete;
  WebServer &operator=(const WebServer &) = delete;

  int port() const { return port_; }
  std::string uri(const std::string &path, const char *scheme = "http") const
  {
    return std::string{scheme} + "://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  Handler handler_;
  glue::Owned<GMainContext, g_main_context_unref> context_;
  glue::Owned<GMainLoop, g_main_loop_unref> loop_{g_main_loop_new(context_.get(), FALSE)};
  glue::Ref<SoupServer> server_;
  int port_ = 0;
  std::thread thread_;
};

// Answers each connection, in a thread of its own, with a function that has the socket after
// the request's head has been read.
class RawServer {
 public:
  class Connection {
   public:
    Connection(GSocketConnection *connection, GCancellable *cancellable)
        : connection_{connection}, cancellable_{cancellable}
    {
    }
    // False if the peer or the test has gone.
    bool send(const std::string &bytes) const
    {
      auto *out = g_io_stream_get_output_stream(G_IO_STREAM(connection_));
      return g_output_stream_write_all(out, bytes.data(), bytes.size(), nullptr, cancellable_,
                                       nullptr);
    }
    // Waits until the peer or the test goes.
    void hang() const
    {
      auto *in = g_io_stream_get_input_stream(G_IO_STREAM(connection_));
      char space[1000];
      while (g_input_stream_read(in, space, sizeof space, cancellable_, nullptr) > 0) {
      }
    }
    // The connection ends with a reset.
    void reset() const
    {
      const linger at_once{1, 0};
      setsockopt(g_socket_get_fd(g_socket_connection_get_socket(connection_)), SOL_SOCKET,
                 SO_LINGER, &at_once, sizeof at_once);
    }

   private:
    GSocketConnection *connection_;
    GCancellable *cancellable_;
  };
  using Answer = std::function<void(const std::string &path, const Connection &)>;

  explicit RawServer(Answer answer)
      : answer_{std::move(answer)},
        service_{glue::Ref<GSocketListener>::adopt(g_socket_listener_new())}
  {
    const auto address =
        glue::Ref<GSocketAddress>::adopt(g_inet_socket_address_new_from_string("127.0.0.1", 0));
    GSocketAddress *bound = nullptr;
    g_assert_true(g_socket_listener_add_address(service_.get(), address.get(),
                                                G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
                                                nullptr, &bound, nullptr));
    port_ = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
    g_object_unref(bound);
    thread_ = std::thread{[this] { accept(); }};
  }
  ~RawServer()
  {
    g_cancellable_cancel(cancellable_.get());
    thread_.join();
    for (auto &one : connections_)
      one.join();
  }
  RawServer(const RawServer &) = delete;
  RawServer &operator=(const RawServer &) = delete;

  int port() const { return port_; }
  std::string uri(const std::string &path) const
  {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  void accept()
  {
    for (;;) {
      auto *connection =
          g_socket_listener_accept(service_.get(), nullptr, cancellable_.get(), nullptr);
      if (!connection)
        return;
      connections_.emplace_back([this, connection] {
        const auto owned = glue::Ref<GSocketConnection>::adopt(connection);
        if (const auto path = read_path(connection); !path.empty())
          answer_(path, Connection{connection, cancellable_.get()});
      });
    }
  }

  // What the request asks for; empty if none came.
  std::string read_path(GSocketConnection *connection) const
  {
    auto *in = g_io_stream_get_input_stream(G_IO_STREAM(connection));
    std::string head;
    char c = 0;
    while (!head.ends_with("\r\n\r\n")) {
      if (g_input_stream_read(in, &c, 1, cancellable_.get(), nullptr) != 1)
        return {};
      head += c;
    }
    const auto begin = head.find(' ') + 1;
    return head.substr(begin, head.find(' ', begin) - begin);
  }

  Answer answer_;
  glue::Ref<GSocketListener> service_;
  glue::Ref<GCancellable> cancellable_ = glue::Ref<GCancellable>::adopt(g_cancellable_new());
  int port_ = 0;
  std::thread thread_;
  std::vector<std::thread> connections_;
};

}  // namespace kam::test
