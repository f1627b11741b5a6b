// SPDX-License-Identifier: LGPL-2.1-or-later
// How a server is told to speak TLS.
#pragma once

#include "glue/properties.hpp"

#include <gio/gio.h>

#include <string>

namespace kam {

// As GTlsAuthenticationMode has them.
enum class TlsClientAuth { none, requested, required };

struct TlsValues {
  glue::Ref<GTlsCertificate> tls_certificate;
  std::string tls_certificate_file;
  glue::Ref<GTlsDatabase> tls_database;
  std::string tls_ca_file;
  TlsClientAuth tls_client_auth = TlsClientAuth::none;
};

}  // namespace kam

namespace kam::glue {

template <>
struct GTypeOf<GTlsCertificate> {
  static GType type() { return G_TYPE_TLS_CERTIFICATE; }
};
template <>
struct GTypeOf<GTlsDatabase> {
  static GType type() { return G_TYPE_TLS_DATABASE; }
};
template <>
struct GTypeOf<TlsClientAuth> {
  static GType type() { return G_TYPE_TLS_AUTHENTICATION_MODE; }
};

}  // namespace kam::glue

namespace kam {

// Who the server is, and who may come.
template <class Impl, class Values>
void add_tls(glue::Properties<Impl, Values> &properties)
{
  using glue::Mutable;
  using V = TlsValues;
  properties
      .add("tls-certificate", &V::tls_certificate,
           "Certificate of the server, with its key: clients have to connect by TLS",
           Mutable::in_ready)
      .add("tls-certificate-file", &V::tls_certificate_file,
           "File that the certificate and its key are read from (PEM), unless it is given",
           Mutable::in_ready)
      .add("tls-database", &V::tls_database,
           "Whose word counts for the certificates of clients", Mutable::in_ready)
      .add("tls-ca-file", &V::tls_ca_file,
           "File of the certificates (PEM) whose word counts, unless tls-database is given",
           Mutable::in_ready)
      .add("tls-client-auth", &V::tls_client_auth,
           "Whether clients are asked for a certificate, and have to have one",
           Mutable::in_ready);
}

}  // namespace kam
