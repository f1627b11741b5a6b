// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on httpserversink. Names are shout2send's and icecast's where they have
// them.
#pragma once

#include "elements/http/frontend/frontendvalues.hpp"
#include "elements/http/station/streammount.hpp"

#include <gst/gst.h>

#include <string>
#include <variant>

namespace kam {

// Of one stream.
struct StreamValues {
  std::string mount;
  std::string content_type;
  std::string stream_name;
  std::string description;
  std::string genre;
  std::string url;
  bool is_public = false;
  guint max_listeners = 0;
};

struct HttpServerSinkValues : FrontendValues, StreamValues {
  HttpServerSinkValues() { mount = "/stream"; }

  guint icy_metaint = 8192;
  std::string icy_charset;
  guint burst_time = 4000;
  guint burst_bytes = 0;
  guint flush_interval = 100;
  guint queue_time = 20'000;
  guint queue_bytes = 32U << 20U;
  http::LagPolicy lag_policy = http::LagPolicy::disconnect;
  std::string auth_realm = "Radio";
  std::string auth_user;
  std::string auth_password;
  bool web_page = true;
  std::string web_root;
  std::string cors_origin = "*";
  bool sync = true;
  bool async = true;
  gint64 ts_offset = 0;
  guint place = 0;  // of the stream's pad
};

// As it is found by, whether or not the user has written the slash.
std::string mount_path(const std::string &mount);
http::MountSettings mount_settings(const HttpServerSinkValues &values);

// What goes by this name in a stream.
struct StreamKind {
  std::string content_type;
  media::Format format = media::Format::unknown;
  bool is_video = false;
  ByteVector headers;
};
// Why such data cannot be sent as it is: for the user, and for the developer.
struct StreamTrouble {
  const char *sentence;
  const char *hint;
};
std::variant<StreamKind, StreamTrouble> stream_kind(GstCaps *caps);

// All properties that are set; those that only report are the element's.
template <class Impl>
glue::Properties<Impl, HttpServerSinkValues> httpserversink_properties();

}  // namespace kam

template <>
struct kam::glue::GTypeOf<kam::http::LagPolicy> {
  static constexpr bool is_flags = false;
  static GType type();
};

template <class Impl>
kam::glue::Properties<Impl, kam::HttpServerSinkValues> kam::httpserversink_properties()
{
  using V = HttpServerSinkValues;
  using glue::Mutable;
  glue::Properties<Impl, V> properties;
  return add_frontend_properties(properties)
      .add("mount", &V::mount, "Path of the stream, beginning with a slash", Mutable::in_ready)
      .add("content-type", &V::content_type, "Media type of the stream, instead of the caps'",
           Mutable::in_ready)
      .add("stream-name", &V::stream_name, "Name of the stream, or station",
           Mutable::in_playing)
      .add("description", &V::description, "What the stream is about", Mutable::in_playing)
      .add("genre", &V::genre, "Genre of the stream", Mutable::in_playing)
      .add("url", &V::url, "Address of a page about the stream", Mutable::in_playing)
      .add("public", &V::is_public, "Tell clients that directories may list the stream",
           Mutable::in_playing)
      .add("icy-metaint", &V::icy_metaint,
           "Number of bytes of sound between two places for a title, for clients that ask for "
           "titles; 0 to send none",
           Mutable::in_ready, {0, 1U << 20U})
      .add("icy-charset", &V::icy_charset,
           "Character set of titles between the sound; unset for UTF-8", Mutable::in_playing)
      .add("burst-time", &V::burst_time,
           "How much a new listener gets at once, in milliseconds of the stream",
           Mutable::in_playing, {0, 3'600'000})
      .add("burst-bytes", &V::burst_bytes,
           "How much a new listener gets at once, in bytes; 0: burst-time counts",
           Mutable::in_playing)
      .add("flush-interval", &V::flush_interval,
           "How often the listeners are sent what there is, in milliseconds; 0: at each buffer",
           Mutable::in_playing, {0, 10'000})
      .add("queue-time", &V::queue_time,
           "By how much a listener may lag behind, in milliseconds of the stream",
           Mutable::in_playing, {100, 3'600'000})
      .add("queue-bytes", &V::queue_bytes,
           "How much of the stream is kept at most, in bytes; who lags by three quarters of it "
           "lags too much",
           Mutable::in_playing, {1U << 16U, 1U << 31U})
      .add("lag-policy", &V::lag_policy, "What becomes of listeners that lag too much",
           Mutable::in_playing)
      .add("max-listeners", &V::max_listeners, "Number of listeners; 0 for any number",
           Mutable::in_playing)
      .add("auth-realm", &V::auth_realm,
           "What listeners are told the password is for, if one is asked for",
           Mutable::in_ready)
      .add("auth-user", &V::auth_user,
           "User that may listen; if set, others may only if the authenticate signal says so",
           Mutable::in_playing)
      .add("auth-password", &V::auth_password, "Password of that user", Mutable::in_playing)
      .add("web-page", &V::web_page, "Show a page with a player at /", Mutable::in_playing)
      .add(
          "web-root", &V::web_root,
          "Folder with a page of one's own, which has an index.html; unset for the built-in one",
          Mutable::in_playing)
      .add("cors-origin", &V::cors_origin,
           "Pages from where may read the stream with scripts; unset for none but its own",
           Mutable::in_playing)
      .add("sync", &V::sync, "Take what is due by the clock, and not what comes as it comes",
           Mutable::in_playing)
      .add("async", &V::async, "Go asynchronously to PAUSED, which needs a buffer",
           Mutable::in_ready)
      .add("ts-offset", &V::ts_offset, "By how much it is taken later, in nanoseconds",
           Mutable::in_playing);
}
