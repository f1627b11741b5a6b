// SPDX-License-Identifier: LGPL-2.1-or-later
// Who a test server says it is: 127.0.0.1, by its own word, for a hundred years. The key is
// known to everybody and good for nothing else.
#pragma once

#include <gio/gio.h>
#include <unistd.h>

namespace kam::test {

inline constexpr auto tls_certificate = R"(-----BEGIN CERTIFICATE-----
MIIBrDCCAVGgAwIBAgIUItDBesRCUsf0r/JBXIwyRUeLkoUwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRZ3N0LWthbWFlbGlhIHRlc3QwIBcNMjYxMTIyMTMzNTAwWhgP
MjEyNjEwMjkxMzM1MDBaMBwxGjAYBgNVBAMMEWdzdC1rYW1hZWxpYSB0ZXN0MFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFGjWpRPMmu/TDX6Z5ugmBQGQEGtn2olZ
mUZAxGxf+u9LK4a1Sshfn8YEZAD79HIqQTCRKFljAVfBoubNhjd3WKNvMG0wHQYD
VR0OBBYEFEkrGT9Y3spdI31v43CGWFblVKENMB8GA1UdIwQYMBaAFEkrGT9Y3spd
I31v43CGWFblVKENMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcEfwAAAYIJ
bG9jYWxob3N0MAoGCCqGSM49BAMCA0kAMEYCIQCHqWEvEMYs4nvAk3AnWlJNh5G0
n70HGbxB3ezJ4JZpfwIhAPg1VO0y4tCBjbXrkzeLztcmDEcKAcC0nrFUOGRuBmfL
-----END CERTIFICATE-----
)";

inline constexpr auto tls_private_key = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgPIfJYVFZ9/8C0FMF
YnsLVVPE8zJJRxfgySW5tnq3E8mhRANCAAQUaNalE8ya79MNfpnm6CYFAZAQa2fa
iVmZRkDEbF/670srhrVKyF+fxgRkAPv0cipBMJEoWWMBV8Gi5s2GN3dY
-----END PRIVATE KEY-----
)";

// Another of the same, for who renews it; with its key.
inline constexpr auto tls_renewed_identity = R"(-----BEGIN CERTIFICATE-----
MIIBsTCCAVegAwIBAgIUH+QRmFmcAU5SzLQLXR+NqufY6QgwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUZ3N0LWthbWFlbGlhIHJlbmV3ZWQwIBcNMjYxMTI3MDcxNDE4
WhgPMjEyNjExMDMwNzE0MThaMB8xHTAbBgNVBAMMFGdzdC1rYW1hZWxpYSByZW5l
d2VkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEwKgKgL+oUviG8NOZdqqgxEXb
BuwDYIWKC9OAA7FIdBS8mCvVf5YmuTTvPI5wQv/TzncsCzp5IFr8n1WNsydfUKNv
MG0wHQYDVR0OBBYEFNM+aUnf7nqiwSIvFMIaabqATY4AMB8GA1UdIwQYMBaAFNM+
aUnf7nqiwSIvFMIaabqATY4AMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYcE
fwAAAYIJbG9jYWxob3N0MAoGCCqGSM49BAMCA0gAMEUCIDHIGu7gHmNkjW0D2BPs
uCH1xWZzQb0+7TDm6PfsUErZAiEAxvNCGMeyzRaVUUN+OaBI/LPCJYvZxXfat9NN
4YX8jFA=
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGLqIpxEhG/EFzCio
ZNpJN+JsRpzeVYgzAsKpzM6ya/qhRANCAATAqAqAv6hS+Ibw05l2qqDERdsG7ANg
hYoL04ADsUh0FLyYK9V/lia5NO88jnBC/9POdywLOnkgWvyfVY2zJ19Q
-----END PRIVATE KEY-----
)";

// Trusts the certificate and no other.
class TlsAuthorities {
 public:
  TlsAuthorities()
  {
    close(g_file_open_tmp("kamaelia-XXXXXX.pem", &name_, nullptr));
    g_assert_true(g_file_set_contents(name_, tls_certificate, -1, nullptr));
    database_ = g_tls_file_database_new(name_, nullptr);
    g_assert_nonnull(database_);
  }
  ~TlsAuthorities()
  {
    g_object_unref(database_);
    unlink(name_);
    g_free(name_);
  }
  TlsAuthorities(const TlsAuthorities &) = delete;
  TlsAuthorities &operator=(const TlsAuthorities &) = delete;

  GTlsDatabase *database() const { return database_; }

 private:
  gchar *name_ = nullptr;
  GTlsDatabase *database_ = nullptr;
};

}  // namespace kam::test
