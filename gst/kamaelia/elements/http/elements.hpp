// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

GST_ELEMENT_REGISTER_DECLARE(httpclient)
GST_ELEMENT_REGISTER_DECLARE(httpserver)
GST_ELEMENT_REGISTER_DECLARE(httpserversink)
GST_ELEMENT_REGISTER_DECLARE(httpserversrc)
GST_ELEMENT_REGISTER_DECLARE(icecastsrc)
