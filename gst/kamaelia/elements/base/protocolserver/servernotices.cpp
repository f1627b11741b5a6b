// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/protocolserver/servernotices.hpp"

#include "glue/stats.hpp"
#include "net/wait.hpp"

#include <string>

namespace kam {

glue::StructurePtr structure_of(const ClientInfo &info)
{
  return glue::StructurePtr{gst_structure_new(
      "client-info", "id", G_TYPE_UINT64, info.id, "peer", G_TYPE_STRING,
      info.peer.address_text().c_str(), "peer-port", G_TYPE_INT, int{info.peer.port()}, "local",
      G_TYPE_STRING, info.local.address_text().c_str(), "local-port", G_TYPE_INT,
      int{info.local.port()}, "tls", G_TYPE_BOOLEAN, gboolean{info.tls}, nullptr)};
}

glue::StructurePtr structure_of(const ClientRecord &record)
{
  auto stats = structure_of(record.info);
  gst_structure_set_name(stats.get(), "client-stats");
  const auto since = record.connected_ns.load();
  gst_structure_set(stats.get(), "bytes-sent", G_TYPE_UINT64, record.bytes_sent.load(),
                    "bytes-received", G_TYPE_UINT64, record.bytes_received.load(),
                    "queued-bytes", G_TYPE_UINT64, record.queued_bytes.load(), "duration",
                    G_TYPE_UINT64, guint64{since != 0 ? net::now_ns() - since : 0}, nullptr);
  return stats;
}

glue::StructurePtr structure_of(const ServerStats &stats, guint64 messages_dropped)
{
  auto structure = glue::stats_structure("application/x-protocol-server-stats",
                                         {{"clients", stats.clients},
                                          {"accepted", stats.accepted},
                                          {"rejected", stats.rejected},
                                          {"bytes-sent", stats.bytes_sent},
                                          {"bytes-received", stats.bytes_received},
                                          {"queued-bytes", stats.queued_bytes},
                                          {"messages-dropped", messages_dropped}});
  for (std::size_t i = 0; i < removal_count; ++i) {
    const auto key = std::string{"removed-"} + name_of(static_cast<Removal>(i));
    gst_structure_set(structure.get(), key.c_str(), G_TYPE_UINT64, stats.removed.at(i),
                      nullptr);
  }
  return structure;
}

}  // namespace kam
