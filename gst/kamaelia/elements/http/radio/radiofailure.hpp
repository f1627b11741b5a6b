// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gio/gio.h>
#include <gst/gst.h>

#include <string>

namespace kam::http {

// Why there is no sound.
struct RadioFailure {
  enum class Kind {
    cancelled,
    bad_address,  // not one that can be fetched
    unreachable,  // no such host, nobody listens, a proxy that does not help
    insecure,     // a certificate that nobody vouches for
    no_http,      // not a response
    too_many_redirects,
    refused,    // by status
    not_audio,  // a web page, HLS, a playlist without anything in it
    closed,     // properly
    truncated,  // before the length that was announced, or inside a chunk
    lost,       // reset
    stalled,    // nothing for `timeout`
  };
  Kind kind = Kind::lost;
  unsigned status = 0;
  std::string text;  // for who debugs
};

// What GIO says, in these terms; `otherwise` where it says nothing of ours.
RadioFailure failure_of(const GError *error, RadioFailure::Kind otherwise,
                        GCancellable *cancellable);

// As it is called in messages.
const char *name_of(RadioFailure::Kind kind);

// What the user is told when nothing is left to try.
void post_error(GstElement *element, const RadioFailure &failure, const std::string &location);

}  // namespace kam::http
