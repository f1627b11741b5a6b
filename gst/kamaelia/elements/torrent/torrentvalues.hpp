// SPDX-License-Identifier: LGPL-2.1-or-later
// What the user sets on elements that hold a torrent, whether they play it or share it.
#pragma once

#include "elements/torrent/swarm/torrentsession.hpp"
#include "glue/properties.hpp"

#include <memory>
#include <string>

namespace kam {

// Those of the session are the same on each element, and the first one's are taken.
struct TorrentNetworkValues {
  std::string listen_interfaces = "0.0.0.0:0,[::]:0";
  bool dht = true;
  bool lsd = true;
  bool upnp = true;
  bool natpmp = true;
  bool pex = true;
  torrent::Utp utp = torrent::Utp::automatic;
  torrent::Encryption encryption = torrent::Encryption::allowed;
  std::string proxy;
  bool anonymous = false;
  guint upload_limit = 0;
  guint max_connections = 0;
};

// Of an element that downloads. Addresses are separated by commas or blanks.
struct TorrentDownloadValues {
  guint download_limit = 0;
  std::string peers;
  std::string trackers;
  std::string web_seeds;
};

torrent::SessionSettings session_settings(const TorrentNetworkValues &values);
torrent::TorrentLimits torrent_limits(const TorrentNetworkValues &values);
// Whether a proxy is named as it has to be, or none is.
bool is_proxy(const std::string &address);

// Held by its field "session"; in the message have-context of each element that joins.
inline constexpr auto torrent_session_context = "kamaelia.torrent.session";

// Gets the session of this process, offers it to the application, and says so if another
// element has made it otherwise.
std::shared_ptr<torrent::TorrentSession> acquire_session(GstElement *element,
                                                         const TorrentNetworkValues &values);

// Posts the failure as an error of the element.
void post_failure(GstElement *element, const torrent::Failure &failure);

// Those properties, for an element whose Values begin with them.
template <class Impl, class Values>
void add_torrent_network(glue::Properties<Impl, Values> &properties);
template <class Impl, class Values>
void add_torrent_download(glue::Properties<Impl, Values> &properties);

}  // namespace kam

template <>
struct kam::glue::GTypeOf<kam::torrent::Utp> {
  static constexpr bool is_flags = false;
  static GType type();
};

template <>
struct kam::glue::GTypeOf<kam::torrent::Encryption> {
  static constexpr bool is_flags = false;
  static GType type();
};

template <class Impl, class Values>
void kam::add_torrent_network(glue::Properties<Impl, Values> &properties)
{
  using V = TorrentNetworkValues;
  using glue::Mutable;
  const auto of = []<class Value>(Value V::*member) {
    return static_cast<Value Values::*>(member);
  };
  properties
      .add("listen-interfaces", of(&V::listen_interfaces),
           "Addresses and ports at which peers can reach us, as libtorrent names them; port 0 "
           "for any. One session serves the process: the first element's are taken",
           Mutable::in_ready)
      .add("dht", of(&V::dht), "Look for peers in the distributed hash table; of the session",
           Mutable::in_ready)
      .add("lsd", of(&V::lsd), "Look for peers in the local network; of the session",
           Mutable::in_ready)
      .add("upnp", of(&V::upnp), "Ask the router by UPnP to let peers in; of the session",
           Mutable::in_ready)
      .add("natpmp", of(&V::natpmp),
           "Ask the router by NAT-PMP to let peers in; of the session", Mutable::in_ready)
      .add("pex", of(&V::pex), "Exchange addresses of peers with peers; of the session",
           Mutable::in_ready)
      .add("utp", of(&V::utp), "Whether to speak with peers by uTP too; of the session",
           Mutable::in_ready)
      .add("encryption", of(&V::encryption),
           "Whether connections to peers are obfuscated; of the session", Mutable::in_ready)
      .add_checked("proxy", of(&V::proxy),
                   "Proxy for everything: socks5://user:password@host:port, socks4 or http; of "
                   "the session",
                   Mutable::in_ready, is_proxy)
      .add("anonymous", of(&V::anonymous),
           "Tell peers and trackers no more than they need; of the session", Mutable::in_ready)
      .add("upload-limit", of(&V::upload_limit),
           "Most bytes a second to send of this torrent; 0 for no limit", Mutable::in_playing,
           {0, G_MAXINT})
      .add("max-connections", of(&V::max_connections),
           "Most connections to peers for this torrent, at least 2; 0 for no limit",
           Mutable::in_playing, {0, 65535});
}

template <class Impl, class Values>
void kam::add_torrent_download(glue::Properties<Impl, Values> &properties)
{
  using V = TorrentDownloadValues;
  using glue::Mutable;
  const auto of = []<class Value>(Value V::*member) {
    return static_cast<Value Values::*>(member);
  };
  properties
      .add("download-limit", of(&V::download_limit),
           "Most bytes a second to receive of this torrent; 0 for no limit",
           Mutable::in_playing, {0, G_MAXINT})
      .add("peers", of(&V::peers),
           "Peers to begin with, as address:port, separated by commas or blanks, besides those "
           "that are found",
           Mutable::in_ready)
      .add("trackers", of(&V::trackers),
           "Trackers besides the torrent's own, separated by commas or blanks",
           Mutable::in_ready)
      .add("web-seeds", of(&V::web_seeds),
           "Web servers that have the files, besides the torrent's own, separated by commas or "
           "blanks",
           Mutable::in_ready);
}
