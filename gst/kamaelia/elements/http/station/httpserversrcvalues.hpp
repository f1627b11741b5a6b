// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on httpserversrc. Names are httpserversink's and icecastsrc's where they
// have them.
#pragma once

#include "elements/http/frontend/frontendvalues.hpp"
#include "elements/http/station/sourcedoor.hpp"

#include <gst/gst.h>

#include <string>
#include <string_view>

namespace kam {

struct HttpServerSrcValues : FrontendValues {
  std::string mount = "/stream";
  std::string auth_user = "source";
  std::string auth_password;
  std::string auth_realm = "Radio";
  guint timeout = 10;
  bool takeover = false;
  bool eos_on_disconnect = false;
  guint read_interval = 100;
  guint queue_bytes = 256U << 10U;
  glue::Ref<GstCaps> caps;
  std::string icy_charset;
  bool split_title = true;
};

http::SourceDoorSettings door_settings(const HttpServerSrcValues &values);

// Of a stream whose source says it is of this media type; nullptr if that says too little, as
// audio/mpeg and audio/aac do: then elements downstream find out.
glue::Ref<GstCaps> caps_of_media_type(std::string_view media_type);

// All properties that are set; those that only report are the element's.
template <class Impl>
glue::Properties<Impl, HttpServerSrcValues> httpserversrc_properties();

}  // namespace kam

template <class Impl>
kam::glue::Properties<Impl, kam::HttpServerSrcValues> kam::httpserversrc_properties()
{
  using V = HttpServerSrcValues;
  using glue::Mutable;
  glue::Properties<Impl, V> properties;
  return add_frontend_properties(properties)
      .add("mount", &V::mount, "Path to which a source sends, beginning with a slash",
           Mutable::in_ready)
      .add("auth-user", &V::auth_user, "User whose password a source needs",
           Mutable::in_playing)
      .add("auth-password", &V::auth_password,
           "Password of that user. Unset, and without a handler of the authenticate signal, "
           "only sources on this host may send",
           Mutable::in_playing)
      .add("auth-realm", &V::auth_realm, "What sources are told the password is for",
           Mutable::in_playing)
      .add("timeout", &V::timeout,
           "For how many seconds a source may send nothing before it counts as lost; 0 for "
           "ever",
           Mutable::in_playing, {0, 3600})
      .add("takeover", &V::takeover,
           "A new source takes the place of the one that sends, instead of being refused; what "
           "the pipeline has not taken yet of the old one is dropped",
           Mutable::in_playing)
      .add("eos-on-disconnect", &V::eos_on_disconnect,
           "The stream ends with its source; else the next one goes on", Mutable::in_playing)
      .add(
          "read-interval", &V::read_interval,
          "How long what comes may be gathered before it is passed on, in milliseconds, once a "
          "source sends at the pace of its sound; 0 to pass on each piece as it comes. To be "
          "woken less often is what costs less; it is the latency that the element reports. A "
          "change counts from the next source on",
          Mutable::in_playing, {0, 1000})
      .add("queue-bytes", &V::queue_bytes,
           "How much is received ahead of the pipeline, in bytes; then the source has to wait",
           Mutable::in_ready, {4096, 1U << 30U})
      .add("caps", &V::caps,
           "Caps of what comes in, instead of what the source says; unset for those of its "
           "content type, or none where that says too little",
           Mutable::in_playing)
      .add("icy-charset", &V::icy_charset,
           "Character set of titles and names that are not UTF-8, where the source does not "
           "say; unset for that of the locale, or ISO 8859-1",
           Mutable::in_playing)
      .add("split-title", &V::split_title, "Make \"Artist - Title\" two tags",
           Mutable::in_playing);
}
