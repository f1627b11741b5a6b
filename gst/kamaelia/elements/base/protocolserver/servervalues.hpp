// SPDX-License-Identifier: LGPL-2.1-or-later
// What a protocol server can be told, and the enums of its public interface.
#pragma once

#include "elements/server/tlsvalues.hpp"
#include "glue/properties.hpp"

#include <string>

namespace kam {

// What becomes of a client for whom there is no place.
enum class Overflow { wait, close };

// Why a client is no more.
enum class Removal { eos, peer, error, idle, slow, lifetime, evicted, stopped, count_ };
inline constexpr std::size_t removal_count = static_cast<std::size_t>(Removal::count_);
const char *name_of(Removal reason);

enum class ClientThreads { automatic, always };

GType overflow_type();
GType removal_type();
GType client_threads_type();

struct ServerValues : TlsValues {
  std::string host = "127.0.0.1";
  int port = 0;
  std::string launch;
  glue::Ref<GstCaps> caps;
  ClientThreads client_threads = ClientThreads::automatic;
  guint backlog = 4096;
  guint max_clients = 0;
  guint max_clients_per_address = 0;
  guint accept_rate = 0;
  Overflow overflow = Overflow::wait;
  guint idle_timeout = 0;
  guint send_timeout = 30'000;
  guint max_lifetime = 0;
  guint handshake_timeout = 10'000;
  guint linger_timeout = 2'000;
  guint max_queued_bytes = guint{256} << 10U;
  guint64 max_bitrate = 0;
  guint max_threads = 0;
  guint context_wait = 5;
  guint recycle = 64;
  int num_clients = -1;
  guint64 seed = 0;
  bool reuse_port = false;
  bool tcp_nodelay = true;
  int qos_dscp = -1;
  bool post_messages = true;
};

}  // namespace kam

namespace kam::glue {

template <>
struct GTypeOf<Overflow> {
  static GType type() { return overflow_type(); }
};
template <>
struct GTypeOf<Removal> {
  static GType type() { return removal_type(); }
};
template <>
struct GTypeOf<ClientThreads> {
  static GType type() { return client_threads_type(); }
};

}  // namespace kam::glue

namespace kam {

// Where to listen, and what to serve.
template <class Impl, class Values>
void add_server_basics(glue::Properties<Impl, Values> &properties)
{
  using glue::Mutable;
  using V = ServerValues;
  properties
      .add("host", &V::host,
           "Address or name of this machine to listen at; \"::\" for all its addresses, of "
           "IPv6 and IPv4",
           Mutable::in_ready)
      .add("port", &V::port,
           "TCP port to listen at; 0 for one that is free, which current-port tells",
           Mutable::in_ready, {0, 65535})
      .add("launch", &V::launch,
           "What each client gets an instance of, as gst-launch-1.0 has it. A pad that is "
           "left open takes what the client sends, another gives what it gets; with one of "
           "them it is a recorder or a source, with none written at all an echo",
           Mutable::in_ready)
      .add("caps", &V::caps, "What clients send, for launches that have to know it",
           Mutable::in_ready)
      .add("client-threads", &V::client_threads,
           "Whether clients have threads of their own. Launches that make threads, wait for "
           "the clock or grow while they run are known; one that blocks in another way has "
           "to be told of",
           Mutable::in_ready)
      .add("backlog", &V::backlog,
           "How many connections may wait to be accepted; the system may allow fewer",
           Mutable::in_ready, {1, 65535});
}

// What a client may do, and for how long.
template <class Impl, class Values>
void add_server_limits(glue::Properties<Impl, Values> &properties)
{
  using glue::Mutable;
  using V = ServerValues;
  properties
      .add("max-clients", &V::max_clients,
           "How many clients there may be at once; 0 for as many as there are descriptors",
           Mutable::in_ready)
      .add("max-clients-per-address", &V::max_clients_per_address,
           "How many clients there may be at once from one address; more are closed; 0 for "
           "any number",
           Mutable::in_ready)
      .add("accept-rate", &V::accept_rate,
           "How many clients may come within one second, in the long run; 0 for any number",
           Mutable::in_ready)
      .add("overflow", &V::overflow,
           "What becomes of a client for whom max-clients or accept-rate leaves no place",
           Mutable::in_ready)
      .add("idle-timeout", &V::idle_timeout,
           "After how many milliseconds without a byte either way a client is closed; 0: "
           "never",
           Mutable::in_ready)
      .add("send-timeout", &V::send_timeout,
           "After how many milliseconds in which a client took nothing of what waits for it "
           "it is closed; 0: never",
           Mutable::in_ready)
      .add("max-lifetime", &V::max_lifetime,
           "After how many milliseconds a client is closed whatever it does; 0: never",
           Mutable::in_ready)
      .add("handshake-timeout", &V::handshake_timeout,
           "How many milliseconds a client has for the TLS handshake", Mutable::in_ready,
           {1, G_MAXUINT})
      .add("linger-timeout", &V::linger_timeout,
           "How many milliseconds a client has to end after it got everything, and sinks of "
           "the launch to finish what they write",
           Mutable::in_ready)
      .add("max-queued-bytes", &V::max_queued_bytes,
           "How many bytes may wait for a client that does not take them, before its launch "
           "has to wait",
           Mutable::in_ready, {1, guint{1} << 30U})
      .add("max-bitrate", &V::max_bitrate,
           "The most that is sent to one client, in bit/s; 0 for as fast as it goes",
           Mutable::in_ready);
}

// How it is done.
template <class Impl, class Values>
void add_server_ways(glue::Properties<Impl, Values> &properties)
{
  using glue::Mutable;
  using V = ServerValues;
  properties
      .add("max-threads", &V::max_threads,
           "Number of threads that serve clients; 0 for one per processor, four at most",
           Mutable::in_ready, {0, 64})
      .add("context-wait", &V::context_wait,
           "Deadlines are met together every so many milliseconds, which saves work where "
           "clients are paced; 0: each at its own time",
           Mutable::in_ready, {0, 1000})
      .add("recycle", &V::recycle,
           "Number of instances of the launch that wait for the next client, per thread, "
           "instead of being made anew",
           Mutable::in_ready)
      .add("num-clients", &V::num_clients,
           "Number of clients after which the server is at its end (EOS); -1 for any number",
           Mutable::in_ready, {-1, G_MAXINT})
      .add("seed", &V::seed,
           "With the client's number, the seed for what a client's launch leaves to chance; "
           "0 for another one each time",
           Mutable::in_ready)
      .add("reuse-port", &V::reuse_port,
           "Let other programs listen at the same port, which share the clients",
           Mutable::in_ready)
      .add("tcp-nodelay", &V::tcp_nodelay, "Send small pieces at once (TCP_NODELAY)",
           Mutable::in_ready)
      .add("qos-dscp", &V::qos_dscp,
           "Quality of service, the packets' differentiated services code point (a number, "
           "RFC 2474); -1 for the system's default",
           Mutable::in_ready, {-1, 63})
      .add("post-messages", &V::post_messages,
           "Post an element message for each client added and removed, as long as no more "
           "than 1000 of them wait to be read",
           Mutable::in_ready);
}

}  // namespace kam
