// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/servertls.hpp"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace kam {

namespace {

using glue::Owned;
using glue::Ref;

// Takes the error.
net::Stream::Result result_of(GError *error)
{
  const Owned<GError, g_error_free> owned{error};
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    return {net::Stream::Status::blocked, 0, 0};
  const bool is_broken = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
  return {net::Stream::Status::failed, 0, is_broken ? ECONNRESET : EPROTO};
}

// The certificate alone, as a file that nobody else sees or changes: databases are read again
// for each connection.
net::FileDescriptor private_file(GTlsCertificate *certificate)
{
  gchar *pem = nullptr;
  g_object_get(certificate, "certificate-pem", &pem, nullptr);
  const glue::StringPtr owned{pem};
  auto file = net::FileDescriptor::own(memfd_create("kam-certificate", MFD_CLOEXEC));
  const auto size = static_cast<ssize_t>(std::strlen(pem));
  if (file && ::write(file.get(), pem, static_cast<std::size_t>(size)) != size)
    return {};
  return file;
}

// The certificates of it; nullptr if there are none.
Ref<GTlsDatabase> database_in(const net::FileDescriptor &file)
{
  if (!file)
    return {};
  const auto path = "/proc/self/fd/" + std::to_string(file.get());
  return Ref<GTlsDatabase>::adopt(g_tls_file_database_new(path.c_str(), nullptr));
}

bool has_key(GTlsCertificate *certificate)
{
  gchar *pem = nullptr;
  g_object_get(certificate, "private-key-pem", &pem, nullptr);
  const glue::StringPtr owned{pem};
  return pem != nullptr;
}

// GObject initialises a class when it is first used, and two threads that begin with classes
// which need each other wait for each other for ever (seen with GLib 2.74 between a handshake
// and an application's first GSocketClient). So here, before there are threads.
void initialise_classes()
{
  for (const GType type :
       {G_TYPE_INET_SOCKET_ADDRESS, G_TYPE_SOCKET, G_TYPE_TCP_CONNECTION,
        g_tls_backend_get_server_connection_type(g_tls_backend_get_default())})
    g_type_class_unref(g_type_class_ref(type));
}

}  // namespace

std::variant<std::monostate, std::shared_ptr<ServerTls>, std::string> ServerTls::make(
    const TlsValues &values)
{
  auto tls = std::make_shared<ServerTls>();
  GError *error = nullptr;
  tls->certificate_ = values.tls_certificate;
  if (!tls->certificate_ && !values.tls_certificate_file.empty()) {
    tls->certificate_ = Ref<GTlsCertificate>::adopt(
        g_tls_certificate_new_from_file(values.tls_certificate_file.c_str(), &error));
    const Owned<GError, g_error_free> owned{error};
    if (!tls->certificate_)
      return "The certificate \"" + values.tls_certificate_file +
             "\" cannot be used: " + error->message;
    if (!has_key(tls->certificate_.get()))
      return "There is no key beside the certificate in \"" + values.tls_certificate_file + '"';
  }
  tls->database_ = values.tls_database;
  if (!tls->database_ && !values.tls_ca_file.empty()) {
    tls->database_ =
        Ref<GTlsDatabase>::adopt(g_tls_file_database_new(values.tls_ca_file.c_str(), &error));
    const Owned<GError, g_error_free> owned{error};
    if (!tls->database_)
      return "The authorities in \"" + values.tls_ca_file +
             "\" cannot be used: " + error->message;
  }
  const bool has_database{tls->database_};
  tls->mode_ = static_cast<GTlsAuthenticationMode>(values.tls_client_auth);
  if (tls->certificate_ && !tls->database_ && tls->mode_ == G_TLS_AUTHENTICATION_NONE) {
    tls->own_file_ = private_file(tls->certificate_.get());
    tls->database_ = database_in(tls->own_file_);
  }
  if (tls->certificate_) {
    initialise_classes();
    return tls;
  }
  if (tls->mode_ != G_TLS_AUTHENTICATION_NONE || has_database)
    return std::string{"Clients can only be asked for certificates by a server that has one"};
  return {};
}

Ref<GTlsConnection> ServerTls::accept(net::FileDescriptor socket) const
{
  const auto wrapped = Ref<GSocket>::adopt(g_socket_new_from_fd(socket.get(), nullptr));
  if (!wrapped)
    return {};
  [[maybe_unused]] const int owned_by_gio = socket.release();
  const auto plain = Ref<GSocketConnection>::adopt(
      g_socket_connection_factory_create_connection(wrapped.get()));
  // With a database from the beginning: without, GIO reads the system's for each connection.
  // A server that asks for no certificates has its own as one, which is small.
  auto *const backend = g_tls_backend_get_default();
  auto connection = Ref<GTlsConnection>::adopt(static_cast<GTlsConnection *>(g_initable_new(
      g_tls_backend_get_server_connection_type(backend), nullptr, nullptr, "base-io-stream",
      plain.get(), "certificate", certificate_.get(), "database", database_.get(), nullptr)));
  if (!connection)
    return {};
  g_object_set(connection.get(), "authentication-mode", mode_, nullptr);
  // A server is always asked, also about a certificate without fault.
  g_signal_connect(
      connection.get(), "accept-certificate",
      G_CALLBACK(+[](GTlsConnection *, GTlsCertificate *, GTlsCertificateFlags faults) {
        return gboolean{faults == 0};
      }),
      nullptr);
  // Who just closes has ended, as without TLS.
  g_tls_connection_set_require_close_notify(connection.get(), FALSE);
  return connection;
}

std::unique_ptr<TlsStream> ServerTls::shake_hands(net::FileDescriptor socket,
                                                  GCancellable *cancellable,
                                                  std::string &why_not) const
{
  auto connection = accept(std::move(socket));
  if (!connection) {
    why_not = "TLS has no connection for it";
    return nullptr;
  }
  auto stream = std::make_unique<TlsStream>(connection);
  GError *error = nullptr;
  if (g_tls_connection_handshake(connection.get(), cancellable, &error))
    return stream;
  const Owned<GError, g_error_free> owned{error};
  why_not = error->message;
  return nullptr;
}

TlsStream::TlsStream(Ref<GTlsConnection> connection) : connection_{std::move(connection)}
{
  GIOStream *plain = nullptr;
  g_object_get(connection_.get(), "base-io-stream", &plain, nullptr);
  socket_ = Ref<GSocket>::share(g_socket_connection_get_socket(G_SOCKET_CONNECTION(plain)));
  g_object_unref(plain);
}

// GIO says farewell when it closes, and would wait until that can be sent.
TlsStream::~TlsStream()
{
  shutdown(g_socket_get_fd(socket_.get()), SHUT_RDWR);
}

net::Stream::Result TlsStream::read(std::span<std::byte> into)
{
  GError *error = nullptr;
  auto *input = g_io_stream_get_input_stream(G_IO_STREAM(connection_.get()));
  const auto size = g_pollable_input_stream_read_nonblocking(
      G_POLLABLE_INPUT_STREAM(input), into.data(), into.size(), nullptr, &error);
  if (size < 0)
    return result_of(error);
  return {size == 0 ? Status::ended : Status::done, static_cast<std::size_t>(size), 0};
}

net::Stream::Result TlsStream::write(Bytes bytes)
{
  GError *error = nullptr;
  auto *output = g_io_stream_get_output_stream(G_IO_STREAM(connection_.get()));
  const auto size = g_pollable_output_stream_write_nonblocking(
      G_POLLABLE_OUTPUT_STREAM(output), bytes.data(), bytes.size(), nullptr, &error);
  if (size < 0)
    return result_of(error);
  return {Status::done, static_cast<std::size_t>(size), 0};
}

net::Stream::Result TlsStream::flush()
{
  while (!kept_.empty()) {
    const auto result = write(Bytes{kept_});
    if (result.status != Status::done)
      return result;
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(result.bytes));
  }
  return {Status::done, 0, 0};
}

net::Stream::Result TlsStream::write(std::span<const Bytes> pieces)
{
  constexpr std::size_t largest_record = 16384;
  if (const auto result = flush(); result.status != Status::done)
    return result;
  for (const auto &piece : pieces) {
    const auto part = piece.first(std::min(piece.size(), largest_record - kept_.size()));
    kept_.insert(kept_.end(), part.begin(), part.end());
  }
  const auto size = kept_.size();
  if (const auto result = flush(); result.status == Status::failed)
    return result;
  return {Status::done, size, 0};
}

// The farewell of TLS is written at once or not at all: this must not wait.
bool TlsStream::end_writing()
{
  (void)flush();
  if ((g_socket_condition_check(socket_.get(), G_IO_OUT) & G_IO_OUT) != 0)
    g_output_stream_close(g_io_stream_get_output_stream(G_IO_STREAM(connection_.get())),
                          nullptr, nullptr);
  return shutdown(fd(), SHUT_WR) == 0;
}

// --- certificates that are renewed --------------------------------------------------------

std::variant<std::monostate, std::unique_ptr<RenewedTls>, std::string> RenewedTls::make(
    TlsValues values)
{
  const auto state = state_of(values.tls_certificate_file);
  auto made = ServerTls::make(values);
  if (auto *why_not = std::get_if<std::string>(&made))
    return std::move(*why_not);
  auto *tls = std::get_if<std::shared_ptr<ServerTls>>(&made);
  if (!tls)
    return {};
  auto renewed = std::make_unique<RenewedTls>();
  renewed->values_ = std::move(values);
  renewed->state_ = state;
  renewed->tls_ = std::move(*tls);
  return renewed;
}

RenewedTls::FileState RenewedTls::state_of(const std::string &path)
{
  constexpr std::int64_t second = 1'000'000'000;
  struct stat found {};
  if (path.empty() || stat(path.c_str(), &found) != 0)
    return {};
  return {found.st_ino, found.st_size, found.st_mtim.tv_sec * second + found.st_mtim.tv_nsec};
}

std::shared_ptr<const ServerTls> RenewedTls::current(std::uint64_t now)
{
  constexpr std::uint64_t interval_ns = 1'000'000'000;
  if (values_.tls_certificate || now < looked_ + interval_ns)
    return tls_;
  looked_ = now;
  const auto state = state_of(values_.tls_certificate_file);
  if (state == state_ || state == FileState{})
    return tls_;
  auto made = ServerTls::make(values_);
  if (auto *tls = std::get_if<std::shared_ptr<ServerTls>>(&made)) {
    tls_ = std::move(*tls);
    state_ = state;
  }
  return tls_;
}

}  // namespace kam
