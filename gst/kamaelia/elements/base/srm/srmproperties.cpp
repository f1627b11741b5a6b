// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmproperties.hpp"

#include <algorithm>
#include <charconv>

using namespace kam;

GType glue::GTypeOf<srm::Policy>::type()
{
  static const std::array values{
      GEnumValue{gint(srm::Policy::latency),
                 "Send at once; who misses something too long goes on without it", "latency"},
      GEnumValue{gint(srm::Policy::bulk),
                 "Nothing is lost; the slowest receiver holds up the sender", "bulk"},
      GEnumValue{0, nullptr, nullptr}};
  static const GType type = register_enum("KamSrmMode", values.data());
  return type;
}

GType glue::GTypeOf<SrmReceiveMode>::type()
{
  static const std::array values{
      GEnumValue{gint(SrmReceiveMode::automatic),
                 "As the sender says; of a sender that says nothing, all is waited for",
                 "auto"},
      GEnumValue{gint(SrmReceiveMode::latency), "Go on without what does not come in time",
                 "latency"},
      GEnumValue{gint(SrmReceiveMode::bulk),
                 "Wait for everything as long as the sender can repair it", "bulk"},
      GEnumValue{0, nullptr, nullptr}};
  static const GType type = register_enum("KamSrmReceiveMode", values.data());
  return type;
}

GType glue::GTypeOf<SrmFraming>::type()
{
  static const std::array values{
      GEnumValue{gint(SrmFraming::records), "Buffers keep their boundaries, caps and flags",
                 "records"},
      GEnumValue{gint(SrmFraming::raw), "Only the bytes", "raw"},
      GEnumValue{0, nullptr, nullptr}};
  static const GType type = register_enum("KamSrmFraming", values.data());
  return type;
}

GType glue::GTypeOf<SrmObjectType>::type()
{
  static const std::array values{
      GEnumValue{gint(SrmObjectType::stream), "A stream without a known end", "stream"},
      GEnumValue{gint(SrmObjectType::data),
                 "One object, whose size upstream has to know beforehand", "data"},
      GEnumValue{gint(SrmObjectType::file), "The same with a name, that of the file", "file"},
      GEnumValue{0, nullptr, nullptr}};
  static const GType type = register_enum("KamSrmObjectType", values.data());
  return type;
}

std::optional<std::vector<srm::NodeId>> kam::parse_srm_nodes(const std::string &text)
{
  std::vector<srm::NodeId> nodes;
  const char *at = text.data();
  const char *const end = at + text.size();
  while (at != end) {
    srm::NodeId node = 0;
    const auto [stop, fault] = std::from_chars(at, end, node);
    if (fault != std::errc{} || node == srm::no_node || node == srm::any_node)
      return std::nullopt;
    nodes.push_back(node);
    at = stop;
    if (at == end)
      break;
    if (*at++ != ',' || at == end)
      return std::nullopt;
  }
  return nodes;
}

bool kam::is_srm_node_list(const std::string &text)
{
  return parse_srm_nodes(text).has_value();
}

srm::NodeId kam::random_srm_node()
{
  return std::clamp<srm::NodeId>(g_random_int(), 1, srm::any_node - 1);
}

namespace {

// In a large block there is less difference between what each receiver has lost, so that less
// parity serves all of them; a small one is complete sooner.
guint block_size_of(const SrmSenderValues &values)
{
  if (values.block_size != 0)
    return values.block_size;
  return values.mode == srm::Policy::bulk ? 128 : 64;
}

}  // namespace

srm::SenderOptions kam::sender_options(const SrmSenderValues &values)
{
  srm::SenderOptions options;
  options.node = values.node_id != 0 ? values.node_id : random_srm_node();
  options.instance = static_cast<std::uint16_t>(
      values.instance_id != 0 ? values.instance_id
                              : static_cast<guint>(g_random_int_range(1, 65536)));
  options.policy = values.mode;
  options.segment_size = static_cast<std::uint16_t>(values.segment_size);
  const auto block_size = block_size_of(values);
  const auto parity = values.parity < 0 ? block_size / 2 : static_cast<guint>(values.parity);
  options.block_size = static_cast<std::uint16_t>(block_size);
  options.parity = static_cast<std::uint16_t>(std::min(parity, 255U - block_size));
  options.fec_overhead = values.fec_overhead;
  options.max_rate = values.max_rate;
  options.congestion_control = values.congestion_control;
  options.min_rate = values.min_rate;
  options.max_repair_rate = values.max_repair_rate;
  options.grtt = values.grtt;
  options.backoff_factor = static_cast<std::uint8_t>(values.backoff_factor);
  options.group_size = values.group_size;
  options.buffer_bytes = static_cast<std::size_t>(values.repair_buffer_size);
  options.min_receivers = values.min_receivers;
  options.ack_receivers = parse_srm_nodes(values.ack_receivers).value_or(std::vector<guint>{});
  options.max_receivers = values.max_receivers;
  return options;
}

srm::ReceiverOptions kam::receiver_options(const SrmReceiverValues &values)
{
  srm::ReceiverOptions options;
  options.node = values.node_id != 0 ? values.node_id : random_srm_node();
  options.policy =
      values.mode == SrmReceiveMode::latency ? srm::Policy::latency : srm::Policy::bulk;
  options.latency = guint64{values.latency} * GST_MSECOND;
  options.silent = values.silent;
  options.buffer_bytes = static_cast<std::size_t>(values.repair_buffer_size);
  options.total_bytes = static_cast<std::size_t>(values.total_buffer_size);
  options.sender_timeout = guint64{values.sender_timeout} * GST_SECOND;
  return options;
}
