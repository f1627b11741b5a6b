// SPDX-License-Identifier: LGPL-2.1-or-later
// What the elements of reliable multicast can be told alike: where and how packets travel, and
// the numbers of the protocol.
#pragma once

#include "core/srm/policy.hpp"
#include "core/srm/receiver.hpp"
#include "core/srm/sender.hpp"
#include "glue/properties.hpp"

#include <gio/gio.h>
#include <gst/gst.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

template <>
struct kam::glue::GTypeOf<GSocket> {
  static GType type() { return G_TYPE_SOCKET; }
};

namespace kam {

enum class SrmReceiveMode { automatic, latency, bulk };
enum class SrmFraming { records, raw };
enum class SrmObjectType { stream, data, file };

}  // namespace kam

template <>
struct kam::glue::GTypeOf<kam::srm::Policy> {
  static GType type();
};
template <>
struct kam::glue::GTypeOf<kam::SrmReceiveMode> {
  static GType type();
};
template <>
struct kam::glue::GTypeOf<kam::SrmFraming> {
  static GType type();
};
template <>
struct kam::glue::GTypeOf<kam::SrmObjectType> {
  static GType type();
};

namespace kam {

inline constexpr int srm_default_port = 6003;
inline constexpr guint srm_max_segment_size = 65000;

// Of the elements with sockets; named as udpsink and udpsrc name them.
struct SrmNetworkValues {
  std::string host;  // of srmsrc: address
  int port = srm_default_port;
  std::string multicast_iface;
  bool auto_multicast = true;
  int ttl = 64;
  int ttl_mc = 1;
  bool loop = true;
  int buffer_size = 0;
  int qos_dscp = -1;
  bool reuse = true;
  glue::Ref<GSocket> socket;
  bool close_socket = true;
  std::string source_filter;
  std::string allowed_nodes;
};

// Of the elements that send.
struct SrmSenderValues {
  srm::Policy mode = srm::Policy::latency;
  guint node_id = 0;
  guint instance_id = 0;
  guint segment_size = 1400;
  guint block_size = 0;
  int parity = -1;
  double fec_overhead = 0;
  guint64 max_rate = 0;
  bool congestion_control = false;
  guint64 min_rate = 0;
  guint64 max_repair_rate = 0;
  guint64 grtt = 10 * GST_MSECOND;
  guint backoff_factor = 4;
  guint64 group_size = 10;
  guint min_receivers = 0;
  std::string ack_receivers;
  guint max_receivers = 1024;
  guint64 repair_buffer_size = guint64{64} << 20U;
  bool send_timestamps = true;
  SrmFraming framing = SrmFraming::records;
};

// Of the elements that receive.
struct SrmReceiverValues {
  SrmReceiveMode mode = SrmReceiveMode::automatic;
  guint latency = 200;
  guint node_id = 0;
  bool silent = false;
  guint64 repair_buffer_size = guint64{64} << 20U;
  guint64 total_buffer_size = guint64{256} << 20U;
  guint max_message_size = 32U << 20U;
  guint sender_timeout = 30;
  glue::Ref<GstCaps> caps;

  GstClockTime latency_time() const { return latency * GST_MSECOND; }
};

// Node ids as text: "1,2,3". Nothing if something else is in it.
std::optional<std::vector<srm::NodeId>> parse_srm_nodes(const std::string &text);
bool is_srm_node_list(const std::string &text);

// Neither nobody's nor everybody's.
srm::NodeId random_srm_node();

srm::SenderOptions sender_options(const SrmSenderValues &values);
srm::ReceiverOptions receiver_options(const SrmReceiverValues &values);

template <class Impl, class Values>
void add_srm_network(glue::Properties<Impl, Values> &table)
{
  using glue::Mutable;
  const auto of = []<class Value>(Value SrmNetworkValues::*member) {
    return static_cast<Value Values::*>(member);
  };
  table
      .add("port", of(&SrmNetworkValues::port),
           "UDP port of the group, or of the host that is sent to", Mutable::in_ready,
           {0, 65535})
      .add("multicast-iface", of(&SrmNetworkValues::multicast_iface),
           "Network interface for multicast, by name or by an address that it has; not set: "
           "the system's routes decide",
           Mutable::in_ready)
      .add("auto-multicast", of(&SrmNetworkValues::auto_multicast),
           "Join the group, and leave it in READY; otherwise the application does",
           Mutable::in_ready)
      .add("ttl-mc", of(&SrmNetworkValues::ttl_mc),
           "How many times multicast packets may be forwarded, plus 1", Mutable::in_ready,
           {0, 255})
      .add("ttl", of(&SrmNetworkValues::ttl),
           "How many times unicast packets may be forwarded, plus 1", Mutable::in_ready,
           {1, 255})
      .add("loop", of(&SrmNetworkValues::loop),
           "Let receivers on this host have multicast packets too", Mutable::in_ready)
      .add("buffer-size", of(&SrmNetworkValues::buffer_size),
           "Size of the socket's buffers in the kernel in bytes, beyond the system's limit if "
           "the process may; 0: 4 MiB, as far as the limit allows",
           Mutable::in_ready, {0, G_MAXINT})
      .add("qos-dscp", of(&SrmNetworkValues::qos_dscp),
           "Number of the Differentiated Services code point of what is sent; -1: the "
           "system's",
           Mutable::in_ready, {-1, 63})
      .add("reuse", of(&SrmNetworkValues::reuse), "Let others on this host have the same port",
           Mutable::in_ready)
      .add("socket", of(&SrmNetworkValues::socket),
           "UDP socket to use; not set: one is made. It is bound by who gives it",
           Mutable::in_ready)
      .add("close-socket", of(&SrmNetworkValues::close_socket),
           "Close the socket that was given in READY", Mutable::in_ready)
      .add("source-filter", of(&SrmNetworkValues::source_filter),
           "Addresses, separated by commas, that packets are taken from; others are dropped. "
           "For a receiver of a group it is joined for these sources only",
           Mutable::in_ready)
      .add_checked("allowed-nodes", of(&SrmNetworkValues::allowed_nodes),
                   "Node ids, separated by commas, that packets are taken from; not set: from "
                   "any. NORM has no signatures, so this keeps mistakes away, not attackers",
                   Mutable::in_ready, is_srm_node_list);
}

template <class Impl, class Values>
void add_srm_sender(glue::Properties<Impl, Values> &table)
{
  using glue::Mutable;
  const auto of = []<class Value>(Value SrmSenderValues::*member) {
    return static_cast<Value Values::*>(member);
  };
  table
      .add("mode", of(&SrmSenderValues::mode),
           "Whether delay counts, or that nothing is ever missing", Mutable::in_ready)
      .add("max-rate", of(&SrmSenderValues::max_rate),
           "Most that is sent in bit/s, headers and repairs included, without those of UDP; "
           "0: no limit",
           Mutable::in_playing, {0, G_GUINT64_CONSTANT(1) << 40U})
      .add("congestion-control", of(&SrmSenderValues::congestion_control),
           "Send no faster than TCP would to the receiver with the worst way (NORM-CC, RFC "
           "5740), between min-rate and max-rate. For networks that are shared with others; "
           "what silent receivers lose is not known",
           Mutable::in_ready)
      .add("min-rate", of(&SrmSenderValues::min_rate),
           "congestion-control=true: bit/s below which no receiver slows the others down; 0: "
           "one packet in a second",
           Mutable::in_ready, {0, G_GUINT64_CONSTANT(1) << 40U})
      .add(
          "max-repair-rate", of(&SrmSenderValues::max_repair_rate),
          "Most that is sent again in bit/s because receivers, or who claims to be one, ask for "
          "it; 0: as much as data is sent for the first time",
          Mutable::in_ready, {0, G_GUINT64_CONSTANT(1) << 40U})
      .add("min-receivers", of(&SrmSenderValues::min_receivers),
           "mode=bulk: number of receivers that have to be there before data is sent, and to "
           "have all of it before EOS; 0: nobody is waited for",
           Mutable::in_playing, {0, 100'000})
      .add_checked("ack-receivers", of(&SrmSenderValues::ack_receivers),
                   "mode=bulk: node ids, separated by commas, of receivers that have to have "
                   "everything, from the start",
                   Mutable::in_ready, is_srm_node_list)
      .add("max-receivers", of(&SrmSenderValues::max_receivers),
           "mode=bulk: number of receivers that are kept account of", Mutable::in_ready,
           {1, 100'000})
      .add("segment-size", of(&SrmSenderValues::segment_size),
           "Payload of a packet in bytes; with headers of up to 76 it should fit the network's "
           "packets",
           Mutable::in_ready, {64, srm_max_segment_size})
      .add("block-size", of(&SrmSenderValues::block_size),
           "Number of packets of data that parity is computed for together; 0: 128 with "
           "mode=bulk, 64 else",
           Mutable::in_ready, {0, 254})
      .add("parity", of(&SrmSenderValues::parity),
           "Number of parity packets there can be for a block; block-size and parity together "
           "are 255 at most; -1: half of block-size",
           Mutable::in_ready, {-1, 254})
      .add("fec-overhead", of(&SrmSenderValues::fec_overhead),
           "Parity that is sent without being asked for, in parts of the data: 0.1 is 10 "
           "percent",
           Mutable::in_ready, {0, 2})
      .add("grtt", of(&SrmSenderValues::grtt),
           "Round trip time in nanoseconds to the farthest receiver, until it is measured",
           Mutable::in_ready, {GST_USECOND, 15 * GST_SECOND})
      .add("backoff-factor", of(&SrmSenderValues::backoff_factor),
           "How many times the round trip time receivers wait for each other, at most, before "
           "they ask",
           Mutable::in_ready, {0, 15})
      .add("group-size", of(&SrmSenderValues::group_size),
           "Rough number of receivers, for which their waiting is tuned", Mutable::in_ready,
           {1, 500'000'000})
      .add("node-id", of(&SrmSenderValues::node_id),
           "Number of this sender in the group; 0: by chance", Mutable::in_ready,
           {0, 0xfffffffeU})
      .add("instance-id", of(&SrmSenderValues::instance_id),
           "Number of this run of the sender, another one for each; 0: by chance",
           Mutable::in_ready, {0, 65535})
      .add("repair-buffer-size", of(&SrmSenderValues::repair_buffer_size),
           "Bytes that are kept for repair; mode=bulk: how far the slowest receiver may be "
           "behind",
           Mutable::in_ready, {guint64{1} << 16U, guint64{1} << 34U})
      .add("send-timestamps", of(&SrmSenderValues::send_timestamps),
           "Let PTS, DTS and duration travel; otherwise receivers stamp buffers when they come",
           Mutable::in_ready)
      .add("framing", of(&SrmSenderValues::framing),
           "Whether receivers get buffers as they are, with caps, or a plain stream of bytes "
           "that others can read too",
           Mutable::in_ready);
}

template <class Impl, class Values>
void add_srm_receiver(glue::Properties<Impl, Values> &table)
{
  using glue::Mutable;
  const auto of = []<class Value>(Value SrmReceiverValues::*member) {
    return static_cast<Value Values::*>(member);
  };
  table
      .add("mode", of(&SrmReceiverValues::mode),
           "Whether what is missing is given up when latency has passed", Mutable::in_ready)
      .add("latency", of(&SrmReceiverValues::latency),
           "mode=latency: how long in milliseconds what is missing is waited for",
           Mutable::in_playing, {0, 3'600'000})
      .add("node-id", of(&SrmReceiverValues::node_id),
           "Number of this receiver in the group; 0: by chance", Mutable::in_ready,
           {0, 0xfffffffeU})
      .add("silent", of(&SrmReceiverValues::silent),
           "Send nothing, ever: only the sender's fec-overhead repairs", Mutable::in_ready)
      .add("repair-buffer-size", of(&SrmReceiverValues::repair_buffer_size),
           "Bytes of a sender's data that are held at most; a block of the sender has to fit",
           Mutable::in_ready, {guint64{1} << 16U, guint64{1} << 34U})
      .add("total-buffer-size", of(&SrmReceiverValues::total_buffer_size),
           "Bytes of data of all senders there are, followed or not, that are held at most",
           Mutable::in_ready, {guint64{1} << 16U, guint64{1} << 36U})
      .add("max-message-size", of(&SrmReceiverValues::max_message_size),
           "Largest buffer in bytes that is put together; longer ones are dropped",
           Mutable::in_ready, {1024, 1U << 30U})
      .add("sender-timeout", of(&SrmReceiverValues::sender_timeout),
           "Silence in seconds after which a sender is taken to be gone", Mutable::in_ready,
           {1, 86'400})
      .add("caps", of(&SrmReceiverValues::caps),
           "Caps of the data if the sender does not tell any", Mutable::in_ready);
}

}  // namespace kam
