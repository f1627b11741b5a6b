// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/server/tlsvalues.hpp"
#include "glue/refs.hpp"
#include "net/file_descriptor.hpp"
#include "net/stream.hpp"

#include <gio/gio.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace kam {

// A connection after its handshake. It ends without waiting for the peer.
class TlsStream final : public net::Stream {
 public:
  explicit TlsStream(glue::Ref<GTlsConnection> connection);
  ~TlsStream() override;

  Result read(std::span<std::byte> into) override;
  Result write(Bytes bytes) override;
  // As one record. What is said to be done and cannot be sent yet is kept here, because TLS
  // wants to be offered the same bytes again, and who sends a live stream may have others then.
  Result write(std::span<const Bytes> pieces) override;
  bool end_writing() override;
  bool keeps_bytes() const override { return true; }
  int fd() const override { return g_socket_get_fd(socket_.get()); }

 private:
  // Sends what is kept.
  Result flush();

  glue::Ref<GTlsConnection> connection_;
  glue::Ref<GSocket> socket_;
  ByteVector kept_;
};

// Who a server is for those who connect by TLS, and whom it lets in.
class ServerTls {
 public:
  // Nothing if the values ask for no TLS; a sentence for the user if they cannot be used.
  static std::variant<std::monostate, std::shared_ptr<ServerTls>, std::string> make(
      const TlsValues &values);

  // Waits for the client's side of it. Any thread; nullptr, and why, if it failed.
  std::unique_ptr<TlsStream> shake_hands(net::FileDescriptor socket, GCancellable *cancellable,
                                         std::string &why_not) const;

 private:
  glue::Ref<GTlsConnection> accept(net::FileDescriptor socket) const;

  glue::Ref<GTlsCertificate> certificate_;
  net::FileDescriptor own_file_;  // the database is read from, unless that is given
  glue::Ref<GTlsDatabase> database_;
  GTlsAuthenticationMode mode_ = G_TLS_AUTHENTICATION_NONE;
};

// The TLS of a server that runs for longer than its certificate is valid: read again when the
// file has changed. Only for one thread at a time.
class RenewedTls {
 public:
  // Nothing if the values ask for no TLS; a sentence for the user if they cannot be used.
  static std::variant<std::monostate, std::unique_ptr<RenewedTls>, std::string> make(
      TlsValues values);

  // `now`: nanoseconds of the monotonic clock; the file is looked at once a second. What
  // cannot be used, such as half of a file, does not count.
  std::shared_ptr<const ServerTls> current(std::uint64_t now);

 private:
  // What is different when a file has been replaced or written.
  struct FileState {
    std::uint64_t inode = 0;
    std::int64_t size = -1;
    std::int64_t changed_ns = 0;
    bool operator==(const FileState &) const = default;
  };
  static FileState state_of(const std::string &path);

  TlsValues values_;
  FileState state_;
  std::uint64_t looked_ = 0;
  std::shared_ptr<const ServerTls> tls_;
};

}  // namespace kam
