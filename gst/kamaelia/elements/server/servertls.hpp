// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/server/tlsvalues.hpp"
#include "glue/refs.hpp"
#include "net/file_descriptor.hpp"
#include "net/stream.hpp"

#include <gio/gio.h>

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
  bool end_writing() override;
  bool keeps_bytes() const override { return true; }
  int fd() const override { return g_socket_get_fd(socket_.get()); }

 private:
  glue::Ref<GTlsConnection> connection_;
  glue::Ref<GSocket> socket_;
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
  glue::Ref<GTlsDatabase> database_;
  GTlsAuthenticationMode mode_ = G_TLS_AUTHENTICATION_NONE;
};

}  // namespace kam
