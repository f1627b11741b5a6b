// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmmessages.hpp"

#include "glue/stats.hpp"

#include <utility>
#include <variant>

namespace kam {

namespace {

void post(GstElement *element, GstStructure *structure)
{
  gst_element_post_message(element, gst_message_new_element(GST_OBJECT(element), structure));
}

GstStructure *structure_of(const srm::ReceiverSeen &seen)
{
  return gst_structure_new("KamSrmReceiverSeen", "node-id", G_TYPE_UINT, seen.node, nullptr);
}

GstStructure *structure_of(const srm::ReceiverLost &lost)
{
  return gst_structure_new("KamSrmReceiverLost", "node-id", G_TYPE_UINT, lost.node, nullptr);
}

GstStructure *structure_of(const srm::AllAcknowledged &)
{
  return gst_structure_new_empty("KamSrmAllAcknowledged");
}

GstStructure *structure_of(const srm::RateLimited &limited)
{
  return gst_structure_new("KamSrmRateLimited", "rate", G_TYPE_UINT64, guint64{limited.rate},
                           "limiting-receiver", G_TYPE_UINT, limited.limiting, nullptr);
}

const char *text_of(srm::LeaveReason reason)
{
  switch (reason) {
  case srm::LeaveReason::ended: return "ended";
  case srm::LeaveReason::silent: return "silent";
  case srm::LeaveReason::restarted: return "restarted";
  case srm::LeaveReason::evicted: return "evicted";
  }
  return "unknown";
}

}  // namespace

void post_srm_event(GstElement *element, const srm::SenderEvent &event)
{
  post(element, std::visit([](const auto &happened) { return structure_of(happened); }, event));
}

void post_srm_sender_seen(GstElement *element, const srm::SenderSeen &seen)
{
  post(element, gst_structure_new("KamSrmSenderSeen", "node-id", G_TYPE_UINT, seen.sender,
                                  "instance-id", G_TYPE_UINT, guint{seen.instance}, nullptr));
}

void post_srm_sender_lost(GstElement *element, const SrmSenderAway &away)
{
  post(element, gst_structure_new("KamSrmSenderLost", "node-id", G_TYPE_UINT, away.sender,
                                  "reason", G_TYPE_STRING, text_of(away.reason), nullptr));
}

void post_srm_data_lost(GstElement *element, const srm::DataLost &lost)
{
  post(element, gst_structure_new("KamSrmDataLost", "node-id", G_TYPE_UINT, lost.sender,
                                  "segments", G_TYPE_UINT64, guint64{lost.segments}, "bytes",
                                  G_TYPE_UINT64, guint64{lost.bytes}, nullptr));
}

void post_srm_failure(GstElement *element, const net::Error &error, bool may_recover)
{
  if (may_recover)
    GST_ELEMENT_WARNING(element, RESOURCE, WRITE, ("%s.", error.what.c_str()),
                        ("sending goes on; what is lost is repaired if it can be"));
  else
    GST_ELEMENT_ERROR(element, RESOURCE, WRITE, ("%s.", error.what.c_str()),
                      ("%s", error.code.message().c_str()));
}

void add_srm_stats(GstStructure *to, const srm::SenderStats &stats)
{
  glue::add_stats(to, {{"bytes", stats.bytes},
                       {"packets-sent", stats.packets_sent},
                       {"bytes-sent", stats.bytes_sent},
                       {"source-packets", stats.source_packets},
                       {"repair-packets", stats.repair_packets},
                       {"parity-packets", stats.parity_packets},
                       {"nacks-received", stats.nacks_received},
                       {"acks-received", stats.acks_received},
                       {"squelches-sent", stats.squelches_sent},
                       {"bad-packets", stats.bad_packets},
                       {"repairs-refused", stats.repairs_refused},
                       {"grtt", stats.grtt},
                       {"buffered-bytes", stats.buffered_bytes},
                       {"receivers", stats.receivers},
                       {"rate", stats.rate},
                       {"limiting-receiver", stats.limiting}});
}

void add_srm_receivers(GstStructure *to, const std::vector<srm::Sender::ReceiverState> &all)
{
  GValue list = G_VALUE_INIT;
  gst_value_array_init(&list, static_cast<guint>(all.size()));
  for (const auto &receiver : all) {
    GValue value = G_VALUE_INIT;
    g_value_init(&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed(
        &value,
        gst_structure_new("receiver", "node-id", G_TYPE_UINT, receiver.node, "bytes",
                          G_TYPE_UINT64, guint64{receiver.acknowledged_bytes}, nullptr));
    gst_value_array_append_and_take_value(&list, &value);
  }
  gst_structure_take_value(to, "receiver-list", &list);
}

void add_srm_stats(GstStructure *to, const srm::ReceiverStats &stats)
{
  glue::add_stats(to, {{"packets-received", stats.packets_received},
                       {"bytes-received", stats.bytes_received},
                       {"bytes-delivered", stats.bytes_delivered},
                       {"segments-missed", stats.segments_missed},
                       {"segments-repaired", stats.segments_repaired},
                       {"segments-rebuilt", stats.segments_rebuilt},
                       {"segments-lost", stats.segments_lost},
                       {"duplicates", stats.duplicates},
                       {"nacks-sent", stats.nacks_sent},
                       {"nacks-suppressed", stats.nacks_suppressed},
                       {"acks-sent", stats.acks_sent},
                       {"bad-packets", stats.bad_packets},
                       {"overflow-packets", stats.overflow_packets},
                       {"grtt", stats.grtt},
                       {"buffered-bytes", stats.buffered_bytes},
                       {"senders", stats.senders}});
}

}  // namespace kam
