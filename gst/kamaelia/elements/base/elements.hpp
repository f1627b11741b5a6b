// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <gst/gst.h>

GST_ELEMENT_REGISTER_DECLARE(chunker)
GST_ELEMENT_REGISTER_DECLARE(dechunker)
GST_ELEMENT_REGISTER_DECLARE(deframer)
GST_ELEMENT_REGISTER_DECLARE(framer)
GST_ELEMENT_REGISTER_DECLARE(mimerequestparse)
GST_ELEMENT_REGISTER_DECLARE(packetiser)
