// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config.h"

#include "elements/torrent/elements.hpp"

static gboolean plugin_init(GstPlugin *plugin)
{
  gboolean any = FALSE;
  any |= GST_ELEMENT_REGISTER(torrentdemux, plugin);
  any |= GST_ELEMENT_REGISTER(torrentenc, plugin);
  any |= GST_ELEMENT_REGISTER(torrentsink, plugin);
  any |= GST_ELEMENT_REGISTER(torrentsrc, plugin);
  any |= GST_TYPE_FIND_REGISTER(torrenttypefind, plugin);
  return any;
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, kamaeliatorrent,
                  "Kamaelia's BitTorrent: play while it downloads, share what you make",
                  plugin_init, VERSION, "LGPL", PACKAGE, "https://example.org/gst-kamaelia")
