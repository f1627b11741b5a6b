// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on icecastsrc. Names and meanings are souphttpsrc's where it has them.
#pragma once

#include "config.h"

#include "elements/http/client/tlsproperties.hpp"
#include "elements/http/radio/radioreader.hpp"
#include "glue/properties.hpp"

#include <string>
#include <vector>

namespace kam {

struct IcecastSrcValues {
  std::string location;
  std::string user_agent = PACKAGE "/" VERSION;
  std::string user_id;
  std::string user_pw;
  glue::SharedStructure extra_headers;
  std::vector<std::string> cookies;
  std::string proxy;
  std::string proxy_id;
  std::string proxy_pw;
  glue::Ref<GTlsDatabase> tls_database;
  glue::Ref<GTlsInteraction> tls_interaction;
  bool ssl_strict = true;
  guint timeout = 15;
  guint connect_timeout = 10;
  guint read_interval = 200;
  gint retries = -1;
  guint retry_delay = 500;
  double retry_backoff_factor = 2;
  guint retry_backoff_max = 30'000;
  guint max_redirects = 10;
  bool iradio_mode = true;
  std::string icy_charset;
  bool split_title = true;
  bool resync = true;
  bool merge_ogg_chains = true;
  bool is_live = false;
};

icy::RadioReader::Options reader_options(const IcecastSrcValues &values, gsize block_size);

// All properties that are set; those that only report are the element's.
template <class Impl>
glue::Properties<Impl, IcecastSrcValues> icecastsrc_properties();

}  // namespace kam

template <class Impl>
kam::glue::Properties<Impl, kam::IcecastSrcValues> kam::icecastsrc_properties()
{
  using V = IcecastSrcValues;
  using glue::Mutable;
  return glue::Properties<Impl, V>{}
      .add("location", &V::location,
           "Address of the station, or of a playlist (pls, m3u, xspf): http, https, icy, "
           "icecast, icyx, and with TLS icys, icecasts. \"#charset=…\" at its end is as "
           "icy-charset",
           Mutable::in_ready)
      .add("user-agent", &V::user_agent, "What is said to the server about the client",
           Mutable::in_ready)
      .add("user-id", &V::user_id, "User, where the server asks for one; sent to no other host",
           Mutable::in_ready)
      .add("user-pw", &V::user_pw, "Password of the user", Mutable::in_ready)
      .add("extra-headers", &V::extra_headers,
           "More header fields of the request: a string, or an array of them, by name",
           Mutable::in_ready)
      .add("cookies", &V::cookies, "Cookies for the server of the location, as name=value",
           Mutable::in_ready)
      .add("proxy", &V::proxy, "Address of a proxy, instead of the one the system names",
           Mutable::in_ready)
      .add("proxy-id", &V::proxy_id, "User at the proxy", Mutable::in_ready)
      .add("proxy-pw", &V::proxy_pw, "Password of the user at the proxy", Mutable::in_ready)
      .add("tls-database", &V::tls_database, "Authorities to trust instead of the system's",
           Mutable::in_ready)
      .add("tls-interaction", &V::tls_interaction,
           "Who is asked for certificates and their passwords", Mutable::in_ready)
      .add("ssl-strict", &V::ssl_strict, "Refuse servers whose certificate cannot be trusted",
           Mutable::in_ready)
      .add("timeout", &V::timeout,
           "For how many seconds the server may send nothing before it counts as lost; 0 for "
           "ever",
           Mutable::in_playing, {0, 3600})
      .add("connect-timeout", &V::connect_timeout,
           "For how many seconds to wait for a connection to one address of the host; 0 as "
           "long as the system does",
           Mutable::in_playing, {0, 3600})
      .add("read-interval", &V::read_interval,
           "How long what comes may be gathered before it is passed on, in milliseconds, once "
           "a station sends at the pace of its sound; 0 to pass on each piece as it comes. To "
           "be woken less often is what costs less; over TLS, each piece is read as it comes",
           Mutable::in_playing, {0, 1000})
      .add("retries", &V::retries,
           "Number of times to try all addresses again, without sound in between, before "
           "giving up; -1 means any number, 0 that the stream ends when the connection does",
           Mutable::in_playing, {-1, 999'999})
      .add("retry-delay", &V::retry_delay,
           "How long to wait before the first retry, in milliseconds", Mutable::in_playing,
           {0, 3'600'000})
      .add("retry-backoff-factor", &V::retry_backoff_factor,
           "How many times as long each further retry waits as the one before",
           Mutable::in_playing, {1, 100})
      .add("retry-backoff-max", &V::retry_backoff_max, "The longest wait, in milliseconds",
           Mutable::in_playing, {0, 3'600'000})
      .add("max-redirects", &V::max_redirects, "Number of redirects to follow to one address",
           Mutable::in_playing, {0, 100})
      .add("iradio-mode", &V::iradio_mode, "Ask for titles between the audio",
           Mutable::in_ready)
      .add(
          "icy-charset", &V::icy_charset,
          "Character set of titles and names that are not UTF-8; unset for that of the locale, "
          "or ISO 8859-1",
          Mutable::in_playing)
      .add("split-title", &V::split_title, "Make \"Artist - Title\" two tags",
           Mutable::in_playing)
      .add("resync", &V::resync,
           "Begin with a whole frame after a reconnect (MPEG audio, AAC in ADTS, Ogg)",
           Mutable::in_playing)
      .add("merge-ogg-chains", &V::merge_ogg_chains,
           "Make one stream of the chain that Ogg stations send, a link for each title, where "
           "its links are alike",
           Mutable::in_ready)
      .add("is-live", &V::is_live, "Act as a live source: no data in PAUSED, no buffering",
           Mutable::in_ready);
}
