// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config.h"

#include "elements/http/elements.hpp"

static gboolean plugin_init(GstPlugin *plugin)
{
  gboolean any = FALSE;
  any |= GST_ELEMENT_REGISTER(httpclient, plugin);
  any |= GST_ELEMENT_REGISTER(httpserver, plugin);
  any |= GST_ELEMENT_REGISTER(httpserversink, plugin);
  any |= GST_ELEMENT_REGISTER(httpserversrc, plugin);
  any |= GST_ELEMENT_REGISTER(icecastsrc, plugin);
  return any;
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, kamaeliahttp,
                  "Kamaelia's HTTP: a client, Internet radio and its station", plugin_init,
                  VERSION, "LGPL", PACKAGE, "https://example.org/gst-kamaelia")
