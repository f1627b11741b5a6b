// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config.h"

#include "elements/base/elements.hpp"
#include "elements/base/protocolserver/serverpresets.hpp"

static gboolean plugin_init(GstPlugin *plugin)
{
  gboolean any = FALSE;
  any |= GST_ELEMENT_REGISTER(audiocookiesrc, plugin);
  any |= GST_ELEMENT_REGISTER(brokennetwork, plugin);
  any |= GST_ELEMENT_REGISTER(chunker, plugin);
  any |= GST_ELEMENT_REGISTER(dechunker, plugin);
  any |= GST_ELEMENT_REGISTER(deframer, plugin);
  any |= GST_ELEMENT_REGISTER(fortunesrc, plugin);
  any |= GST_ELEMENT_REGISTER(framer, plugin);
  any |= GST_ELEMENT_REGISTER(mimerequestparse, plugin);
  any |= GST_ELEMENT_REGISTER(packetiser, plugin);
  any |= GST_ELEMENT_REGISTER(protocolserver, plugin);
  any |= GST_ELEMENT_REGISTER(recoverorder, plugin);
  any |= GST_ELEMENT_REGISTER(rtpnulldepay, plugin);
  any |= GST_ELEMENT_REGISTER(rtpnullpay, plugin);
  any |= GST_ELEMENT_REGISTER(srmdec, plugin);
  any |= GST_ELEMENT_REGISTER(srmenc, plugin);
  any |= GST_ELEMENT_REGISTER(srmsink, plugin);
  any |= GST_ELEMENT_REGISTER(srmsrc, plugin);
  any |= GST_ELEMENT_REGISTER(videocookiesrc, plugin);
  any |= kam::register_server_presets(plugin);
  return any;
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, kamaelia,
                  "Kamaelia's protocols: framing, chunking, packetising, reordering, requests, "
                  "reliable multicast, cookies",
                  plugin_init, VERSION, "LGPL", PACKAGE, "https://example.org/gst-kamaelia")
