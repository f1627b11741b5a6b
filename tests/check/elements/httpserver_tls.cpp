// SPDX-License-Identifier: LGPL-2.1-or-later
// What httpserversink and httpserversrc do by TLS.
#include "core/bytes.hpp"
#include "glue/refs.hpp"
#include "support/http_client.hpp"
#include "support/random.hpp"
#include "support/tls_identity.hpp"

#include <glib/gstdio.h>
#include <gst/gst.h>

#include <array>
#include <memory>
#include <string>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::test;

namespace {

// A file of the server's certificate and key, that can be changed.
class IdentityFile {
 public:
  IdentityFile()
  {
    close(g_file_open_tmp("identity-XXXXXX.pem", &name_, nullptr));
    write(std::string{tls_certificate} + tls_private_key);
  }
  ~IdentityFile()
  {
    g_unlink(name_);
    g_free(name_);
  }
  IdentityFile(const IdentityFile &) = delete;
  IdentityFile &operator=(const IdentityFile &) = delete;

  const char *name() const { return name_; }
  void write(const std::string &text) const
  {
    ck_assert(g_file_set_contents(name_, text.c_str(), -1, nullptr));
  }

 private:
  gchar *name_ = nullptr;
};

// A client that trusts anybody and tells whom.
class TlsClient {
 public:
  explicit TlsClient(int port)
  {
    const auto socket = glue::Ref<GSocketClient>::adopt(g_socket_client_new());
    g_socket_client_set_timeout(socket.get(), 20);
    g_socket_client_set_enable_proxy(socket.get(), FALSE);
    const auto plain = glue::Ref<GSocketConnection>::adopt(g_socket_client_connect_to_host(
        socket.get(), "127.0.0.1", static_cast<guint16>(port), nullptr, nullptr));
    ck_assert(plain);
    connection_ = glue::Ref<GIOStream>::adopt(
        g_tls_client_connection_new(G_IO_STREAM(plain.get()), nullptr, nullptr));
    g_signal_connect(connection_.get(), "accept-certificate", G_CALLBACK(+[] { return TRUE; }),
                     nullptr);
    g_tls_connection_set_require_close_notify(tls(), FALSE);
    g_tls_connection_set_database(tls(), nullptr);  // the system's takes seconds to read
    is_open = g_tls_connection_handshake(tls(), nullptr, nullptr);
  }

  void send(std::string_view text)
  {
    ck_assert(g_output_stream_write_all(g_io_stream_get_output_stream(connection_.get()),
                                        text.data(), text.size(), nullptr, nullptr, nullptr));
  }
  bool read_at_least(std::size_t size)
  {
    std::array<char, 65536> bytes{};
    while (received.size() < size) {
      const auto count = g_input_stream_read(g_io_stream_get_input_stream(connection_.get()),
                                             bytes.data(), bytes.size(), nullptr, nullptr);
      if (count <= 0)
        return false;
      received.append(bytes.data(), static_cast<std::size_t>(count));
    }
    return true;
  }
  bool has_certificate(const char *pem) const
  {
    gchar *shown = nullptr;
    g_object_get(g_tls_connection_get_peer_certificate(tls()), "certificate-pem", &shown,
                 nullptr);
    const glue::StringPtr owned{shown};
    return std::string_view{pem}.starts_with(shown);
  }

  bool is_open = false;
  std::string received;

 private:
  GTlsConnection *tls() const { return G_TLS_CONNECTION(connection_.get()); }

  glue::Ref<GIOStream> connection_;
};

class Pipeline {
 public:
  explicit Pipeline(const std::string &line)
      : pipeline_{gst_parse_launch(line.c_str(), nullptr)}
  {
    gst_element_set_state(pipeline_, GST_STATE_PLAYING);
  }
  ~Pipeline()
  {
    gst_element_set_state(pipeline_, GST_STATE_NULL);
    gst_object_unref(pipeline_);
  }
  Pipeline(const Pipeline &) = delete;
  Pipeline &operator=(const Pipeline &) = delete;

  int port() const
  {
    const auto element =
        glue::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(pipeline_), "server"));
    gint port = 0;
    g_object_get(element.get(), "bound-port", &port, nullptr);
    return port;
  }

 private:
  GstElement *pipeline_;
};

std::string server(const IdentityFile &file)
{
  return std::string{" address=127.0.0.1 port=0 tls-certificate-file="} + file.name() + ' ';
}

// That was free a moment ago.
int free_port()
{
  const Pipeline pipeline{"httpserversrc name=server address=127.0.0.1 port=0 ! fakesink"};
  return pipeline.port();
}

std::string body_of(const std::string &received)
{
  return received.substr(received.find("\r\n\r\n") + 4);
}

}  // namespace

// What a source sends by TLS, listeners hear by TLS: from where they came every byte, also when
// they take it slowly.
START_TEST(sources_and_listeners)
{
  const IdentityFile file;
  const auto port = free_port();
  const auto place = " address=127.0.0.1 port=" + std::to_string(port) +
                     " tls-certificate-file=" + file.name();
  const Pipeline pipeline{"httpserversrc name=server" + place +
                          " ! httpserversink sync=false flush-interval=0" + place};
  Random random{1};
  const auto noise = random.bytes(4'000'000);
  const auto sent = as_text(noise);
  TlsClient source{port};
  ck_assert(source.is_open && source.has_certificate(tls_certificate));
  source.send("PUT /stream HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n");
  source.send(sent.substr(0, 100'000));
  std::unique_ptr<TlsClient> listener;
  for (int i = 0; i < 500 && (!listener || !listener->received.starts_with("HTTP/1.1 200"));
       ++i, g_usleep(10'000)) {
    listener = std::make_unique<TlsClient>(port);
    listener->send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    ck_assert(listener->read_at_least(12));
  }
  source.send(sent.substr(100'000));
  ck_assert(source.read_at_least(12) && source.received.starts_with("HTTP/1.1 200"));
  ck_assert(listener->read_at_least(100'000));
  const auto begin = sent.find(body_of(listener->received).substr(0, 1000));
  ck_assert(begin != std::string_view::npos);
  const auto head = listener->received.find("\r\n\r\n") + 4;
  ck_assert(listener->read_at_least(head + sent.size() - begin));
  ck_assert(body_of(listener->received) == sent.substr(begin));
  // Who speaks no TLS is not listened to.
  HttpClient plain{port};
  plain.get("/stream");
  ck_assert(plain.read_all());
  ck_assert(!plain.received.starts_with("HTTP/"));
}
END_TEST

// Who renews a certificate need not stop the station.
START_TEST(a_renewed_certificate_counts)
{
  const IdentityFile file;
  const Pipeline station{"audiotestsrc is-live=true ! gdppay ! httpserversink name=server" +
                         server(file)};
  {
    TlsClient client{station.port()};
    ck_assert(client.is_open && client.has_certificate(tls_certificate));
  }
  // Half of it is none.
  file.write(std::string{tls_renewed_identity}.substr(0, 300));
  g_usleep(1'100'000);
  {
    TlsClient client{station.port()};
    ck_assert(client.is_open && client.has_certificate(tls_certificate));
  }
  file.write(tls_renewed_identity);
  g_usleep(1'100'000);
  TlsClient client{station.port()};
  ck_assert(client.is_open && client.has_certificate(tls_renewed_identity));
}
END_TEST

START_TEST(a_certificate_that_cannot_be_used)
{
  auto *sink = gst_element_factory_make("httpserversink", nullptr);
  g_object_set(sink, "port", 0, "tls-certificate-file", "/nowhere.pem", nullptr);
  ck_assert_int_eq(gst_element_set_state(sink, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  gst_element_set_state(sink, GST_STATE_NULL);
  gst_object_unref(sink);
}
END_TEST

static Suite *httpserver_tls_suite()
{
  Suite *suite = suite_create("httpserver_tls");
  auto *tests = tcase_create("httpserver_tls");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, sources_and_listeners);
  tcase_add_test(tests, a_renewed_certificate_counts);
  tcase_add_test(tests, a_certificate_that_cannot_be_used);
  suite_add_tcase(suite, tests);
  return suite;
}

GST_CHECK_MAIN(httpserver_tls)
