// SPDX-License-Identifier: LGPL-2.1-or-later
// What a buffer says about the response that it is the body of.
#pragma once

#include "elements/http/client/jobqueue.hpp"

#include <gst/gst.h>

namespace kam {

inline constexpr auto response_meta_name = "KamHttpResponseMeta";

// The fields are public API; docs/httpclient.md names them.
void register_response_meta();
void add_response_meta(GstBuffer *buffer, const Job &job);

// The fields that the meta and the message have in common.
glue::StructurePtr response_structure(const char *name, const Job &job);

}  // namespace kam
