// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radiofailure.hpp"

#include <libsoup/soup.h>

#include <array>

namespace kam::http {

using Kind = RadioFailure::Kind;

RadioFailure failure_of(const GError *error, Kind otherwise, GCancellable *cancellable)
{
  auto kind = otherwise;
  if (g_cancellable_is_cancelled(cancellable))
    kind = Kind::cancelled;
  else if (g_error_matches(error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE))
    kind = Kind::insecure;
  else if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
    kind = otherwise == Kind::unreachable ? Kind::unreachable : Kind::stalled;
  return {kind, 0, error ? error->message : ""};
}

const char *name_of(RadioFailure::Kind kind)
{
  static constexpr std::array names{
      "cancelled", "bad-address", "unreachable", "insecure",  "no-http", "redirects",
      "refused",   "not-audio",   "closed",      "truncated", "lost",    "stalled",
  };
  return names.at(static_cast<std::size_t>(kind));
}

void post_error(GstElement *element, const RadioFailure &failure, const std::string &location)
{
  const auto detail = location + ": " + failure.text +
                      (failure.status > 0 ? " (" + std::to_string(failure.status) + ")" : "");
  switch (failure.kind) {
  case Kind::bad_address:
    GST_ELEMENT_ERROR(element, RESOURCE, NOT_FOUND, ("There is no such address."),
                      ("%s", detail.c_str()));
    break;
  case Kind::insecure:
    GST_ELEMENT_ERROR(element, RESOURCE, OPEN_READ,
                      ("The station cannot prove that it is the one you asked for."),
                      ("%s", detail.c_str()));
    break;
  case Kind::refused:
    if (failure.status == SOUP_STATUS_UNAUTHORIZED || failure.status == SOUP_STATUS_FORBIDDEN ||
        failure.status == SOUP_STATUS_PROXY_UNAUTHORIZED)
      GST_ELEMENT_ERROR(element, RESOURCE, NOT_AUTHORIZED,
                        ("The station does not let you listen."), ("%s", detail.c_str()));
    else if (failure.status == SOUP_STATUS_NOT_FOUND || failure.status == SOUP_STATUS_GONE)
      GST_ELEMENT_ERROR(element, RESOURCE, NOT_FOUND, ("The station is not there."),
                        ("%s", detail.c_str()));
    else
      GST_ELEMENT_ERROR(element, RESOURCE, OPEN_READ, ("The station refused to send."),
                        ("%s", detail.c_str()));
    break;
  case Kind::not_audio:
    GST_ELEMENT_ERROR(element, STREAM, WRONG_TYPE, ("At this address there is no radio."),
                      ("%s", detail.c_str()));
    break;
  case Kind::too_many_redirects:
  case Kind::no_http:
  case Kind::unreachable:
    GST_ELEMENT_ERROR(element, RESOURCE, OPEN_READ, ("The station cannot be reached."),
                      ("%s", detail.c_str()));
    break;
  default:
    GST_ELEMENT_ERROR(element, RESOURCE, READ, ("The station stopped sending."),
                      ("%s", detail.c_str()));
  }
}

}  // namespace kam::http
