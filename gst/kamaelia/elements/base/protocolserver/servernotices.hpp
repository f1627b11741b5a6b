// SPDX-License-Identifier: LGPL-2.1-or-later
// How an application hears of a server's clients: signals, and messages on the bus.
#pragma once

#include "elements/base/protocolserver/serverevents.hpp"
#include "elements/server/servermessages.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

namespace kam {

// "client-info": id, peer, peer-port, local, local-port, tls.
glue::StructurePtr structure_of(const ClientInfo &info);
// "client-stats": what structure_of(info) has, and bytes-sent, bytes-received, queued-bytes,
// duration in nanoseconds.
glue::StructurePtr structure_of(const ClientRecord &record);

// What the property "stats" tells, of which it says itself what it is.
glue::StructurePtr structure_of(const ServerStats &stats, guint64 messages_dropped);

}  // namespace kam
