// SPDX-License-Identifier: LGPL-2.1-or-later
// What the elements of reliable multicast tell the application, as element messages.
#pragma once

#include "core/srm/receiver.hpp"
#include "core/srm/sender.hpp"
#include "elements/base/srm/srmmedia.hpp"
#include "net/error.hpp"

#include <gst/gst.h>

namespace kam {

// KamSrmReceiverSeen, KamSrmReceiverLost, KamSrmAllAcknowledged, KamSrmRateLimited.
void post_srm_event(GstElement *element, const srm::SenderEvent &event);
// KamSrmSenderSeen, KamSrmSenderLost, KamSrmDataLost.
void post_srm_sender_seen(GstElement *element, const srm::SenderSeen &seen);
void post_srm_sender_lost(GstElement *element, const SrmSenderAway &away);
void post_srm_data_lost(GstElement *element, const srm::DataLost &lost);

// A warning if sending may go on by itself, else an error.
void post_srm_failure(GstElement *element, const net::Error &error, bool may_recover);

// The fields of "stats".
void add_srm_stats(GstStructure *to, const srm::SenderStats &stats);
void add_srm_receivers(GstStructure *to, const std::vector<srm::Sender::ReceiverState> &all);
void add_srm_stats(GstStructure *to, const srm::ReceiverStats &stats);

// What these fields are, for the property's blurb.
inline constexpr auto srm_sender_stats_blurb =
    "What was sent since READY: bytes given by upstream; packets-sent, bytes-sent, all NORM "
    "messages; source-packets, data sent for the first time; repair-packets, sent because "
    "they were asked for; parity-packets; nacks-received, acks-received, squelches-sent; "
    "bad-packets that could not be read; repairs-refused, of what had left the buffer; grtt, "
    "the greatest round trip time in nanoseconds; buffered-bytes; receivers, number of those "
    "kept account of, and receiver-list with the node id of each and the bytes it has; rate, "
    "bit/s that may be sent now, 0 without a limit; limiting-receiver, the node id of the "
    "receiver that congestion control follows, 0 for none";
inline constexpr auto srm_receiver_stats_blurb =
    "What was received since READY: packets-received, bytes-received, all NORM messages; "
    "bytes-delivered; segments-missed, segments-repaired by the sender, segments-rebuilt from "
    "parity, segments-lost for good; duplicates; nacks-sent, nacks-suppressed because others "
    "asked, acks-sent; bad-packets that could not be read; overflow-packets that there was no "
    "room for; dropped-records, buffers that were not whole; grtt, the greatest round trip "
    "time in nanoseconds; buffered-bytes; senders";

}  // namespace kam
