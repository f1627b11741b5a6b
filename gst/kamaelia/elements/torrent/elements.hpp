// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

GST_ELEMENT_REGISTER_DECLARE(torrentdemux)
GST_ELEMENT_REGISTER_DECLARE(torrentenc)
GST_ELEMENT_REGISTER_DECLARE(torrentsink)
GST_ELEMENT_REGISTER_DECLARE(torrentsrc)
GST_TYPE_FIND_REGISTER_DECLARE(torrenttypefind)
