// SPDX-License-Identifier: LGPL-2.1-or-later
#include "protocolserver_support.hpp"

#include "support/temporary_folder.hpp"
#include "support/tls_identity.hpp"

#include <gio/gio.h>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam;
using namespace kam::test;

// What comes back of `text` by TLS; empty if there is no connection.
static std::string echoed_by_tls(int port, const std::string &text, GTlsCertificate *identity)
{
  GSocketClient *client = g_socket_client_new();
  g_socket_client_set_tls(client, TRUE);
  g_signal_connect(
      client, "event",
      G_CALLBACK(+[](GSocketClient *, GSocketClientEvent event, GSocketConnectable *,
                     GIOStream *stream, gpointer certificate) {
        if (event != G_SOCKET_CLIENT_TLS_HANDSHAKING)
          return;
        g_signal_connect(stream, "accept-certificate", G_CALLBACK(+[] { return TRUE; }),
                         nullptr);
        if (certificate)
          g_tls_connection_set_certificate(G_TLS_CONNECTION(stream),
                                           G_TLS_CERTIFICATE(certificate));
      }),
      identity);
  auto *connection = g_socket_client_connect_to_host(
      client, "127.0.0.1", static_cast<guint16>(port), nullptr, nullptr);
  g_object_unref(client);
  if (!connection)
    return {};
  auto *out = g_io_stream_get_output_stream(G_IO_STREAM(connection));
  auto *in = g_io_stream_get_input_stream(G_IO_STREAM(connection));
  std::string got(text.size(), '\0');
  gsize count = 0;
  std::thread sender{[&] {
    g_output_stream_write_all(out, text.data(), text.size(), nullptr, nullptr, nullptr);
  }};
  g_input_stream_read_all(in, got.data(), got.size(), &count, nullptr, nullptr);
  sender.join();
  g_object_unref(connection);
  got.resize(count);
  return got;
}

GST_START_TEST(speaks_tls)
{
  const std::string pem = std::string{tls_certificate} + tls_private_key;
  const TemporaryFile identity{bytes_of(pem)};
  auto *own = g_tls_certificate_new_from_pem(pem.c_str(), -1, nullptr);
  // Else GIO reads all that the system trusts for each connection of these clients, who trust
  // anybody, which takes seconds and much memory when it is sanitised.
  auto *trusted = g_tls_file_database_new(identity.path(), nullptr);
  g_tls_backend_set_default_database(g_tls_backend_get_default(), G_TLS_DATABASE(trusted));
  g_object_unref(trusted);
  const std::string long_text(300'000, 'x');
  for (const char *launch : {"echoserver port=0", "protocolserver launch=queue"}) {
    Server server{std::string{launch} +
                  " handshake-timeout=100000 tls-certificate-file=" + identity.path()};
    server.play();
    // Who says nothing, or what is not TLS, keeps nobody waiting.
    std::vector<Client> silent;
    for (int i = 0; i < 50; ++i)
      silent.push_back(server.connect());
    const auto garbage = server.connect();
    garbage.send("GET / HTTP/1.0\r\n\r\n");
    assert_text(echoed_by_tls(server.port(), "hello", nullptr), "hello");
    ck_assert(echoed_by_tls(server.port(), long_text, nullptr) == long_text);
    ck_assert(server.comes_to("rejected", 1));
  }
  Server strict{std::string{"echoserver port=0 tls-client-auth=required tls-ca-file="} +
                identity.path() + " tls-certificate-file=" + identity.path()};
  strict.play();
  assert_text(echoed_by_tls(strict.port(), "hello", nullptr), "");
  assert_text(echoed_by_tls(strict.port(), "hello", own), "hello");
  g_object_unref(own);
  g_tls_backend_set_default_database(g_tls_backend_get_default(), nullptr);

  Server impatient{std::string{"echoserver port=0 handshake-timeout=50 tls-certificate-file="} +
                   identity.path()};
  impatient.play();
  const auto silent = impatient.connect();
  ck_assert(silent.receive_all().empty());
  Server mistaken{"echoserver port=0 tls-certificate-file=/nowhere"};
  const auto text = error_on_the_way_to(mistaken, GST_STATE_READY);
  ck_assert_msg(text.find("/nowhere") != std::string::npos, "%s", text.c_str());
}
GST_END_TEST

static Suite *protocolserver_tls_suite()
{
  Suite *suite = suite_create("protocolserver_tls");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, speaks_tls);
  return suite;
}

GST_CHECK_MAIN(protocolserver_tls)
